"""Batches of sub-conflicts, put together on the device that holds the arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tiebreak.learn.mergebert.model import SEQUENCES
from tiebreak.learn.mergebert.primitives import OTHER, SWAPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tiebreak.learn.mergebert.arrays import Arrays

POOL = 32  # batches that are sorted by length among themselves, so that little is padding


class Batch(NamedTuple):
    """Inputs of the network, and which labels are right: any that give the people's text."""

    pieces: Tensor  # (n, 4, length)
    edits: Tensor  # (n, 2, length)
    right: Tensor  # (n, 9) bool

    def swapped(self, which: Tensor) -> Batch:
        """The sub-conflicts flagged in `which` (n,) with ours and theirs in each other's place."""
        pieces, edits, right = self
        labels = torch.tensor(SWAPPED, device=right.device)
        return Batch(
            torch.where(which[:, None, None], pieces.roll(2, 1), pieces),
            torch.where(which[:, None, None], edits.flip(1), edits),
            torch.where(which[:, None], right[:, labels], right),
        )


class Loader:
    """The arrays on a device."""

    def __init__(self, arrays: Arrays, device: torch.device) -> None:
        """Move them there."""

        def moved(array: NDArray[np.integer]) -> Tensor:
            return torch.from_numpy(array.astype(np.int32)).to(device)

        self.device = device
        self.side, self.base, self.edits = (
            moved(table) for table in (arrays.side, arrays.base, arrays.edits)
        )
        self.starts = torch.from_numpy(arrays.starts).to(device)
        self.right = moved(arrays.choices) == moved(arrays.targets)[:, None]
        lengths = np.diff(arrays.starts).reshape(-1, 2)
        self.lengths: NDArray[np.int64] = lengths.max(1, initial=0)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """The sub-conflicts `rows`, padded to the longest."""
        length = int(self.lengths[rows].max())
        places = torch.arange(length, device=self.device)
        picked = torch.from_numpy(rows).to(self.device)
        halves = torch.stack((2 * picked, 2 * picked + 1), 1)  # ours, theirs
        start, end = self.starts[halves], self.starts[halves + 1]
        at = start[..., None] + places
        inside = at < end[..., None]
        at = torch.where(inside, at, start[..., None])
        side, base, edits = (table[at] * inside for table in (self.side, self.base, self.edits))
        pieces = torch.stack((side, base), 2).reshape(len(rows), SEQUENCES, length)
        return Batch(pieces, edits, self.right[picked])

    def rows_by_size(
        self, rows: NDArray[np.int64], columns: int, chance: np.random.Generator | None
    ) -> Iterator[NDArray[np.int64]]:
        """Cut `rows` into batches of at most `columns` columns, those of like length together.

        With `chance` the batches come in random order, and which rows meet is random too.
        """
        if not len(rows):
            return iter(())
        if chance is not None:
            rows = chance.permutation(rows)
        usual = max(1, columns // (SEQUENCES * max(1, int(self.lengths[rows].mean()))))
        found: list[NDArray[np.int64]] = []
        pool = POOL * usual if chance is not None else len(rows)
        for start in range(0, len(rows), pool):
            part = rows[start : start + pool]
            found += self._cut(part[np.argsort(self.lengths[part], kind="stable")], columns)
        order = range(len(found)) if chance is None else chance.permutation(len(found))
        return (found[index] for index in order)

    def _cut(self, rows: NDArray[np.int64], columns: int) -> list[NDArray[np.int64]]:
        """Cut rows, the shortest first, where a batch would get too large."""
        found: list[NDArray[np.int64]] = []
        start = 0
        for end in range(1, len(rows) + 1):
            size = (end - start) * SEQUENCES * self.lengths[rows[end - 1]]
            if size > columns and end - 1 > start:
                found.append(rows[start : end - 1])
                start = end - 1
        return [*found, rows[start:]] if start < len(rows) else found


def rows_of(arrays: Arrays, parts: tuple[int, ...], *, labelled: bool) -> NDArray[np.int64]:
    """The sub-conflicts of the hunks for `parts`; `labelled`: of the fully labelled ones."""
    hunks = np.repeat(np.arange(len(arrays.parts)), np.diff(arrays.first))
    wanted = np.isin(arrays.parts[hunks], parts)
    if labelled:
        wanted &= arrays.targets != OTHER
    return np.flatnonzero(wanted)
