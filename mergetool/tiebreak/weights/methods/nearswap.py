"""Nearswap: the second model's values, where they are near the first's.

    merged = base + (x - base) * min(1, t / |x - base|)

which is the base moved towards the model, in no entry by more than t. mergekit's `nearswap` (by
alchemonaut), without its least distance of 1e-6. Of two models the first is what is moved, towards
the second; their base is not looked at.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tiebreak.weights.methods.blocks import changed_by
from tiebreak.weights.methods.method import (
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    number,
)


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    *first, last = terms.sides
    origin = first[0] if first else terms.known_base
    pair = terms._replace(base=origin, sides=(last,))
    if not pair.changed() and origin.dtype == terms.dtype:
        return origin.data
    most = number(parameters, "t")
    return changed_by(pair, lambda deltas, _: np.clip(deltas[0], -most, most), origin)


METHOD: Final = Method(
    name="nearswap",
    summary="the base (of two models: the first) moved towards the model by t at most",
    parameters={"t": Parameter(None, "the largest move", 0.0)},
    prepare=prepare,
    sides=(1, 2),
)
