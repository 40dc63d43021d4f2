"""Find what the people committed for each conflict of a merge.

The merged file, with one sentinel line in place of each conflict, is aligned with the committed
file. Where the alignment replaces exactly the sentinel, and the lines around it are untouched, the
replacement is the resolution. Everything doubtful is dropped with a reason, never guessed (the
"bookends" of DeepMerge, arXiv 2105.07569, section 4, with both neighbours required):

    edited     a line next to the conflict was changed too: no border can be drawn
    ambiguous  aligning from the end of the file gives another answer
    markers    conflict markers were committed
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pygit2 import Patch
from pygit2.enums import DiffOption

from tiebreak.learn.equality import normalised

__all__ = ["CONTEXT", "Located", "locate", "normalised"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.text.document import Region

CONTEXT = 3  # lines on each side that must be untouched, as many as git shows around a change
MARKER = re.compile(rb"^(<{7,}|>{7,}|\|{7,}|={7,})( |$)", re.MULTILINE)


class Located(NamedTuple):
    """A resolution, or why there is none: one of the reasons above; empty when it was found."""

    text: bytes | None
    reason: str


class Change(NamedTuple):
    """Lines ``[old, old_end)`` of the merged file became ``[new, new_end)`` of the committed."""

    old: int
    old_end: int
    new: int
    new_end: int


def locate(regions: Sequence[Region], committed: bytes) -> list[Located]:
    """The resolution of each conflict of `regions` in the `committed` file, in order."""
    keys = _keys_with_sentinels(regions)
    lines = _lines(committed)
    wanted = [_key(line) for line in lines]
    sentinels = [index for index, key in enumerate(keys) if key.startswith(_SENTINEL)]
    forward = _resolutions(keys, wanted, sentinels)
    backward = _backward(keys, wanted, sentinels)
    return [_judge(lines, there, back) for there, back in zip(forward, backward, strict=True)]


_SENTINEL = b"\x01the conflict numbered "


def _lines(text: bytes) -> list[bytes]:
    parts = text.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _key(line: bytes) -> bytes:
    """What lines are compared by: a changed line end or trailing blank is no edit."""
    return line.rstrip()


def _keys_with_sentinels(regions: Sequence[Region]) -> list[bytes]:
    keys: list[bytes] = []
    for number, region in enumerate(regions):
        if region.result is None:
            keys.append(_SENTINEL + b"%d" % number)
        else:
            keys += [_key(line) for line in _lines(region.result)]
    return keys


def _resolutions(
    old: list[bytes], new: list[bytes], sentinels: list[int]
) -> list[tuple[int, int] | None]:
    """For each sentinel the lines of `new` that replace it; None where its context was edited."""
    changes = _align(old, new)
    return [_replacement(old, len(new), changes, sentinel) for sentinel in sentinels]


def _backward(
    old: list[bytes], new: list[bytes], sentinels: list[int]
) -> list[tuple[int, int] | None]:
    """The same, aligned from the end of the file, in the same order and coordinates."""
    last = len(old) - 1
    mirrored = [last - sentinel for sentinel in reversed(sentinels)]
    spans = _resolutions(old[::-1], new[::-1], mirrored)
    return [span and (len(new) - span[1], len(new) - span[0]) for span in reversed(spans)]


def _align(old: list[bytes], new: list[bytes]) -> list[Change]:
    """libgit2's diff (xdiff) over the lines: in C, since files are long and merges many."""
    patch = Patch.create_from(
        b"".join(line + b"\n" for line in old),
        b"".join(line + b"\n" for line in new),
        flag=DiffOption.FORCE_TEXT,
        context_lines=0,
        interhunk_lines=0,
    )
    return [
        _change(hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines)
        for hunk in patch.hunks
    ]


def _change(old: int, old_lines: int, new: int, new_lines: int) -> Change:
    """A unified diff names the line *before* an empty side, counting from 1."""
    old_first = old if old_lines == 0 else old - 1
    new_first = new if new_lines == 0 else new - 1
    return Change(old_first, old_first + old_lines, new_first, new_first + new_lines)


def _replacement(
    old: list[bytes], new_size: int, changes: list[Change], sentinel: int
) -> tuple[int, int] | None:
    at = next(i for i, c in enumerate(changes) if c.old <= sentinel < c.old_end)
    change = changes[at]
    if (change.old, change.old_end) != (sentinel, sentinel + 1):
        return None
    start = changes[at - 1].old_end if at else 0
    end = changes[at + 1].old if at + 1 < len(changes) else len(old)
    before, after = old[:sentinel][::-1], old[sentinel + 1 :]
    if sentinel - start < _bookend(before) or end - sentinel - 1 < _bookend(after):
        return None
    return change.new, change.new_end


def _bookend(lines: list[bytes]) -> int:
    """How many of the lines next to a conflict must be untouched.

    `CONTEXT` of them, and on to the first that says something (``}`` and blank lines are
    everywhere), but not beyond the next conflict or the end of the file.
    """
    for count, line in enumerate(lines):
        if line.startswith(_SENTINEL):
            return count
        if count + 1 >= CONTEXT and any(re.search(rb"\w", seen) for seen in lines[: count + 1]):
            return count + 1
    return len(lines)


def _judge(
    lines: list[bytes], there: tuple[int, int] | None, back: tuple[int, int] | None
) -> Located:
    if there is None or back is None:
        return Located(None, "edited")
    if there != back:
        return Located(None, "ambiguous")
    text = b"".join(lines[there[0] : there[1]])
    return Located(None, "markers") if MARKER.search(text) else Located(text, "")
