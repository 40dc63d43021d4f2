"""JSON files beside a checkpoint: merged by key, and written in the style they were in.

`merge_json` is the trivial rule for every key. It knows two kinds of lists whose elements are
entries of their own: tokens that are described, and names; every other list is one value.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tiebreak.weights.threeway import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

ABSENT: Final = object()

Json = Any


class Style(NamedTuple):
    """How a file is written."""

    indent: int | None = 2
    sort_keys: bool = False
    ensure_ascii: bool = False
    end: str = "\n"


_INDENT: Final = re.compile(rb"[\[{]\n( +)")
_STYLES: Final = tuple(
    Style(indent, sort, ascii_only, end)
    for indent in (2, 4, None)
    for sort in (True, False)
    for ascii_only in (False, True)
    for end in ("\n", "")
)


class MergedJson(NamedTuple):
    """A value, and where both sides changed one thing, each with the reason."""

    value: Json
    conflicts: tuple[tuple[str, str], ...]


def dump(value: Json, like: bytes | None) -> bytes:
    """A JSON text in the style of another; of Hugging Face's files where that is none."""
    style = style_of(like) if like is not None else Style()
    text = json.dumps(
        value, indent=style.indent, sort_keys=style.sort_keys, ensure_ascii=style.ensure_ascii
    )
    return f"{text}{style.end}".encode()


def style_of(text: bytes) -> Style:
    """The style that gives the same bytes again; the usual one if none does."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Style()
    for style in _likely(text):
        written = json.dumps(
            value, indent=style.indent, sort_keys=style.sort_keys, ensure_ascii=style.ensure_ascii
        )
        if f"{written}{style.end}".encode() == text:
            return style
    return Style()


def _likely(text: bytes) -> Iterator[Style]:
    """The styles that a look at the text leaves: writing a large tokenizer takes a second each."""
    found = _INDENT.match(text)
    indent = len(found[1]) if found else None
    end = "\n" if text.endswith(b"\n") else ""
    for style in _STYLES:
        if (style.indent, style.end) == (indent, end) and (
            text.isascii() or not style.ensure_ascii
        ):
            yield style


def merge_json(base: Json, ours: Json, theirs: Json, where: str = "") -> MergedJson:
    """The trivial rule for every key; `ABSENT` stands for a version without it."""
    if _same(ours, theirs) or _same(base, theirs):
        return MergedJson(ours, ())
    if _same(base, ours):
        return MergedJson(theirs, ())
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return _merge_objects(base if isinstance(base, dict) else {}, ours, theirs, where)
    first, second, third = (_entries([] if v is ABSENT else v) for v in (base, ours, theirs))
    if first is not None and second is not None and third is not None:
        merged = _merge_objects(first, second, third, where)
        return MergedJson(_in_turn(list(merged.value.values())), merged.conflicts)
    return MergedJson(ours, ((where or "the whole", "both changed it"),))


def _merge_objects(
    base: dict[str, Json], ours: dict[str, Json], theirs: dict[str, Json], where: str
) -> MergedJson:
    value: dict[str, Json] = {}
    conflicts: list[tuple[str, str]] = []
    for key in in_order(list(ours), list(theirs)):
        before, one, other = (found.get(key, ABSENT) for found in (base, ours, theirs))
        merged = merge_json(before, one, other, f"{where}.{key}" if where else key)
        conflicts += merged.conflicts
        if merged.value is not ABSENT:
            value[key] = merged.value
    return MergedJson(value, tuple(conflicts))


def _entries(found: Json) -> dict[str, Json] | None:
    """A list of names or of described tokens by what tells them apart; None for any other."""
    if not isinstance(found, list):
        return None
    keys = list(_keys(found))
    if len(keys) != len(found) or len(set(keys)) != len(keys):
        return None
    return dict(zip(keys, found, strict=True))


def _keys(found: list[Json]) -> Iterator[str]:
    for item in found:
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict) and isinstance(item.get("content"), str):
            yield item["content"]


def _in_turn(items: list[Json]) -> list[Json]:
    """Tokens that say their id stand in its order, as the tokenizers library writes them."""
    numbers = [item.get("id") if isinstance(item, dict) else None for item in items]
    if not all(type(number) is int for number in numbers):
        return items
    return sorted(items, key=lambda item: item["id"])


def _same(one: Json, other: Json) -> bool:
    """Equal as JSON: 1, 1.0 and true are three things."""
    if one is ABSENT or other is ABSENT:
        return one is other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
