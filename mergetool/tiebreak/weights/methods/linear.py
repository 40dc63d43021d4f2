"""Averaging: the weighted sum of the models.

    merged = sum_i w_i * model_i / sum_i w_i        (without normalize: not divided)

M. Wortsman et al., "Model soups" (arXiv 2203.05482). The base model is not used.
"""

from __future__ import annotations

from typing import Final

from tiebreak.errors import UsageError
from tiebreak.weights.kernels import Run, kernels
from tiebreak.weights.methods.method import (
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    numbers,
)


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    weights = numbers(parameters, "weight")
    if parameters["normalize"]:
        total = sum(weights)
        if total == 0:
            raise UsageError("linear: weights that sum to 0 cannot be normalized")
        weights = tuple(weight / total for weight in weights)
        if terms.same():
            return terms.sides[0].data
    sides = tuple(
        side._replace(weight=weight) for side, weight in zip(terms.sides, weights, strict=True)
    )
    combine, dtype = kernels().combine, terms.dtype

    def fill(start: int, stop: int, out: memoryview) -> None:
        combine(Run(out, dtype, start, stop - start), None, sides, 1.0)

    return fill


METHOD: Final = Method(
    name="linear",
    summary="the weighted average of the models",
    parameters={
        "weight": Parameter(1.0, "how much each model counts", per_side=True),
        "normalize": Parameter(True, "divide by the sum of the weights"),  # noqa: FBT003
    },
    prepare=prepare,
    needs_base=False,
)
