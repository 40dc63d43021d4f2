"""Task vectors as matrices for tests, and what the command's methods make of them."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np

from tiebreak.weights.kernels import Side
from tiebreak.weights.methods import Terms, check, merge_tensor, method_named
from tiebreak.weights.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NAME = "model.layers.3.mlp.up_proj.weight"


def normal(seed: int, *shape: int) -> Array:
    """A matrix of full rank."""
    return np.random.default_rng(seed).standard_normal(shape)


def low_rank(seed: int, rows: int, columns: int, rank: int) -> Array:
    """A matrix of that rank."""
    return normal(seed, rows, rank) @ normal(seed + 100, rank, columns)


def orthonormal(seed: int, rows: int, columns: int) -> Array:
    """A matrix whose columns are orthonormal."""
    return np.linalg.qr(normal(seed, rows, columns))[0]


def side(values: Array, dtype: str = "F64") -> Side:
    """The bytes of a tensor."""
    return Side(memoryview(encode(values.ravel(), dtype)), dtype)


def terms_of(base: Array, models: Sequence[Array], name: str = NAME, dtype: str = "F64") -> Terms:
    """One tensor of a base and of models."""
    sides = tuple(side(model, dtype) for model in models)
    return Terms(name, base.shape, dtype, side(base, dtype), sides)


def merged(  # noqa: PLR0913, PLR0917  (a merge has so many)
    method: str,
    base: Array,
    models: Sequence[Array],
    given: dict[str, object] | None = None,
    name: str = NAME,
    dtype: str = "F64",
) -> Array:
    """The merged tensor."""
    chosen, terms = method_named(method), terms_of(base, models, name, dtype)
    parameters = check(chosen, given or {}, len(models))
    found = decode(merge_tensor(chosen, terms, parameters), dtype)
    return np.asarray(found, np.float64).reshape(base.shape)


def change(method: str, tasks: Sequence[Array], name: str = NAME, **given: object) -> Array:
    """What a method adds to a base of 0, for these task vectors."""
    return merged(method, np.zeros_like(tasks[0]), tasks, given, name)


def error(found: Array, expected: Array) -> float:
    """Relative to the largest that is expected."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def peak_of(work: Callable[[], object]) -> int:
    """The most bytes that Python and numpy held at once during the work, beyond those before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
