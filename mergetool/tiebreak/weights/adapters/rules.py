"""How the changes of several adapters become one: in low rank where that is exact, else by entry.

    sums       cat, svd and task_arithmetic add up w_i dW_i, linear divides by the sum of the w_i:
               the factors side by side are the sum, and no dW is ever built
    aligned    knots: TIES of what the adapters say of directions that they share, as below
    entries    every other method of `tiebreak.weights.methods` sees dW_i as a model's tensor, with
               the base adapter's change as the base, or zeros; one module at a time

With a base adapter, from which the others were trained on, what is merged are the dW_i - dW_0, and
dW_0 is added again. A module that an adapter lacks is one that it does not change: dW_i = 0.

    [dW_1 | .. | dW_n] = U diag(s) [V_1 | .. | V_n],    merged = U diag(s) TIES(V_1, .., V_n)

G. Stoica et al., "Model merging with SVD to tie the KnOTS" (arXiv 2410.19735), by the factors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tiebreak.errors import UsageError
from tiebreak.weights.adapters.lowrank import NOTHING, LowRank, stacked
from tiebreak.weights.kernels import Side
from tiebreak.weights.methods import METHODS, Method, Parameters, Terms, breadcrumbs, merge_tensor
from tiebreak.weights.methods.method import LAMBDA, WEIGHT, Value, number, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tiebreak.weights.methods.method import Content, Each

    Matrix = NDArray[np.float32]

CAT: Final = "cat"
LINEAR: Final = "linear"
KNOTS: Final = "knots"
DTYPE: Final = "F32"  # of a change that is computed entry by entry

_ROWS: Final = 1 << 16  # entries of a product that are computed at a time


class Changes(NamedTuple):
    """What the adapters change one module by; None for one that lacks it. All have one shape."""

    module: str
    shape: tuple[int, int]
    base: LowRank | None
    sides: Sequence[LowRank | None]


def is_thin(method: str) -> bool:
    """Whether a method needs the factors alone, and never builds a change."""
    return method in SUMS or method == KNOTS


def thin(changes: Changes, method: str, parameters: Parameters) -> LowRank:
    """The merged change, exactly, of a method that needs the factors alone."""
    return (_aligned if method == KNOTS else _summed)(changes, method, parameters)


def _aligned(changes: Changes, _method: str, parameters: Parameters) -> LowRank:
    nothing = LowRank(np.zeros((changes.shape[0], 1)), np.zeros((1, changes.shape[1])))
    back = [] if changes.base is None else [_scaled(changes.base, -1.0)]
    moves = [stacked([side or nothing, *back]) for side in changes.sides]
    outer, small = np.linalg.qr(np.concatenate([move.left for move in moves], axis=1))
    ends = np.cumsum([move.rank for move in moves])[:-1]
    seen = [s @ m.right for s, m in zip(np.split(small, ends, axis=1), moves, strict=True)]
    u, values, v = np.linalg.svd(np.concatenate(seen, axis=1), full_matrices=False)
    keep = max(1, int(np.count_nonzero(values > NOTHING * values[0])))
    parts = [np.ascontiguousarray(part) for part in np.split(v[:keep], len(moves), axis=1)]
    sides = tuple(Side(part.data.cast("B"), "F64") for part in parts)
    origin = Side(np.zeros_like(parts[0]).data.cast("B"), "F64")
    terms = Terms(f"{changes.module}.weight", parts[0].shape, "F64", origin, sides)
    merged = np.frombuffer(merge_tensor(METHODS["ties"], terms, parameters)).reshape(terms.shape)
    found = LowRank(outer @ u[:, :keep] * values[:keep], merged)
    return found if changes.base is None else stacked([found, changes.base])


def _summed(changes: Changes, method: str, parameters: Parameters) -> LowRank:
    """The sum of the weighted changes, exactly."""
    weights = numbers(parameters, "weight")
    if method == LINEAR and parameters["normalize"]:
        total = sum(weights)
        weights = tuple(weight / total for weight in weights)
    scale = number(parameters, "lambda") if "lambda" in parameters else 1.0
    pairs = zip(weights, changes.sides, strict=True)
    parts = [_scaled(side, weight * scale) for weight, side in pairs if side is not None]
    if changes.base is not None and method != LINEAR:
        parts.append(_scaled(changes.base, 1.0 - (sum(weights) * scale)))
    if changes.base is not None and not parts:
        parts.append(_scaled(changes.base, 0.0))  # no adapter has this module any more
    return stacked([part for part in parts if part.left.any()] or parts[:1])


def by_entry(changes: Changes, method: Method, parameters: Parameters) -> Matrix:
    """The merged change as a whole matrix."""
    zeros = np.zeros(changes.shape, np.float32).data.cast("B")  # never written: no memory
    base = Side(zeros if changes.base is None else _bytes(changes.base), DTYPE)
    sides = tuple(Side(zeros if side is None else _bytes(side), DTYPE) for side in changes.sides)
    terms = Terms(f"{changes.module}.weight", changes.shape, DTYPE, base, sides)
    merged = merge_tensor(method, terms, parameters)
    return np.frombuffer(merged, np.float32).reshape(changes.shape)


def product(factors: LowRank) -> Matrix:
    """The product, rank by rank in the same order on every machine: chance hangs on these bytes."""
    rows, columns = len(factors.left), factors.right.shape[1]
    found = np.empty((rows, columns), np.float32)
    step = max(1, _ROWS // max(columns, 1))
    for first in range(0, rows, step):
        left = factors.left[first : first + step]
        block = np.zeros((len(left), columns))
        for rank in range(factors.rank):
            block += left[:, rank, None] * factors.right[rank]
        found[first : first + step] = block
    return found


def _bytes(factors: LowRank) -> memoryview:
    return product(factors).data.cast("B")


def _scaled(factors: LowRank, weight: float) -> LowRank:
    return LowRank(factors.left * weight, factors.right)


def _prune(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`: what is not among the largest is dropped."""
    none: dict[str, Value] = {
        "gamma": (0.0,) * len(terms.sides),
        "normalize": False,
        "elect": "none",
    }
    return breadcrumbs.prepare(terms, {**parameters, **none}, each)


_SUM: Final = Method(
    name=CAT,
    summary="the sum of the weighted changes, with the sum of the ranks: exact",
    parameters={"weight": WEIGHT},
    prepare=METHODS["task_arithmetic"].prepare,
)
_PRUNE: Final = Method(
    name="magnitude_prune",
    summary="the sum of each adapter's largest changes",
    parameters={
        "weight": WEIGHT,
        "density": METHODS["ties"].parameters["density"],
        "lambda": LAMBDA,
    },
    prepare=_prune,
)
SUMS: Final = frozenset({CAT, "svd", LINEAR, "task_arithmetic"})
RULES: Final = {
    method.name: method
    for method in (
        _SUM,
        _SUM._replace(name="svd", summary="the sum of the weighted changes, with a lower rank"),
        *(one for one in METHODS.values() if not one.needs_importance),
        _PRUNE,
        METHODS["ties"]._replace(name=KNOTS, summary="TIES in directions that the adapters share"),
    )
}


def check_parameters(method: Method, parameters: Parameters) -> None:
    """Raise `UsageError` for what looks at all modules together: they are merged one by one."""
    if parameters.get("scope", "tensor") != "tensor":
        raise UsageError(f"{method.name}: the scope of adapters is the tensor")
