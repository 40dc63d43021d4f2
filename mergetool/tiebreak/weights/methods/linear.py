"""Averaging: the weighted sum of the models.

    merged = sum_i w_i * model_i / sum_i w_i        (without normalize: not divided)

M. Wortsman et al., "Model soups" (arXiv 2203.05482). The base model is not used.
"""

from __future__ import annotations

from typing import Final

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
    weighted,
    weights_to_divide_by,
)


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    if parameters["normalize"]:
        if terms.same():
            return terms.sides[0].data
        weights = numbers(parameters, "weight")
        parameters = {**parameters, "weight": tuple(w / sum(weights) for w in weights)}
    return combined(terms, None, weighted(terms, parameters))


METHOD: Final = Method(
    name="linear",
    summary="the weighted average of the models",
    parameters={
        "weight": WEIGHT,
        "normalize": Parameter(True, "divide by the sum of the weights"),  # noqa: FBT003
    },
    prepare=prepare,
    needs_base=False,
    fitting=weights_to_divide_by,
)
