"""Veto what cannot be right in the JSON files beside a checkpoint, however well the lines merge.

An id stands for one token. The settings of an adapter belong to the factors that were trained with
them: a rank of one side with the scale of the other is neither's. Only what the merge brings
counts, not what a side had already.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from tiebreak.text.document import BASE, OURS, THEIRS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tiebreak.text.document import Document

ADAPTER: Final = "adapter_config.json"
TOKENS: Final = ("added_tokens.json", "vocab.json", "tokenizer.json", "tokenizer_config.json")

_TOGETHER: Final = (  # of an adapter; what was trained was trained with all of them
    "base_model_name_or_path",
    "revision",
    "peft_type",
    "r",
    "lora_alpha",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "use_dora",
    "fan_in_fan_out",
    "target_modules",
    "modules_to_save",
)

Json = Any


def whole(document: Document) -> str | None:
    """What is wrong with the file with everything that was chosen for it."""
    name = os.path.basename(document.path)
    if name != ADAPTER and name not in TOKENS:
        return None
    return trouble(document.path, document.texts, document.assemble(OURS))


def trouble(path: str, texts: Mapping[str, bytes], merged: bytes) -> str | None:
    """The same for any merged text; `texts` are the versions, by side."""
    name = os.path.basename(path)
    if name == ADAPTER:
        return _mixed(*(_read(texts[side]) for side in (BASE, OURS, THEIRS)))
    if name not in TOKENS:
        return None
    known = {*_twice(_read(texts[OURS]), name), *_twice(_read(texts[THEIRS]), name)}
    return next((what for what in _twice(_read(merged), name) if what not in known), None)


def _read(text: bytes) -> Json:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _mixed(base: Json, ours: Json, theirs: Json) -> str | None:
    if not all(isinstance(version, dict) for version in (base, ours, theirs)):
        return None
    changed = [
        {key for key in _TOGETHER if side.get(key) != base.get(key)} for side in (ours, theirs)
    ]
    if not all(changed) or all(ours.get(key) == theirs.get(key) for key in _TOGETHER):
        return None
    first, second = (", ".join(sorted(keys)) for keys in changed)
    return f"both changed how the adapter was trained (ours {first}; theirs {second})"


def _twice(found: Json, name: str) -> Iterator[str]:
    """Ids with two tokens, and tokens with two ids."""
    by_id: dict[object, str] = {}
    by_token: dict[str, object] = {}
    for token, number in _tokens(found, name):
        other = by_id.setdefault(number, token)
        earlier = by_token.setdefault(token, number)
        if other != token:
            first, second = sorted((other, token))
            yield f"id {number} stands for {first!r} and {second!r}"
        elif earlier != number:
            yield f"{token!r} has two ids"


def _tokens(found: Json, name: str) -> Iterator[tuple[str, object]]:
    if not isinstance(found, dict):
        return
    if name in {"added_tokens.json", "vocab.json"}:
        yield from found.items()
    elif name == "tokenizer.json":
        model = found.get("model")
        vocabulary = model.get("vocab") if isinstance(model, dict) else None
        if isinstance(vocabulary, dict):
            yield from vocabulary.items()
        yield from _described(
            (token, token.get("id")) for token in _list(found) if isinstance(token, dict)
        )
    else:
        decoder = found.get("added_tokens_decoder")
        if isinstance(decoder, dict):
            pairs = ((token, number) for number, token in decoder.items())
            yield from _described(pairs)


def _list(found: Json) -> list[Json]:
    added = found.get("added_tokens")
    return added if isinstance(added, list) else []


def _described(pairs: Iterator[tuple[Json, object]]) -> Iterator[tuple[str, object]]:
    for token, number in pairs:
        if isinstance(token, dict) and isinstance(token.get("content"), str):
            yield token["content"], number
