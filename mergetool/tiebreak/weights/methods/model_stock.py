"""Model Stock: the average of the models, as far from the base as they agree.

    c = the mean of the cosines between the changes of every two models
    t = N c / (1 + (N - 1) c), at least 0 and at most 1
    merged = base + t * (mean of the models - base)

D.-H. Jang, S. Yun, D. Han, "Model Stock: All we need is just a few fine-tuned models" (arXiv
2403.19522), equation 5 and, for any N, the appendix. With `along` "row" each row W[i] has its own
t, as with mergekit's `filter_wise`.

A change that is 0 has no angle: its cosines count as 0. Where changes oppose each other (c < 0) the
formula is negative and has a pole; here the base stays. mergekit goes beyond the base then, and
takes the product of two norms for at least 1e-6, which makes small changes (of a row, say) smaller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.weights.gram import ROW, TENSOR, cut, gram
from tiebreak.weights.kernels.portable import QUIETLY
from tiebreak.weights.methods.blocks import blended
from tiebreak.weights.methods.method import (
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
)

if TYPE_CHECKING:
    from tiebreak.weights.methods.blocks import Doubles


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    if terms.same():
        return terms.sides[0].data
    where = cut(terms.shape, str(parameters["along"]))
    products = gram(terms.known_base, terms.sides, terms.elements, where, each)
    models = len(terms.sides)
    share = ratio(products) / models
    weights = np.repeat(share[:, None], models, axis=1)
    return blended(terms, terms.known_base, weights, where)


def ratio(products: Doubles) -> Doubles:
    """How far from the base to the average, for each vector."""
    models = products.shape[1]
    sizes = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    norms = sizes[:, :, None] * sizes[:, None, :]
    with np.errstate(**QUIETLY):
        cosines = np.where(norms == 0, 0.0, products / norms)
    above = np.triu_indices(models, 1)
    cosine = np.clip(cosines[:, above[0], above[1]].mean(axis=1), 0, 1)
    return np.asarray(models * cosine / (1 + (models - 1) * cosine))


METHOD: Final = Method(
    name="model_stock",
    summary="the average of the models, as far from the base as their changes agree",
    parameters={"along": Parameter(TENSOR, "what has one angle", choices=(TENSOR, ROW))},
    prepare=prepare,
    sides=(2, None),
)
