"""The plain answers: one side, base, or both sides one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.conflict import Candidate
from tiebreak.text.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.text.document import Hunk, Region

NAME = "sides"


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """Ours, theirs, both concatenations, base."""
    region = hunk.region
    yield from _concatenations(region)
    for side, other in (("ours", "theirs"), ("theirs", "ours")):
        yield Candidate(
            region.side(side),
            NAME,
            f"takes {side} whole",
            f"sides/{side}",
            drops=(f"all of {other}",),
        )
    yield Candidate(
        region.base, NAME, "goes back to base", "sides/base", drops=("all of ours", "all of theirs")
    )


def _concatenations(region: Region) -> Iterator[Candidate[bytes]]:
    if not region.ours or not region.theirs:
        return
    kind = _kind(region)
    returns = () if kind != "over-base" else ("the other side's deletions of base lines",)
    for first, second in (("ours", "theirs"), ("theirs", "ours")):
        value = _line_end(region.side(first)) + region.side(second)
        why = f"keeps both sides: {first}, then {second}"
        yield Candidate(value, NAME, why, f"sides/concat/{kind}/{first}-{second}", drops=returns)


def _kind(region: Region) -> str:
    """What the concatenation joins: two pure insertions (with lines in common or not), or edits."""
    if region.base:
        return "over-base"
    common = set(split_lines(region.ours)) & set(split_lines(region.theirs))
    return "shared-lines" if any(line.strip() for line in common) else "disjoint-insert"


def _line_end(text: bytes) -> bytes:
    """A last line without its end gets one before something is put behind it."""
    if text.endswith((b"\n", b"\r")):
        return text
    return text + (b"\r\n" if b"\r\n" in text else b"\n")
