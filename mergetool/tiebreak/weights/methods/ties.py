"""TIES: trim what changed little, agree on a sign, average what has it.

    trim    d_i = model_i - base, of which the entries below the threshold become 0
    elect   s(p) = the sign of sum_i w_i * d_i(p)
    merge   t(p) = sum of w_i * d_i(p) over the models with that sign / sum of their |w_i|
    merged  = base + lambda * t

P. Yadav et al., "TIES-Merging: Resolving interference when merging models" (arXiv 2306.01708).

Ties: entries as large as the threshold are all kept (`tiebreak.weights.trim`). Where the signs
weigh the same, the first model that has a kept entry decides, ours before theirs. With the scope
"model" the threshold is that of a model's whole task vector, as in the paper; with "tensor"
(the default, as in mergekit) each tensor has its own, and one pass over the files is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.weights.methods.method import (
    LAMBDA,
    WEIGHT,
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    changes,
    elected,
    kept_share,
    number,
    numbers,
    unmoved,
    weighted,
)
from tiebreak.weights.trim import threshold, threshold_of_all

if TYPE_CHECKING:
    from collections.abc import Sequence

THRESHOLDS: Final = "thresholds"  # what the survey adds to the parameters


def survey(tensors: Sequence[Terms], parameters: Parameters, each: Each) -> Parameters:
    """With the scope "model": the thresholds, over all tensors."""
    if parameters["scope"] == "tensor" or not tensors:
        return parameters
    found = tuple(
        float(threshold_of_all(tensors, side, density, each))
        for side, density in enumerate(numbers(parameters, "density"))
    )
    return {**parameters, THRESHOLDS: found}


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    terms, parameters = changes(terms, parameters)
    if not terms.sides:
        return unmoved(terms)
    base, densities = terms.known_base, numbers(parameters, "density")

    def least(side: int) -> int:
        if THRESHOLDS in parameters:
            return int(numbers(parameters, THRESHOLDS)[side])
        return threshold(base, terms.sides[side], terms.elements, densities[side], each)

    sides = tuple(
        side._replace(threshold=least(place))
        for place, side in enumerate(weighted(terms, parameters))
    )
    mean = bool(parameters["normalize"])
    return elected(terms, sides, number(parameters, "lambda"), mean=mean)


METHOD: Final = Method(
    name="ties",
    summary="trim small changes, elect signs, average the changes that agree",
    parameters={
        "weight": WEIGHT,
        "density": kept_share(0.2),
        "lambda": LAMBDA,
        "normalize": Parameter(True, "divide by the weights that agree; else sum"),  # noqa: FBT003
        "scope": Parameter("tensor", "what is trimmed together", choices=("tensor", "model")),
    },
    prepare=prepare,
    survey=survey,
)
