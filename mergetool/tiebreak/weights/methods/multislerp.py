"""Multi-SLERP: the mean direction of any number of models, as long as they are on the average.

    u_i = x_i / |x_i|,  m = sum_i w_i u_i,  w_i = weight_i / sum_j weight_j
    merged = base + sum_i w_i |x_i| * m / |m|

C. Goddard, "multislerp" (mergekit). The x_i are the changes since the base, or with `around` "zero"
the models. mergekit goes on from m with a step in the tangent space, by the weighted sum of what
the u_i have at right angles to m: by the definition of m that is 0, so the step is left out here.
`karcher` goes by angles, and does move from m.

A vector that is 0 has no direction. Where the directions cancel out (|m| < 1e-6) the result is the
weighted sum of the x_i, which mergekit takes for two models; for more it gives up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.weights.gram import TENSOR, cut, gram
from tiebreak.weights.methods.blocks import blended
from tiebreak.weights.methods.method import (
    AROUND,
    WEIGHT,
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    numbers,
    weights_to_divide_by,
)

if TYPE_CHECKING:
    from tiebreak.weights.methods.blocks import Doubles

CANCELLED: Final = 1e-6


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    weights = np.array(numbers(parameters, "weight"))
    if parameters["normalize"]:
        if terms.same():
            return terms.sides[0].data
        weights /= weights.sum()
    base = terms.known_base if METHOD.is_based(parameters) else None
    where = cut(terms.shape, TENSOR)
    products = gram(base, terms.sides, terms.elements, where, each)[0]
    return blended(terms, base, factors(products, weights)[None], where)


def factors(products: Doubles, weights: Doubles) -> Doubles:
    """What each vector is multiplied with, from the dot products."""
    if not np.isfinite(products).all():
        return weights
    sizes, towards = directions(products, weights)
    length = size_of(products, towards)
    return weights if length < CANCELLED else towards * float(weights @ sizes / length)


def directions(products: Doubles, weights: Doubles) -> tuple[Doubles, Doubles]:
    """How long each vector is, and what it is multiplied with to count its weight as length."""
    sizes = np.sqrt(np.diagonal(products))
    return sizes, np.divide(weights, sizes, out=np.zeros(len(sizes)), where=sizes != 0)


def size_of(products: Doubles, factors: Doubles) -> float:
    """How long the sum of the vectors times these factors is."""
    return float(np.sqrt(np.maximum(factors @ products @ factors, 0)))


METHOD: Final = Method(
    name="multislerp",
    summary="the mean direction of the models' changes, with their mean length",
    parameters={
        "weight": WEIGHT,
        "normalize": Parameter(True, "divide by the sum of the weights"),  # noqa: FBT003
        "around": AROUND,
    },
    prepare=prepare,
    fitting=weights_to_divide_by,
)
