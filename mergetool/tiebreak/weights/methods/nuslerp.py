"""NuSLERP: SLERP with weights, of what two models changed or of the models, whole or by vector.

    t = w_2 / (w_1 + w_2),  cos a = <x, y> / (|x| |y|)
    merged = base + sin((1 - t) a) / sin a * x + sin(t a) / sin a * y

K. Shoemake, "Animating rotation with quaternion curves" (SIGGRAPH 1985); mergekit's `nuslerp`. x
and y are the changes since the base, or with `around` "zero" the models. With `along` "row" (or
"column") each row W[i] (or column W[:, i]) goes along an arc of its own; mergekit says
`nuslerp_flatten: false` to the former, and `nuslerp_row_wise: true` beside it to the latter.

Where the vectors are parallel or opposite up to rounding (sin^2 a <= 1e-12), or one is 0, there is
no arc: it is the straight line (1 - t) * x + t * y. mergekit takes a zero vector to be at a right
angle to all others, so that a model which changed nothing makes the other's change larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.weights.gram import COLUMN, ROW, TENSOR, cut, gram
from tiebreak.weights.kernels.portable import QUIETLY
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

STRAIGHT: Final = 1e-12


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    if terms.same():
        return terms.sides[0].data
    base = terms.known_base if METHOD.is_based(parameters) else None
    where = cut(terms.shape, str(parameters["along"]))
    first, second = numbers(parameters, "weight")
    products = gram(base, terms.sides, terms.elements, where, each)
    return blended(terms, base, factors(products, second / (first + second)), where)


def factors(products: Doubles, t: float) -> Doubles:
    """What each vector of the two models is multiplied with, from their dot products."""
    with np.errstate(**QUIETLY):
        sizes = np.sqrt(products[:, 0, 0]) * np.sqrt(products[:, 1, 1])
        cosine = np.clip(products[:, 0, 1] / sizes, -1, 1)
        arc = 1 - cosine**2 > STRAIGHT  # false for NaN, of a vector that is 0
        angle = np.arccos(np.where(arc, cosine, 0.0))
        pair = [np.where(arc, np.sin(share * angle) / np.sin(angle), share) for share in (1 - t, t)]
    return np.stack(pair, axis=1)


METHOD: Final = Method(
    name="nuslerp",
    summary="the point between the changes of two models on the arc that joins them",
    parameters={
        "weight": WEIGHT,
        "along": Parameter(TENSOR, "what is one vector", choices=(TENSOR, ROW, COLUMN)),
        "around": AROUND,
    },
    prepare=prepare,
    sides=(2, 2),
    fitting=weights_to_divide_by,
)
