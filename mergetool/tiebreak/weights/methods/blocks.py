"""Contents that are computed with numpy, in blocks that stay in the cache.

For methods whose loop is not worth a kernel of its own. What numpy computes here, it does whatever
kernels are chosen, so they do not show in the bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.gram import deltas
from tiebreak.weights.kernels import Run, Side, host
from tiebreak.weights.kernels.constants import LOWER
from tiebreak.weights.kernels.portable import QUIETLY
from tiebreak.weights.methods.method import combined
from tiebreak.weights.trim import no_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.gram import Cut
    from tiebreak.weights.methods.method import Content, Each, Terms
    from tiebreak.weights.trim import Counts

Doubles = NDArray[np.float64]

# Of deltas [model, element] and the number of the first element: what is added to the base, say
Change = Callable[[Doubles, int], Doubles]

BLOCK: Final = 1 << 15  # elements


def changed_by(terms: Terms, change: Change, base: Side | None) -> Content:
    """The base plus what `change` makes of the models' deltas; without a base, of the models."""

    def fill(start: int, stop: int, out: memoryview) -> None:
        width = DTYPES[terms.dtype].bits // 8
        for at in range(start, stop, BLOCK):
            end = min(at + BLOCK, stop)
            room = out[(at - start) * width : (end - start) * width]
            with np.errstate(**QUIETLY):
                found = change(deltas(base, terms.sides, at, end), at)
            run = Run(room, terms.dtype, 0, end - at)
            origin = None if base is None else base.part(at, end)
            host().combine(run, origin, (changes_of(found),), 1.0)

    return fill


def counts_of(tensors: Sequence[Terms], sizes: Change, each: Each) -> Counts:
    """How many of which sizes there are, of those that `sizes` gives for deltas; 0 is not counted.

    They are counted as float32, as `trim.select` wants to have them, over all these tensors.
    """
    adding = Lock()

    def add(
        terms: Terms, prefix: int | None, counted: NDArray[np.uint64], start: int, stop: int
    ) -> None:
        total = no_counts(prefix)
        for at in range(start, stop, BLOCK):
            with np.errstate(**QUIETLY):
                found = sizes(deltas(terms.base, terms.sides, at, min(at + BLOCK, stop)), at)
            bits = float_bits(found)
            bits = bits[bits != 0]
            if prefix is None:
                places = bits >> LOWER
            else:
                places = bits[bits >> LOWER == prefix] & ((1 << LOWER) - 1)
            total += np.bincount(places, minlength=len(total)).astype(np.uint64)
        with adding:  # whole numbers: the order does not matter, and no stretch's counts are kept
            counted += total

    @cache
    def counts(prefix: int | None) -> NDArray[np.uint64]:
        counted = no_counts(prefix)
        for terms in tensors:
            each(partial(add, terms, prefix, counted), terms.elements)
        return counted

    return counts


def float_bits(sizes: Doubles) -> NDArray[np.uint32]:
    """Numbers that are not negative as the bits of float32, which order as they do."""
    with np.errstate(**QUIETLY):
        return np.asarray(sizes.astype(np.float32).view(np.uint32) & 0x7FFFFFFF)


def changes_of(found: Doubles, weight: float = 1.0) -> Side:
    """Deltas that were computed, as the kernels take them."""
    return Side(found.data.cast("B"), "F64", weight, changes=True)


def agreed(votes: Doubles, values: Doubles, masses: Doubles | None) -> Doubles:
    """The values whose vote has the sign with the larger total: their sum, or over their masses.

    All are [model, element]. As `Kernels.elect`, which votes with the values; where both signs
    weigh the same, the first vote that is not 0 decides. A NaN stays one.
    """
    up, down = votes > 0, votes < 0
    plus, minus = np.maximum(votes, 0.0).sum(axis=0), np.minimum(votes, 0.0).sum(axis=0)
    positive = plus > -minus
    ties = ((plus == -minus) & (plus != 0)).nonzero()[0]
    if len(ties):
        tied = votes[:, ties]
        first = (tied != 0).argmax(axis=0)
        positive[ties] = tied[first, np.arange(len(ties))] > 0
    agree = (up & positive) | (down & ~positive)
    # A product is five times as fast as a choice, and right as long as nothing is infinite.
    of = np.multiply if np.isfinite(votes).all() else _where
    total = of(agree, values).sum(axis=0)
    if masses is not None:
        divisor = of(agree, masses).sum(axis=0)
        total = np.where(total == 0, 0.0, total / divisor)
    bad = np.isnan(votes).any(axis=0)
    return np.where(bad, np.nan, total) if bad.any() else total


def _where(chosen: NDArray[np.bool_], values: Doubles) -> Doubles:
    return np.where(chosen, values, 0.0)


def blended(terms: Terms, base: Side | None, weights: Doubles, where: Cut) -> Content:
    """The base plus the weighted sum of the models' deltas; the weights are [vector, model]."""
    if where.number == 1:
        sides = tuple(
            side._replace(weight=float(weight))
            for side, weight in zip(terms.sides, weights[0], strict=True)
        )
        return combined(terms, base, sides)

    def change(found: Doubles, start: int) -> Doubles:
        stop, total = start + found.shape[1], np.zeros(found.shape[1])
        for values, of_each in zip(found, weights.T, strict=True):
            total += values * where.spread(of_each, start, stop)
        return total

    return changed_by(terms, change, base)
