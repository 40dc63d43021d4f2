"""The model card of a merge: ``README.md`` for people, ``tiebreak_merge.json`` for programs.

Both say what the result follows from, and nothing else: no date, no place, no number of threads, so
the same merge gives the same bytes. The front matter is the Hugging Face Hub's.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tiebreak.weights.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tiebreak.weights.methods import Method

README: Final = "README.md"
RECORD: Final = "tiebreak_merge.json"
FORMAT: Final = 1

_ARXIV: Final = re.compile(r"arXiv[\s:]+(\d{4}\.\d{4,5})")
_HUB: Final = re.compile(r"(?:^|/)models--([^/]+?)--([^/]+)/snapshots/([0-9a-f]{40})(?:/|$)")
_LICENSE: Final = re.compile(r"^license:[ \t]*['\"]?([A-Za-z0-9._+-]+)['\"]?[ \t]*$", re.MULTILINE)
_PLAIN: Final = re.compile(r"[A-Za-z0-9._/-]+")
_BEGIN: Final = "---\n"


class InputFile(NamedTuple):
    """A file that was read, by its content."""

    name: str
    size: int
    sha256: str


class Source(NamedTuple):
    """One input. `hub` is its name on the Hub, `revision` a commit, each "" where not known."""

    role: str
    name: str
    hub: str
    revision: str
    license: str
    files: tuple[InputFile, ...]


class Card(NamedTuple):
    """A merge. `made` is the command or the recipe, word for word, and `language` what it is in."""

    version: str
    method: str
    link: str
    parameters: Mapping[str, Any]
    sources: Sequence[Source]
    notes: Sequence[str]
    made: str
    language: str
    config: Mapping[str, Any]
    adapter: bool = False


def card_texts(card: Card) -> dict[str, str | bytes]:
    """The two files, by name."""
    return {README: _readme(card).encode(), RECORD: _record(card).encode()}


def link_of(method: Method) -> str:
    """The address of the paper that a method cites in its documentation; "" without one."""
    module = sys.modules.get(method.prepare.__module__)
    found = _ARXIV.search(module.__doc__ or "") if module is not None else None
    return f"https://arxiv.org/abs/{found[1]}" if found else ""


def hub_of(path: str) -> tuple[str, str]:
    """The name on the Hub and the revision of a folder in its cache; empty for any other."""
    found = _HUB.search(os.path.realpath(path))
    return (f"{found[1]}/{found[2]}", found[3]) if found else ("", "")


def license_in(readme: str) -> str:
    """The licence that the front matter of a model card names; "" without one."""
    if not readme.startswith(_BEGIN):
        return ""
    found = _LICENSE.search(readme[len(_BEGIN) :].partition("\n---")[0])
    return found[1] if found else ""


def _licenses(card: Card) -> set[str]:
    return {source.license for source in card.sources}


def _readme(card: Card) -> str:
    models = [source for source in card.sources if source.role == "model"]
    title = " and ".join(_last(source.name) for source in models)
    name = f"[{card.method}]({card.link})" if card.link else card.method
    parts = [
        _front(card),
        f"# Merge of {title}\n",
        f"Made by tiebreak {card.version} with the method {name}.\n",
        "## Models\n",
        _table(("role", "model", "revision", "license"), list(_rows(card))),
    ]
    if len(_licenses(card)) > 1 or "" in _licenses(card):
        parts.append("The licences of the models are not all known, or differ: look at each.\n")
    if card.parameters:
        rows = [(name, _value(value)) for name, value in sorted(card.parameters.items())]
        parts += ["## Parameters\n", _table(("parameter", "value"), rows)]
    if card.notes:
        parts += ["## Decisions\n", "".join(f"* {note}\n" for note in card.notes)]
    parts += ["## How it was made\n", _fenced(card.made, card.language)]
    parts += ["## How to load it\n", _fenced(_loading(card), "python")]
    parts.append("## What it was made from\n")
    parts.append(_table(("model", "file", "bytes", "SHA-256"), list(_files(card))))
    return "\n".join(parts)


def _front(card: Card) -> str:
    lines: list[str] = []
    hubs = list(dict.fromkeys(source.hub for source in card.sources if source.hub))
    if hubs:
        lines += ["base_model:", *(f"- {_scalar(hub)}" for hub in hubs)]
    library = "peft" if card.adapter else "transformers" if card.config else ""
    if library:
        lines.append(f"library_name: {library}")
    licenses = _licenses(card)
    if len(licenses) == 1 and "" not in licenses:
        lines.append(f"license: {_scalar(licenses.pop())}")
    lines += ["tags:", "- merge", "- tiebreak"]
    return "---\n" + "\n".join(lines) + "\n---\n"


def _rows(card: Card) -> Iterator[tuple[str, ...]]:
    for source in card.sources:
        yield source.role, _code(source.hub or source.name), source.revision, source.license


def _files(card: Card) -> Iterator[tuple[str, ...]]:
    for source in card.sources:
        for file in source.files:
            yield _code(source.name), _code(file.name), str(file.size), _code(file.sha256)


def _loading(card: Card) -> str:
    architectures = card.config.get("architectures") or [""]
    kind = str(architectures[0]) if isinstance(architectures, list) else ""
    if card.adapter:
        return "from peft import AutoPeftModel\n\nmodel = AutoPeftModel.from_pretrained(FOLDER)"
    if not card.config:
        return 'from safetensors.torch import load_file\n\ntensors = load_file("FOLDER/FILE")'
    if not kind.endswith("ForCausalLM"):
        name = kind if kind.isidentifier() else "AutoModel"
        return f"from transformers import {name}\n\nmodel = {name}.from_pretrained(FOLDER)"
    return (
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        "tokenizer = AutoTokenizer.from_pretrained(FOLDER)\n"
        "model = AutoModelForCausalLM.from_pretrained(FOLDER)"
    )


def _record(card: Card) -> str:
    content = {
        "format": FORMAT,
        "tiebreak": card.version,
        "method": card.method,
        "reference": card.link or None,
        "parameters": dict(sorted(card.parameters.items())),
        "made": card.made,
        "decisions": list(card.notes),
        "inputs": [
            {
                "role": source.role,
                "name": source.name,
                "hub": source.hub or None,
                "revision": source.revision or None,
                "license": source.license or None,
                "files": [file._asdict() for file in source.files],
            }
            for source in card.sources
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in r)} |\n" for r in lines)


def _fenced(text: str, language: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def _code(text: str) -> str:
    plain = shown(text, 400).replace("`", "'")
    return f"`{plain}`"


def _last(name: str) -> str:
    return shown(name.rstrip("/").rpartition("/")[2] or name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else shown(str(value), 400)


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
