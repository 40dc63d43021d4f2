"""Arcee Fusion: the changes that matter most, and none of the others.

    importance(p) = |x(p) - base(p)| * KL(row of p)
    KL = sum over the row of u * ln(u / v),  u = softmax(row of x) + 1e-8, v the same of the base
    threshold = median + 1.5 * (upper quartile - lower quartile) of the tensor's importances
    merged = x where importance >= threshold, base elsewhere

mergekit's `arcee_fusion` (Arcee), for a model and a base; a row is what the last dimension holds.
The quartiles are those of the whole tensor, of importances rounded to float32, and exact:
mergekit draws a million entries. Of two models the first is the base.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.weights.gram import Cut, deltas
from tiebreak.weights.kernels.portable import QUIETLY
from tiebreak.weights.methods.blocks import BLOCK, changed_by, counts_of
from tiebreak.weights.methods.method import Content, Each, Method, Parameters, Terms
from tiebreak.weights.trim import select

if TYPE_CHECKING:
    from tiebreak.weights.kernels import Side
    from tiebreak.weights.methods.blocks import Change, Doubles

LEAST: Final = 1e-8
QUARTILES: Final = (0.25, 0.5, 0.75)
BEYOND: Final = 1.5


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    *first, last = terms.sides
    origin = first[0] if first else terms.known_base
    pair = terms._replace(base=origin, sides=(last,))
    if not pair.changed() and origin.dtype == terms.dtype:
        return origin.data
    width = max(1, terms.shape[-1] if terms.shape else 1)
    rows = Cut(terms.elements // width, width)
    divergences = _divergences((last, origin), terms.elements, width, each)

    def importances(found: Doubles, start: int) -> Doubles:
        far = rows.spread(divergences, start, start + found.shape[1])
        return np.asarray(np.abs(found[0]) * far)

    threshold = _threshold(pair, importances, each)

    def change(found: Doubles, start: int) -> Doubles:
        return np.where(importances(found, start) < threshold, 0.0, found[0])

    return changed_by(pair, change, origin)


def _threshold(pair: Terms, importances: Change, each: Each) -> float:
    """From where on importances count."""
    counts = counts_of((pair,), importances, each)
    ranks = [pair.elements - int(share * (pair.elements - 1)) for share in QUARTILES]
    bits = np.array([select(counts, rank) for rank in ranks], np.uint32)
    lower, median, upper = bits.view(np.float32).astype(float)
    return float(median + BEYOND * (upper - lower))


def _divergences(pair: tuple[Side, Side], elements: int, width: int, each: Each) -> Doubles:
    """How far each row of a model is from the other's, as distributions."""
    step = max(1, BLOCK // width) * width

    def divergences(start: int, stop: int) -> Doubles:
        """Of the rows that begin in a stretch."""
        first, last = (-(-place // width) * width for place in (start, stop))
        return np.concatenate([np.empty(0), *map(some, range(first, last, step), repeat(last))])

    def some(start: int, last: int) -> Doubles:
        with np.errstate(**QUIETLY):
            rows = deltas(None, pair, start, min(start + step, last)).reshape(2, -1, width)
            powers = np.exp(rows - rows.max(axis=2, keepdims=True))
            one, other = powers / powers.sum(axis=2, keepdims=True) + LEAST
            return np.asarray((one * np.log(one / other)).sum(axis=1))

    return np.concatenate([np.empty(0), *each(divergences, elements)])


METHOD: Final = Method(
    name="arcee_fusion",
    summary="the base (of two models: the first) with the changes of the model that matter most",
    parameters={},
    prepare=prepare,
    sides=(1, 2),
)
