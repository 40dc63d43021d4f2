"""Chat templates: how a conversation is written out for a model, in Jinja.

transformers reads ``chat_template.jinja`` first; older versions know only the copy in
``tokenizer_config.json``. The template goes into the first, and into others that have one already.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tiebreak.errors import UsageError
from tiebreak.weights.errors import shown
from tiebreak.weights.settings_files import dump
from tiebreak.weights.tokenizer.config import read_json
from tiebreak.weights.tokenizer.reading import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    Texts = dict[str, str | bytes | None]

FILE: Final = "chat_template.jinja"
KEY: Final = "chat_template"
AUTO: Final = "auto"

_OF_PROCESSORS: Final = "chat_template.json"
_ENDING: Final = ".jinja"
_SHIPPED: Final = os.path.join(os.path.dirname(__file__), "templates")
_MARK: Final = re.compile(r"<\|[^|<>{}]+\|>|\[\|[a-z]+\|\]")  # how templates name tokens


class Chat(NamedTuple):
    """A template, and where it is from; without a text there is none to write."""

    text: str
    source: str


def names() -> list[str]:
    """The templates that can be asked for by name."""
    return sorted(name.removesuffix(_ENDING) for name in os.listdir(_SHIPPED))


def chosen(asked: str, folders: Sequence[str]) -> Chat:
    """The template that is asked for: "auto", a name, a file, or Jinja. Raises `UsageError`."""
    if asked == AUTO:
        return _most_common(folders)
    if asked in names():
        return Chat(_read(os.path.join(_SHIPPED, asked + _ENDING)), f"{asked}'s")
    if asked.endswith(_ENDING) and "{" not in asked:
        try:
            return Chat(_read(asked), f"that of {shown(asked)}")
        except (OSError, ValueError) as error:
            raise UsageError(f"chat template {shown(asked)}: cannot be read: {error}") from error
    if "{" not in asked:
        known = ", ".join((AUTO, *names()))
        raise UsageError(
            f"chat template {shown(repr(asked))}: expected {known}, a .jinja file or Jinja"
        )
    return Chat(asked, "as given")


def texts(chat: Chat, folder: str, known: Texts) -> Texts:
    """The files that hold it. `folder` is the tokenizer's, `known` what is written instead."""
    found: Texts = {FILE: chat.text.encode()}
    for name in (SETTINGS, _OF_PROCESSORS):
        raw = _content(folder, name, known)
        content = {} if raw is None else _parsed(raw)
        if KEY in content:
            found[name] = dump(content | {KEY: chat.text}, raw)
    return found


def unknown_tokens(chat: Chat, tokens: Collection[str]) -> list[str]:
    """What the template writes as if it were one token, and the tokenizer does not know."""
    return [mark for mark in dict.fromkeys(_MARK.findall(chat.text)) if mark not in tokens]


def _most_common(folders: Sequence[str]) -> Chat:
    """That of most models; of several, the first model's that has one of them."""
    found = [template for template in map(_template_of, folders) if template]
    if not found:
        return Chat("", "")
    text, count = Counter(found).most_common(1)[0]
    return Chat(text, f"that of {count} of {len(folders)} models")


def _template_of(folder: str) -> str:
    path = os.path.join(folder, FILE)
    if os.path.isfile(path):
        return _read(path).strip()
    found: Any = read_json(folder, SETTINGS).get(KEY) or read_json(folder, _OF_PROCESSORS).get(KEY)
    if isinstance(found, list):  # several, by name
        found = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
    found = found.get("default") if isinstance(found, dict) else found
    return found.strip() if isinstance(found, str) else ""


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _content(folder: str, name: str, known: Texts) -> bytes | None:
    """A file as the result would have it; None if it has none."""
    path = known.get(name, os.path.join(folder, name))
    if isinstance(path, bytes) or path is None:
        return path
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def _parsed(raw: bytes) -> dict[str, Any]:
    found = json.loads(raw)
    return found if isinstance(found, dict) else {}
