"""Veto a candidate that silently loses an edit of either side.

Edits are counted as words: a word that a side has more often than base was added by it, one that it
has less often was removed. A candidate must hold every added word and be rid of every removed one
as far as the other side allows; otherwise it must say in `Candidate.drops` what it leaves out.
Commas come and go with what they separate: where a grammar says whether they are right, they are
not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.text.words import words

if TYPE_CHECKING:
    from tiebreak.conflict import Candidate
    from tiebreak.text.document import Hunk


def check(hunk: Hunk, candidate: Candidate[bytes]) -> str | None:
    """The first edit that the candidate loses without saying so."""
    if candidate.drops:
        return None
    region = hunk.region
    base, ours, theirs = words(region.base), words(region.ours), words(region.theirs)
    result = words(candidate.value)
    free = {b","} if hunk.document.language is not None else set()
    for who, side, other in (("ours", ours, theirs), ("theirs", theirs, ours)):
        for word in (side.keys() | base.keys()) - free:
            added = side[word] - base[word]
            by_other = other[word] - base[word]
            if added > 0 and result[word] < base[word] + added + min(by_other, 0):
                return f"loses {_show(word)}, which {who} added"
            if added < 0 and result[word] > base[word] + added + max(by_other, 0):
                return f"brings back {_show(word)}, which {who} removed"
    return None


def _show(word: bytes) -> str:
    return repr(word.decode("utf-8", "replace"))
