"""Singular values and vectors, in float64, by way of the smaller Gram matrix.

    A' A = V diag(s^2) V',    U = A V / s        (of the transpose where A is wider than high)

On one core this takes a quarter of the time of LAPACK's own decomposition of a 4096 x 1024 matrix.
What it costs is precision in the small singular values, whose squares drown in the rounding of the
large ones: so those below `CUT` of the largest are taken from the rest of the matrix by itself,
A V_small, in the same way, and so on. A value is nothing at the threshold of
`numpy.linalg.matrix_rank`; directions without one are not in the result, so that nothing depends on
which vectors happen to span what is empty.

The same matrix gives the same bytes in one thread: see `tiebreak.weights.blas`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

CUT: Final = 1e-3  # squared, it leaves ten digits of sixteen
EPSILON: Final = float(np.finfo(np.float64).eps)


class Spectrum(NamedTuple):
    """`left @ diag(values) @ right.T`, the values descending and none of them 0."""

    left: Matrix
    values: Matrix
    right: Matrix


def svd(matrix: Matrix, most: int | None = None, size: float | None = None) -> Spectrum:
    """The decomposition, or only its `most` largest values.

    What is left of a matrix is rounding where it is nothing beside the matrix's norm, its `size`.
    """
    if len(matrix) < len(matrix.T):
        left, values, right = svd(matrix.T, most, size)
        return Spectrum(right, values, left)
    least = None if size is None else _threshold(matrix, size)
    return _decomposed(matrix, len(matrix.T) if most is None else most, least)


def joined(parts: Iterable[Spectrum]) -> Spectrum:
    """The columns and values of all, side by side."""
    lefts, values, rights = zip(*parts, strict=True)
    return Spectrum(np.hstack(lefts), np.concatenate(values), np.hstack(rights))


def polar(matrix: Matrix) -> Matrix:
    """The nearest matrix whose singular values are all 1, or 0 where the matrix has none."""
    left, _, right = svd(matrix)
    return left @ right.T


def _decomposed(matrix: Matrix, most: int, least: float | None) -> Spectrum:
    """Of a matrix that is not wider than high; no more values once they are below `least`."""
    squares, right = np.linalg.eigh(matrix.T @ matrix)
    right = right[:, ::-1]
    values = np.sqrt(np.maximum(squares[::-1], 0.0))
    largest = float(values[0]) if len(values) else 0.0
    least = _threshold(matrix, largest) if least is None else least
    if not largest > least:
        return Spectrum(*(np.zeros(shape) for shape in ((len(matrix), 0), 0, (len(right), 0))))
    count = min(most, int(np.count_nonzero(values > CUT * largest)))
    left = matrix @ right[:, :count]
    sizes = np.linalg.norm(left, axis=0)
    left /= sizes
    if count in {most, len(values)}:
        return Spectrum(left, sizes, right[:, :count])
    rest = matrix @ right[:, count:]
    rest -= left @ (left.T @ rest)
    small = _decomposed(rest, most - count, least)
    return Spectrum(
        np.hstack([left, small.left]),
        np.concatenate([sizes, small.values]),
        np.hstack([right[:, :count], right[:, count:] @ small.right]),
    )


def _threshold(matrix: Matrix, size: float) -> float:
    return size * max(len(matrix), len(matrix.T)) * EPSILON
