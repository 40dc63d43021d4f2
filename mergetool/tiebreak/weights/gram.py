"""Dot products of the models' vectors with each other: all that most vector methods have to know.

A point on an arc between vectors, or the mean of directions, is a weighted sum of the vectors, and
its weights follow from their dot products. So a tensor is read once for these and once for the sum.
A tensor is one vector, or is cut into several (`Cut`).

Products are added up in float64 over the same stretches in the same order, whoever computes them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tiebreak.weights.kernels import Run, Side, host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tiebreak.weights.methods.method import Each

    Doubles = NDArray[np.float64]

TENSOR: Final = "tensor"
ROW: Final = "row"
COLUMN: Final = "column"

_BLOCK: Final = 1 << 15  # elements of each model that are in memory together
_MANY: Final = 1 << 14  # columns, of which not every stretch can keep sums of its own


class Cut(NamedTuple):
    """Element p belongs to vector number (p // length) % number."""

    number: int
    length: int

    @property
    def columns(self) -> bool:
        """Whether each vector has an element of every row."""
        return self.length == 1 and self.number > 1

    def first(self, start: int) -> int:
        """The number of the first vector that a stretch from there on may belong to."""
        return 0 if self.columns else start // self.length

    def spans(self, start: int, stop: int) -> int:
        """How many vectors a stretch may belong to, from the first on."""
        return self.number if self.columns else (stop - 1) // self.length + 1 - self.first(start)

    def sums(self, values: Doubles, start: int) -> Doubles:
        """The values of a stretch added up for each vector that it may belong to."""
        if self.number == 1:
            return np.array([values.sum()])
        if not self.columns:
            return np.add.reduceat(values, self._begins(start, start + len(values)))
        total, done = np.zeros(self.number), 0
        while done < len(values):
            column, left = (start + done) % self.number, len(values) - done
            if column or left < self.number:
                size = min(self.number - column, left)
                total[column : column + size] += values[done : done + size]
            else:
                size = left - left % self.number
                total += values[done : done + size].reshape(-1, self.number).sum(axis=0)
            done += size
        return total

    def spread(self, of_each: Doubles, start: int, stop: int) -> Doubles:
        """For each element of a stretch what its vector has."""
        if not self.columns:
            begins = self._begins(start, stop)
            first = self.first(start)
            lengths = np.diff(begins, append=stop - start)
            return np.repeat(of_each[first : first + len(begins)], lengths)
        column, size = start % self.number, stop - start
        if size <= self.number:
            wrapped = max(0, column + size - self.number)
            return np.concatenate([of_each[column : column + size], of_each[:wrapped]])
        return np.tile(of_each, -(-(column + size) // self.number))[column : column + size]

    def _begins(self, start: int, stop: int) -> NDArray[np.int64]:
        """Where in a stretch of rows each begins; the first with the stretch."""
        found = np.arange(self.first(start), (stop - 1) // self.length + 1) * self.length - start
        found[0] = 0
        return found


def cut(shape: Sequence[int], along: str) -> Cut:
    """One vector, or one for each row W[i] or column W[:, i]. What has one dimension is one."""
    elements = math.prod(shape)
    if along == TENSOR or len(shape) < 2 or not elements:  # noqa: PLR2004  (a matrix)
        return Cut(1, max(1, elements))
    rest = elements // shape[0]
    if along == ROW:
        return Cut(shape[0], rest)
    return Cut(rest, 1) if rest > 1 else Cut(1, elements)


def gram(
    base: Side | None, sides: Sequence[Side], elements: int, where: Cut, each: Each
) -> Doubles:
    """The dot products of the models' changes, or without a base of the models: [vector, i, j]."""
    pairs = [(i, j) for i in range(len(sides)) for j in range(i + 1)]

    def products(start: int, stop: int) -> tuple[int, Doubles]:
        """The first vector of a stretch, and what the stretch adds to it and those after it."""
        first, found = where.first(start), np.zeros((len(pairs), where.spans(start, stop)))
        for at in range(start, stop, _BLOCK):
            values = deltas(base, sides, at, min(at + _BLOCK, stop))
            begins = where.first(at) - first
            for total, (i, j) in zip(found, pairs, strict=True):
                sums = where.sums(values[i] * values[j], at)
                total[begins : begins + len(sums)] += sums
        return first, found

    total = np.zeros((where.number, len(sides), len(sides)))
    together = where.columns and where.number > _MANY
    for first, found in (products(0, elements),) if together else each(products, elements):
        for sums, (i, j) in zip(found, pairs, strict=True):
            total[first : first + len(sums), i, j] += sums
    upper = np.tril(total, -1).transpose(0, 2, 1)
    return np.asarray(total + upper)


def deltas(base: Side | None, sides: Sequence[Side], start: int, stop: int) -> Doubles:
    """A stretch of every model's change, or without a base of the model."""
    found, combine = np.empty((len(sides), stop - start)), host().combine
    less = () if base is None else (base._replace(weight=-1.0),)
    for row, side in zip(found, sides, strict=True):
        run = Run(row.data.cast("B"), "F64", start, stop - start)
        combine(run, None, (Side(side.data, side.dtype), *less), 1.0)
    return found
