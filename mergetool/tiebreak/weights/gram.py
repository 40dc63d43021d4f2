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


class Cut(NamedTuple):
    """Element p belongs to vector number (p // length) % number."""

    number: int
    length: int

    def vectors(self, start: int, stop: int) -> NDArray[np.int64]:
        """The number of the vector of each of these elements."""
        return (np.arange(start, stop) // self.length) % self.number


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
    columns = where.length == 1 and where.number > 1

    def products(start: int, stop: int) -> tuple[int, Doubles]:
        """The first vector of a stretch, and what the stretch adds to it and those after it."""
        first = 0 if columns else start // where.length
        found = np.zeros((where.number if columns else (stop - 1) // where.length + 1 - first,
                          len(pairs)))  # fmt: skip
        for at in range(start, stop, _BLOCK):
            end = min(at + _BLOCK, stop)
            values = deltas(base, sides, at, end)
            place = where.vectors(at, end) - first
            for number, (i, j) in enumerate(pairs):
                found[:, number] += _by_vector(values[i] * values[j], place, len(found))
        return first, found

    total = np.zeros((where.number, len(sides), len(sides)))
    for first, found in (products(0, elements),) if columns else each(products, elements):
        for number, (i, j) in enumerate(pairs):
            total[first : first + len(found), i, j] += found[:, number]
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


def _by_vector(products: Doubles, place: NDArray[np.int64], count: int) -> Doubles:
    if count == 1:
        return np.array([products.sum()])
    return np.asarray(np.bincount(place, products, count), np.float64)
