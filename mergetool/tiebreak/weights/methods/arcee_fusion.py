"""Arcee Fusion: only the changes that stand out, by their size and by how much their row changed.

    k(row) = sum_j p_j log(p_j / q_j)
             p = softmax(model[row]) + 1e-8,  q = softmax(base[row]) + 1e-8
    s(p) = |model(p) - base(p)| * k(row of p)
    merged = model where s >= median(s) + 1.5 * (upper quartile - lower quartile of s), else base

mergekit's `arcee_fusion` (Arcee AI; no paper). A row goes along the last dimension, a tensor of
less than two is one row. Quantiles are entries of the sorted scores: number floor(q * (n - 1)).
They are taken over all of them, to the precision of a float32; mergekit takes a million at random
of larger tensors, so that no two of its runs need be the same.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tiebreak.weights.kernels.portable import QUIETLY
from tiebreak.weights.methods.blocks import BLOCK, changed_by
from tiebreak.weights.methods.method import Content, Each, Method, Parameters, Terms, unmoved
from tiebreak.weights.trim import LOWER, no_counts, select

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tiebreak.weights.methods.blocks import Doubles

LEAST: Final = 1e-8  # what is added to a probability
FENCE: Final = 1.5  # times the distance of the quartiles, above the median


class _Scored(NamedTuple):
    """A tensor, the length of its rows, and how much each of them changed."""

    terms: Terms
    length: int
    changed: Doubles

    def scores(self, start: int, stop: int) -> Doubles:
        """Of a stretch of elements."""
        base, side = self.terms.known_base, self.terms.sides[0]
        rows = np.arange(start, stop) // self.length
        with np.errstate(**QUIETLY):
            moved = np.abs(side.values(start, stop) - base.values(start, stop))
            return np.asarray(moved * self.changed[rows])


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    if not terms.changed():
        return unmoved(terms)
    length = terms.shape[-1] if len(terms.shape) > 1 else terms.elements
    found = each(partial(_divergences, terms, length), terms.elements)
    scored = _Scored(terms, length, np.concatenate(found))
    least = _fence(scored, each)

    def change(deltas: Doubles, start: int) -> Doubles:
        kept = ~(scored.scores(start, start + deltas.shape[1]) < least)  # NaN too
        return np.asarray(np.where(kept, deltas[0], 0.0))

    return changed_by(terms, change, terms.base)


def _divergences(terms: Terms, length: int, start: int, stop: int) -> Doubles:
    """Of the rows that begin in a stretch of elements."""
    first, last = -(-start // length), -(-stop // length)
    found = np.empty(last - first)
    step = max(1, BLOCK // length)
    for row in range(first, last, step):
        rows = min(step, last - row)
        found[row - first : row - first + rows] = _diverging(terms, row, rows, length)
    return found


def _diverging(terms: Terms, row: int, rows: int, length: int) -> Doubles:
    """The Kullback-Leibler divergences of a few rows together."""
    sides = (terms.sides[0], terms.known_base)
    p, q = (
        _shares(side.values(row * length, (row + rows) * length).reshape(rows, length))
        for side in sides
    )
    with np.errstate(**QUIETLY):
        return np.asarray((p * np.log(p / q)).sum(axis=1))


def _shares(values: Doubles) -> Doubles:
    with np.errstate(**QUIETLY):
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True) + LEAST)


def _fence(scored: _Scored, each: Each) -> float:
    """The score from which on a change stands out."""
    count = scored.terms.elements

    def counts(prefix: int | None) -> NDArray[np.uint64]:
        return sum(each(partial(_counts, scored, prefix), count), start=no_counts(prefix))

    upper = counts(None)

    def quantile(share: float) -> float:
        rank = count - int(share * (count - 1))
        bits = select(lambda prefix: upper if prefix is None else counts(prefix), rank)
        return float(np.uint32(bits).view(np.float32))

    low, median, high = map(quantile, (0.25, 0.5, 0.75))
    return median + FENCE * (high - low)


def _counts(scored: _Scored, prefix: int | None, start: int, stop: int) -> NDArray[np.uint64]:
    """How often which score is in a stretch, as `trim.Counts`."""
    total = no_counts(prefix)
    for at in range(start, stop, BLOCK):
        scores = np.abs(scored.scores(at, min(at + BLOCK, stop)))
        keys = scores.astype(np.float32).view(np.uint32)
        if prefix is None:
            places = keys >> LOWER
        else:
            places = keys[keys >> LOWER == prefix] & ((1 << LOWER) - 1)
        total += np.bincount(places, minlength=len(total)).astype(np.uint64)
    return total


METHOD: Final = Method(
    name="arcee_fusion",
    summary="only the changes that stand out, in rows that changed much",
    parameters={},
    prepare=prepare,
    sides=(1, 1),
)
