"""Edits on neighbouring lines: git calls them a conflict because they touch.

Where the line changes of the two sides, each aligned with base, are in different base lines,
applying both is the candidate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.conflict import Candidate
from tiebreak.text.diff import diff
from tiebreak.text.lines import split_lines
from tiebreak.text.weave import weave

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.document import Hunk
    from tiebreak.text.weave import Change

NAME = "adjacent"


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """Both sides' line edits, where no base line is edited by both."""
    base, ours, theirs = (split_lines(hunk.region.side(s)) for s in ("base", "ours", "theirs"))
    by_ours = diff(base, ours)
    by_theirs = diff(base, theirs)
    lines = weave(base, (ours, by_ours), (theirs, by_theirs), (0, len(base)))
    if lines is None or not by_ours or not by_theirs:
        return
    kind = _kind([*by_ours, *by_theirs])
    yield Candidate(b"".join(lines), NAME, "the sides edit different lines", f"{NAME}/{kind}")


def _kind(changes: Sequence[Change]) -> str:
    """``insert`` when something is put between lines, ``delete`` when lines only go."""
    if any(start == end for start, end, _, _ in changes):
        return "insert"
    if any(first == last for _, _, first, last in changes):
        return "delete"
    return "replace"
