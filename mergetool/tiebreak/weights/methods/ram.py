"""RAM: what one model changed is kept whole, what several changed is averaged.

    d_i = model_i - base, 0 where |d_i| <= epsilon;  n(p) = how many d_i(p) are left
    merged = base + sum_i d_i / n, times f_i where n = 1
    f_i = 1 + r * min(alpha, shared_i / alone_i)       (r = 0, the default: 1)

"Reinforced Agent Merging" (arXiv 2601.13572), for models whose training touched few entries.
shared_i and alone_i count the entries of a tensor that model i changed with others and alone; with
r above 0 it is RAM+, and mergekit's `ramplus_tl` (r 0.1). A model without entries of its own has
alpha.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.weights.gram import deltas
from tiebreak.weights.kernels.portable import QUIETLY
from tiebreak.weights.methods.blocks import changed_by
from tiebreak.weights.methods.method import (
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    changes,
    number,
    unmoved,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tiebreak.weights.methods.blocks import Doubles


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    terms, parameters = changes(terms, parameters)
    if not terms.sides:
        return unmoved(terms)
    least, factors = number(parameters, "epsilon"), np.ones((len(terms.sides), 1))
    if parameters["r"]:
        factors = _factors(terms, parameters, each)[:, None]

    def change(found: Doubles, _start: int) -> Doubles:
        touched = _touched(found, least)
        number_of = touched.sum(axis=0)
        share = np.where(number_of == 1, factors, 1 / np.maximum(number_of, 1))
        return np.asarray((np.where(touched, found, 0.0) * share).sum(axis=0))

    return changed_by(terms, change, terms.base)


def _touched(found: Doubles, least: float) -> NDArray[np.bool_]:
    return ~(np.abs(found) <= least)  # NaN too


def _factors(terms: Terms, parameters: Parameters, each: Each) -> Doubles:
    """What the entries of each model alone are multiplied with."""
    least = number(parameters, "epsilon")

    def counts(start: int, stop: int) -> NDArray[np.int64]:
        with np.errstate(**QUIETLY):
            touched = _touched(deltas(terms.base, terms.sides, start, stop), least)
        alone = touched.sum(axis=0) == 1
        return np.array([(touched & ~alone).sum(axis=1), (touched & alone).sum(axis=1)])

    shared, alone = sum(each(counts, terms.elements), start=np.zeros((2, len(terms.sides))))
    most = number(parameters, "alpha")
    ratio = np.where(shared > 0, np.inf, 0.0)
    np.divide(shared, alone, out=ratio, where=alone > 0)
    return np.asarray(1 + number(parameters, "r") * np.minimum(ratio, most))


METHOD: Final = Method(
    name="ram",
    summary="keep what one model changed, average what several changed",
    parameters={
        "epsilon": Parameter(1e-5, "the largest change that does not count", 0.0),
        "r": Parameter(0.0, "how much more the changes of one model count", 0.0),
        "alpha": Parameter(0.2, "the largest ratio of shared to own entries", 0.0),
    },
    prepare=prepare,
)
