"""Averaging: the weighted sum of the models.

    merged = sum_i w_i * model_i / sum_i w_i        (without normalize: not divided)

M. Wortsman et al., "Model soups" (arXiv 2203.05482). The base model is not used.
"""

from __future__ import annotations

from typing import Final

from tiebreak.errors import UsageError
from tiebreak.weights.methods.method import (
    WEIGHT,
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    combined,
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
    return combined(terms, None, sides)


METHOD: Final = Method(
    name="linear",
    summary="the weighted average of the models",
    parameters={
        "weight": WEIGHT,
        "normalize": Parameter(True, "divide by the sum of the weights"),  # noqa: FBT003
    },
    prepare=prepare,
    needs_base=False,
)
