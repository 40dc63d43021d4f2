"""MagMax: of every entry the largest change.

    d(p) = the d_i(p) with the largest |d_i(p)|,  d_i = model_i - base
    merged = base + lambda * d

D. Marczak et al., "MagMax: Leveraging model merging for seamless continual learning" (arXiv
2407.06322). Of equal magnitudes the first model's counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.weights.methods.blocks import changed_by
from tiebreak.weights.methods.method import (
    LAMBDA,
    Content,
    Each,
    Method,
    Parameters,
    Terms,
    changes,
    number,
    unmoved,
)

if TYPE_CHECKING:
    from tiebreak.weights.methods.blocks import Doubles


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    terms, parameters = changes(terms, parameters)
    if not terms.sides:
        return unmoved(terms)
    scale = number(parameters, "lambda")

    def largest(deltas: Doubles, _start: int) -> Doubles:
        found = deltas[0]
        for delta in deltas[1:]:
            found = np.where((np.abs(delta) > np.abs(found)) | np.isnan(delta), delta, found)
        return np.asarray(found * scale)

    return changed_by(terms, largest, terms.base)


METHOD: Final = Method(
    name="magmax",
    summary="the base plus, of every entry, the largest change",
    parameters={"lambda": LAMBDA},
    prepare=prepare,
)
