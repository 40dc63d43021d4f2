"""How many directions a change has: the singular values of a difference of matrices.

A change of one direction is a product of two vectors; what an adapter of rank r can hold is the
energy (the sum of the squares) of the r largest singular values. The matrix is read in rows, a few
times, and never held:

    small   one side is at most `EXACT` long: all values, from the Gram matrix of that side
    large   the `LEADING` largest, by subspace iteration on M' M from a fixed random start. They are
            never too large; the energy of all is exact

The stable rank, |M|^2 / s_1^2, is at most the rank, and says how many equally strong directions
would have the same energy.

N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with randomness" (arXiv 0909.4061); M.
Rudelson, R. Vershynin, "Sampling from large matrices" (J. ACM 54(4), 2007) for the stable rank.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Matrix = NDArray[Any]
    Rows = Callable[[int, int], Matrix]  # from, to: a stretch of elements, in float64

EXACT: Final = 512  # rows or columns
LEADING: Final = 64
SPARE: Final = 16
ROUNDS: Final = 2
RANKS: Final = (1, 2, 4, 8, 16, 32, 64)

_ELEMENTS: Final = 1 << 20  # read at a time
_SMALL: Final = 1 << 24  # elements: a wide matrix of so many is held


class Directions(NamedTuple):
    """The leading singular values of a matrix, falling; its squared norm; whether it is exact."""

    energy: float
    values: tuple[float, ...]
    exact: bool

    @property
    def stable_rank(self) -> float | None:
        """The squared norm, in squares of the largest value; None of a matrix that is 0."""
        return self.energy / self.values[0] ** 2 if self.values and self.values[0] else None

    def shares(self, ranks: Sequence[int] = RANKS) -> list[float]:
        """The share of the energy that so many directions have; of all beyond what is known."""
        sums = [0.0, *accumulate(value**2 for value in self.values)]
        if not self.energy:
            return [1.0 for _ in ranks]
        return [min(1.0, sums[min(rank, len(sums) - 1)] / self.energy) for rank in ranks]


def directions(read: Rows, shape: tuple[int, int]) -> Directions | None:
    """The directions of the matrix whose elements `read` gives. None where it is not finite."""
    rows, columns = shape
    if min(shape) <= EXACT and (columns <= EXACT or rows * columns <= _SMALL):
        gram = _gram(read, shape)
        if not np.isfinite(gram).all():
            return None
        squares = np.linalg.eigvalsh(gram)[::-1]
        return _directions(float(np.trace(gram)), squares, exact=True)
    return _leading(read, shape)


def _directions(energy: float, squares: Matrix, *, exact: bool) -> Directions:
    values = np.sqrt(np.maximum(squares, 0.0))[:LEADING]
    return Directions(energy, tuple(map(float, values)), exact)


def _gram(read: Rows, shape: tuple[int, int]) -> Matrix:
    if shape[1] > shape[0]:
        whole: Matrix = np.concatenate(list(_blocks(read, shape)))
        return np.asarray(whole @ whole.T)
    gram = np.zeros((shape[1], shape[1]))
    for block in _blocks(read, shape):
        gram += block.T @ block
    return gram


def _leading(read: Rows, shape: tuple[int, int]) -> Directions | None:
    count = min(LEADING + SPARE, *shape)
    start = np.random.Generator(np.random.PCG64(0)).standard_normal((shape[1], count))
    basis = _orthonormal(start.astype(np.float32))
    unit = _unit(read, shape)
    for _ in range(ROUNDS):
        image = np.zeros(basis.shape, np.float32)
        for block in _blocks(read, shape):
            rows = (block / unit).astype(np.float32)
            image += rows.T @ (rows @ basis)
        if not np.isfinite(image).all():
            return None
        basis = _orthonormal(image)
    energy, small = 0.0, np.zeros((count, count))
    for block in _blocks(read, shape):
        energy += float(np.einsum("ij,ij->", block, block))
        seen = ((block / unit).astype(np.float32) @ basis).astype(np.float64)
        small += seen.T @ seen
    if not math.isfinite(energy):
        return None
    return _directions(energy, np.linalg.eigvalsh(small)[::-1] * unit**2, exact=False)


def _unit(read: Rows, shape: tuple[int, int]) -> float:
    """About the size of the elements: float32 has no room for the squares of small ones."""
    for block in _blocks(read, shape):
        size = float(np.abs(block).max())
        if size:
            return size if math.isfinite(size) else 1.0
    return 1.0


def _orthonormal(matrix: Matrix) -> Matrix:
    found: Matrix = np.linalg.qr(matrix)[0]
    return found


def _blocks(read: Rows, shape: tuple[int, int]) -> Iterator[Matrix]:
    rows, columns = shape
    step = max(1, _ELEMENTS // columns)
    for first in range(0, rows, step):
        last = min(first + step, rows)
        yield read(first * columns, last * columns).reshape(last - first, columns)
