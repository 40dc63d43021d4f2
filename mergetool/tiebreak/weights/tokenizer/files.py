"""The files of the result that name tokens or ids, and the configuration that goes with them.

The tokenizer is the lead's, file by file and byte for byte, but for what a union adds to it. The
configuration is the first model's: the ids in it follow their tokens, and an id whose token is not
in the result gives way to what the lead's configuration says there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from tiebreak.weights.settings_files import dump
from tiebreak.weights.tokenizer.config import TIE, read_json, setting, with_setting
from tiebreak.weights.tokenizer.growing import VOCABULARY, grown
from tiebreak.weights.tokenizer.reading import ADDED, FILE, SETTINGS, WORDS
from tiebreak.weights.vocabulary.files import CONFIG, moved_ids, names_ids, sized
from tiebreak.weights.vocabulary.union import OPAQUE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tiebreak.weights.tokenizer.config import Json
    from tiebreak.weights.tokenizer.plan import Plan
    from tiebreak.weights.tokenizer.reading import Known

    Texts = dict[str, str | bytes | None]

GENERATION: Final = "generation_config.json"
TOKENIZER: Final = frozenset(
    {
        FILE,
        SETTINGS,
        ADDED,
        WORDS,
        "special_tokens_map.json",
        VOCABULARY,
        "merges.txt",
        "chat_template.jinja",
        "chat_template.json",
        *OPAQUE,
    }
)


def tokenizer_texts(first: str, lead: Known, plan: Plan) -> Texts:
    """The tokenizer's files where they are not the first model's; `first` is its folder."""
    found: Texts = {}
    if os.path.realpath(first) != os.path.realpath(lead.path):
        found = dict.fromkeys(TOKENIZER.intersection(os.listdir(first)))
        held = sorted(TOKENIZER.intersection(os.listdir(lead.path)))
        found |= {name: os.path.join(lead.path, name) for name in held}
    return found | (grown(lead, plan) if plan.words or plan.added else {})


def config_texts(
    first: str, models: tuple[Known, Known] | None, plan: Plan | None, *, tied: bool | None
) -> Texts:
    """The configuration where it changes; `models` are the first and the lead."""
    found: Texts = {}
    for name in (CONFIG, GENERATION):
        before = read_json(first, name)
        after = before
        if models is not None and plan is not None:
            after = _followed(name, before, models, plan)
        if name == CONFIG and plan is not None:
            after = sized(after, plan.rows)
        if name == CONFIG and tied is not None and setting(after, TIE) is not tied:
            after = with_setting(after, TIE, tied)
        if after != before:
            with open(os.path.join(first, name), "rb") as file:
                found[name] = dump(after, file.read())
    return found


def _followed(name: str, content: Json, models: tuple[Known, Known], plan: Plan) -> Json:
    """The ids of the first model's tokens in the result, or the lead's where there is none."""
    first, lead = models
    if first is lead:
        return content
    moved = {old: plan.tokens[t] for t, old in first.tokens.items() if t in plan.tokens}
    gone = {old for token, old in first.tokens.items() if token not in plan.tokens}
    return _walked(content, read_json(lead.path, name), moved, gone)


def _walked(content: Json, other: Json, moved: Mapping[int, int], gone: Collection[int]) -> Json:
    found: Json = {}
    for key, value in content.items():
        theirs = other.get(key)
        if isinstance(value, dict):
            found[key] = _walked(value, theirs if isinstance(theirs, dict) else {}, moved, gone)
        elif names_ids(key):
            found[key] = _ids(value, theirs, moved, gone)
        else:
            found[key] = value
    return found


def _ids(value: Any, other: Any, moved: Mapping[int, int], gone: Collection[int]) -> Any:
    if isinstance(value, list) and all(type(item) is int for item in value):
        kept = [item for item in value if item not in gone]
        return moved_ids(kept, moved) if kept or not value else other
    return other if type(value) is int and value in gone else moved_ids(value, moved)
