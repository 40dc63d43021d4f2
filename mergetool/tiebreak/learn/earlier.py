"""What each hunk finds of precedents: conflicts of strictly earlier merges of its repository."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from tiebreak.ranker.precedents import Precedents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.ranker.casebook import Entry
    from tiebreak.ranker.precedents import Group


def earlier(entries: Sequence[tuple[str, Entry]]) -> Iterator[tuple[int, list[Group]]]:
    """The number of each conflict, and the precedents that speak of it; by repository and time.

    A conflict is given by the name of its repository and what it is as a precedent for later ones.
    """

    def merge_of(at: int) -> tuple[str, int, str]:
        repo, entry = entries[at]
        return repo, entry.when, entry.merge

    last, known = "", Precedents(())
    for (repo, _, _), of_merge in groupby(sorted(range(len(entries)), key=merge_of), key=merge_of):
        if repo != last:
            last, known = repo, Precedents(())
        merge = [(at, entries[at][1].precedent) for at in of_merge]
        for at, one in merge:
            yield at, known.of(one.path, one.words)
        known.extend([one for _, one in merge])
