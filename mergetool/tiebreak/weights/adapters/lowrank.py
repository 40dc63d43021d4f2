"""Matrices as a product of two thin ones, and the best approximation of a lower rank.

`shortened` never builds the product: with QR of both factors what is left to decompose is as small
as the rank. `approximated` takes a whole matrix: an exact SVD of a small one, and for a large one
the randomised range finder with power iterations, until the singular values that are kept have
settled.

C. Eckart, G. Young, "The approximation of one matrix by another of lower rank" (Psychometrika 1,
1936); N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with randomness" (arXiv 0909.4061),
algorithms 4.4 and 5.1.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tiebreak.errors import UsageError
from tiebreak.weights.spectrum import svd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]
    Matrix = NDArray[Any]

MEMORY: Final = 2 << 30  # bytes that whole matrices may take, if there is more than one
EXACT: Final = 1024  # rows or columns: a matrix with more of both is approximated by chance
AUTO: Final = 0.99  # of the energy: what is kept where nobody says how much
SPARE: Final = 16  # columns of the range finder beyond the rank
ROUNDS: Final = 24
_ROWS: Final = 256  # of a matrix, at a time
SETTLED: Final = 1e-6  # relative change of the energy that is kept, from round to round
NOTHING: Final = 1e-12  # relative to the largest: what a singular value of 0 is computed as


class LowRank(NamedTuple):
    """A matrix left @ right: rows x rank and rank x columns."""

    left: Doubles
    right: Doubles

    @property
    def rank(self) -> int:
        """The number of columns of the left factor."""
        return int(self.left.shape[1])

    def norm(self) -> float:
        """The Frobenius norm of the product, from the small matrices alone."""
        _, left = np.linalg.qr(self.left)
        _, right = np.linalg.qr(self.right.T)
        return float(np.linalg.norm(left @ right.T))


class Rank(NamedTuple):
    """How many singular values are kept: so many, or as few as hold this share of the energy.

    The energy is the sum of the squares. Nothing is kept beyond what is not 0.
    """

    most: int | None = None
    energy: float | None = None

    def of(self, values: Doubles, total: float) -> int:
        """The rank for singular values in falling order; `total` is the energy of all."""
        some = max(1, int(np.count_nonzero(values > NOTHING * values[0]))) if len(values) else 0
        if self.energy is not None:
            enough = np.cumsum(values * values) >= self.energy * total * (1 - NOTHING)
            some = min(some, int(np.argmax(enough)) + 1 if enough.any() else some)
        return some if self.most is None else min(some, self.most)


def at_once(elements: Iterable[int], copies: int, threads: int) -> int:
    """How many threads to use, each with a few copies of a matrix of so many elements."""
    largest = max(elements, default=1) * copies * 4
    return max(1, min(threads or os.cpu_count() or 1, MEMORY // max(largest, 1)))


def stacked(parts: Sequence[LowRank]) -> LowRank:
    """The sum, exactly: the factors side by side. The rank is the sum of the ranks."""
    return LowRank(
        np.concatenate([part.left for part in parts], axis=1),
        np.concatenate([part.right for part in parts], axis=0),
    )


def shortened(matrix: LowRank, rank: Rank) -> LowRank:
    """The nearest matrix of lower rank, without building the product."""
    outer, left = np.linalg.qr(matrix.left)
    inner, right = np.linalg.qr(matrix.right.T)
    u, values, v = _svd(left @ right.T)
    keep = rank.of(values, float(values @ values))
    return _balanced(outer @ u[:, :keep], values[:keep], v[:keep] @ inner.T)


def approximated(matrix: Matrix, rank: Rank) -> LowRank:
    """The nearest matrix of lower rank; of a large one, nearly so."""
    if min(matrix.shape) <= EXACT or _wanted(rank, matrix) * 4 >= min(matrix.shape):
        return by_decomposition(matrix, rank)
    return by_chance(matrix, rank)


def by_decomposition(matrix: Matrix, rank: Rank) -> LowRank:
    """The nearest matrix of lower rank, from all singular values."""
    u, values, v = svd(matrix.astype(np.float64, copy=False))
    if not len(values):
        return LowRank(np.zeros((len(matrix), 1)), np.zeros((1, len(matrix.T))))
    keep = rank.of(values, float(values @ values))
    return _balanced(u[:, :keep], values[:keep], v[:, :keep].T)


def difference(matrix: LowRank, other: LowRank) -> float:
    """The norm of the difference, relative to the norm of the first; 0 where both are 0."""
    apart = stacked([matrix, LowRank(-other.left, other.right)]).norm()
    return relative(apart, matrix.norm())


def lost(matrix: Matrix, other: LowRank) -> tuple[float, float]:
    """The norm of a whole matrix, and of its difference from another, relative to it."""
    apart = norm = 0.0
    for first in range(0, len(matrix), _ROWS):
        rows = matrix[first : first + _ROWS].astype(np.float64)
        norm += float(np.einsum("ij,ij->", rows, rows))
        rows -= other.left[first : first + _ROWS] @ other.right
        apart += float(np.einsum("ij,ij->", rows, rows))
    return math.sqrt(norm), relative(math.sqrt(apart), math.sqrt(norm))


def relative(apart: float, norm: float) -> float:
    """An error relative to a norm."""
    if norm:
        return apart / norm
    return 0.0 if apart == 0 else math.inf


def _wanted(rank: Rank, matrix: Matrix) -> int:
    return min(rank.most if rank.most is not None else SPARE, *map(int, matrix.shape))


def by_chance(matrix: Matrix, rank: Rank) -> LowRank:
    """The range finder, with twice the columns as long as the energy is not reached."""
    total = float(np.einsum("ij,ij->", matrix, matrix, dtype=np.float64))
    wanted = _wanted(rank, matrix)
    while True:
        if wanted * 4 >= min(matrix.shape):
            return by_decomposition(matrix, rank)
        u, values, v = _range(matrix, wanted)
        u, values, v = u[:, :wanted], values[:wanted], v[:wanted]
        reached = float(values @ values) >= (rank.energy or 0.0) * total
        if reached or (rank.most is not None and wanted >= rank.most):
            keep = rank.of(values, total)
            return _balanced(u[:, :keep], values[:keep], v[:keep])
        wanted = min(2 * wanted, rank.most or 2 * wanted)


def _range(matrix: Matrix, wanted: int) -> tuple[Doubles, Doubles, Doubles]:
    """Singular vectors and values, of which the first `wanted` have settled."""
    generator = np.random.Generator(np.random.PCG64(0))
    start = generator.standard_normal((matrix.shape[1], wanted + SPARE)).astype(matrix.dtype)
    basis, _ = np.linalg.qr(matrix @ start)
    before = 0.0
    for _ in range(ROUNDS):
        other, _ = np.linalg.qr(matrix.T @ basis)
        basis, small = np.linalg.qr(matrix @ other)  # basis @ small @ other.T is nearly the matrix
        values = np.linalg.svd(small[:, :], compute_uv=False)[:wanted]
        energy = float(np.sum(values.astype(np.float64) ** 2))
        if energy - before <= SETTLED * energy:
            break
        before = energy
    u, values, v = _svd((basis.T @ matrix).astype(np.float64))
    return basis @ u, values, v


def _svd(matrix: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    try:
        u, values, v = np.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError as error:
        raise UsageError(f"a matrix of {matrix.shape} has no singular values: {error}") from error
    return u, values, v


def _balanced(u: Doubles, values: Doubles, v: Doubles) -> LowRank:
    """Both factors of the same size; of the two signs of a pair, that with a positive peak."""
    root = np.sqrt(values)
    peaks = u[np.argmax(np.abs(u), axis=0), np.arange(u.shape[1])] if u.size else root
    signs = np.where(peaks < 0, -1.0, 1.0)
    return LowRank(u * (root * signs), v * (root * signs)[:, None])
