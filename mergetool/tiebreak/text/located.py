"""Find what the people committed for each conflict of a merge.

The merged file, with one sentinel line in place of each conflict, is aligned with the committed
file. Where the alignment replaces exactly the sentinel, and the lines around it are untouched, the
replacement is the resolution. Everything doubtful is dropped with a reason, never guessed (the
"bookends" of DeepMerge, arXiv 2105.07569, section 4, with both neighbours required):

    edited     a line next to the conflict was changed too: no border can be drawn
    ambiguous  aligning from the end of the file gives another answer; or the few lines that part
               two conflicts stand more than once in what was made of both: each may be the border
    markers    conflict markers were committed
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.text.diff import Change, diff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiebreak.text.document import Region

    Align = Callable[[Sequence[bytes], Sequence[bytes]], list[Change]]

CONTEXT = 3  # lines on each side that must be untouched, as many as git shows around a change
MARKER = re.compile(rb"^(<{7,}|>{7,}|\|{7,}|={7,})( |$)", re.MULTILINE)


class Located(NamedTuple):
    """A resolution, or why there is none: one of the reasons above; empty when it was found."""

    text: bytes | None
    reason: str


def by_git(old: Sequence[bytes], new: Sequence[bytes]) -> list[Change]:
    """What differs, as `git diff` has it."""
    return diff(old, new, "myers")


def locate(regions: Sequence[Region], committed: bytes, align: Align = by_git) -> list[Located]:
    """The resolution of each conflict of `regions` in the `committed` file, in order.

    `align` compares two lists of lines.
    """
    keys = _keys_with_sentinels(regions)
    lines = _lines(committed)
    wanted = [_key(line) for line in lines]
    sentinels = [index for index, key in enumerate(keys) if key.startswith(_SENTINEL)]
    forward = _resolutions(keys, wanted, sentinels, align)
    backward = _backward(keys, wanted, sentinels, align)
    doubtful = _doubtful(keys, wanted, sentinels, forward)
    return [
        _judge(lines, there, back, doubtful=number in doubtful)
        for number, (there, back) in enumerate(zip(forward, backward, strict=True))
    ]


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
    old: list[bytes], new: list[bytes], sentinels: list[int], align: Align
) -> list[tuple[int, int] | None]:
    """For each sentinel the lines of `new` that replace it; None where its context was edited."""
    changes = align(old, new)
    return [_replacement(old, len(new), changes, sentinel) for sentinel in sentinels]


def _backward(
    old: list[bytes], new: list[bytes], sentinels: list[int], align: Align
) -> list[tuple[int, int] | None]:
    """The same, aligned from the end of the file, in the same order and coordinates."""
    last = len(old) - 1
    mirrored = [last - sentinel for sentinel in reversed(sentinels)]
    spans = _resolutions(old[::-1], new[::-1], mirrored, align)
    return [span and (len(new) - span[1], len(new) - span[0]) for span in reversed(spans)]


def _replacement(
    old: list[bytes], new_size: int, changes: list[Change], sentinel: int
) -> tuple[int, int] | None:
    at = next(i for i, c in enumerate(changes) if c.a_start <= sentinel < c.a_end)
    change = changes[at]
    if (change.a_start, change.a_end) != (sentinel, sentinel + 1):
        return None
    start = changes[at - 1].a_end if at else 0
    end = changes[at + 1].a_start if at + 1 < len(changes) else len(old)
    before, after = old[:sentinel][::-1], old[sentinel + 1 :]
    if sentinel - start < _bookend(before) or end - sentinel - 1 < _bookend(after):
        return None
    return change.b_start, change.b_end


def _bookend(lines: list[bytes]) -> int:
    """How many of the lines next to a conflict must be untouched.

    `CONTEXT` of them, and on to the first that says something (``}`` and blank lines are
    everywhere), but not beyond the next conflict or the end of the file.
    """
    for count, line in enumerate(lines):
        if line.startswith(_SENTINEL):
            return count
        if _is_border(lines[: count + 1]):
            return count + 1
    return len(lines)


def _is_border(lines: Sequence[bytes]) -> bool:
    """Whether lines are enough to tell where a resolution ends."""
    return len(lines) >= CONTEXT and any(re.search(rb"\w", line) for line in lines)


def _doubtful(
    old: list[bytes],
    new: list[bytes],
    sentinels: list[int],
    spans: Sequence[tuple[int, int] | None],
) -> set[int]:
    """The conflicts that are parted from another by so few lines that others may be meant."""
    found = set[int]()
    for number, (here, there) in enumerate(pairwise(sentinels)):
        between, one, other = old[here + 1 : there], spans[number], spans[number + 1]
        if _is_border(between):
            continue
        if one is None or other is None or not _once(between, new[one[0] : other[1]]):
            found |= {number, number + 1}
    return found


def _once(some: list[bytes], lines: list[bytes]) -> bool:
    """Whether lines stand among others, one after the other, exactly once."""
    places = range(len(lines) - len(some) + 1)
    return sum(lines[at : at + len(some)] == some for at in places) == 1


def _judge(
    lines: list[bytes],
    there: tuple[int, int] | None,
    back: tuple[int, int] | None,
    *,
    doubtful: bool,
) -> Located:
    if there is None or back is None:
        return Located(None, "edited")
    if doubtful or there != back:
        return Located(None, "ambiguous")
    text = b"".join(lines[there[0] : there[1]])
    return Located(None, "markers") if MARKER.search(text) else Located(text, "")
