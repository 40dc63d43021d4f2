"""Fisher merging: an average in which every entry counts as much as its model depends on it.

    c_i = weight_i / |F_i|                  (without normalize_fishers: weight_i)
    merged = sum_i s_i * model_i,  s_i = c_i * F_i / sum_j c_j * F_j

M. Matena, C. Raffel, "Merging models with Fisher-weighted averaging" (arXiv 2111.09832). F_i is the
diagonal of model i's Fisher information, a second tensor of the same shape for each tensor
(`tiebreak.weights.importance`); |F_i| is taken over all tensors that are merged together. The
weights are the paper's lambda_i. The base model is not used.

Where F is 0 nothing is known of an entry. As in the authors' code the first model's Fisher is
therefore at least `fisher_floor`, so that its values stay where no Fisher says anything; without
`favor_target` every model's is, and the result there is the average. The floor is of the Fisher
as it is stored, before it is divided by its norm; with the floor_mode "relative" it is that share
of the model's mean. A Fisher of 0 throughout has no norm to divide by, and no mean. Where even so
nothing counts, the value is the first model's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import UsageError
from tiebreak.weights.errors import shown
from tiebreak.weights.kernels import Run, kernels
from tiebreak.weights.methods.method import (
    WEIGHT,
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    number,
    numbers,
    some_weight,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.kernels import Side

COEFFICIENTS: Final = "coefficients"  # what the survey adds to the parameters
FLOORS: Final = "floors"
FLOOR: Final = 1e-6


class _Size(NamedTuple):
    """Of a model's Fisher: sum of squares, sum, number of entries."""

    squares: float
    total: float
    entries: int


def survey(tensors: Sequence[Terms], parameters: Parameters, each: Each) -> Parameters:
    """The coefficient and the floor of every model, over all tensors."""
    weights = numbers(parameters, "weight")
    sizes = [_size(tensors, model, each) for model in range(len(weights))]
    coefficients = tuple(
        weight / math.sqrt(size.squares)
        if parameters["normalize_fishers"] and size.squares
        else weight
        for weight, size in zip(weights, sizes, strict=True)
    )
    floors = tuple(
        0.0 if model and parameters["favor_target"] else _floor(size, parameters)
        for model, size in enumerate(sizes)
    )
    return {**parameters, COEFFICIENTS: coefficients, FLOORS: floors}


def _floor(size: _Size, parameters: Parameters) -> float:
    floor = number(parameters, "fisher_floor")
    relative = parameters["floor_mode"] == "relative" and size.total
    return floor * size.total / size.entries if relative else floor


def _size(tensors: Sequence[Terms], model: int, each: Each) -> _Size:
    sizes = [_size_of(terms, model, each) for terms in tensors]
    return _Size(
        math.fsum(size.squares for size in sizes),
        math.fsum(size.total for size in sizes),
        sum(size.entries for size in sizes),
    )


def _size_of(terms: Terms, model: int, each: Each) -> _Size:
    """Of one tensor; sums over the same stretches in the same order, whoever computes them."""
    importance = _importances(terms)[model]

    def sums(start: int, stop: int) -> tuple[float, float]:
        values = importance.values(start, stop)
        if not (values >= 0).all():
            raise _unusable(terms, model)
        return float((values * values).sum()), float(values.sum())

    found = each(sums, terms.elements)
    squares, total = (math.fsum(part) for part in zip(*found, strict=True)) if found else (0, 0)
    if not math.isfinite(squares):
        raise _unusable(terms, model)
    return _Size(squares, total, terms.elements)


def _unusable(terms: Terms, model: int) -> UsageError:
    where = f"tensor {shown(terms.name)!r}"
    return UsageError(f"{where}: the Fisher of model {model + 1} is negative or not finite")


def _importances(terms: Terms) -> tuple[Side, ...]:
    if len(terms.importances) != len(terms.sides):
        raise UsageError(f"{shown(terms.name)}: Fisher merging needs the Fisher of every model")
    return terms.importances


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    if terms.same():
        return terms.sides[0].data
    importances = tuple(
        importance._replace(weight=coefficient)
        for importance, coefficient in zip(
            _importances(terms), numbers(parameters, COEFFICIENTS), strict=True
        )
    )
    sides, floors = terms.sides, numbers(parameters, FLOORS)
    weigh, dtype = kernels().weigh, terms.dtype

    def fill(start: int, stop: int, out: memoryview) -> None:
        weigh(Run(out, dtype, start, stop - start), sides, importances, floors)

    return fill


METHOD: Final = Method(
    name="fisher",
    summary="the average by how much each model depends on each entry",
    parameters={
        "weight": WEIGHT._replace(least=0.0),
        "normalize_fishers": Parameter(True, "divide each Fisher by its norm"),  # noqa: FBT003
        "favor_target": Parameter(True, "where no Fisher counts, the first model's value"),  # noqa: FBT003
        "fisher_floor": Parameter(FLOOR, "the least Fisher of the target, or of all", 0.0),
        "floor_mode": Parameter(
            "absolute", "the floor as it is, or times the mean", choices=("absolute", "relative")
        ),
    },
    prepare=prepare,
    needs_base=False,
    importance="fisher",
    sides=(2, None),
    survey=survey,
    fitting=some_weight,
)
