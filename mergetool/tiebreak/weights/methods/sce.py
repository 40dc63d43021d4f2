"""SCE: select what differs most between models, weigh models by what is left, erase minorities.

    select   the share select_topk of the entries that differ, by their variance over the models
    weigh    w_i = mean of d_i^2 / sum over the models,  d_i = model_i - base, 0 where not selected
    erase    the d_i(p) whose sign is not that of sum_i d_i(p)
    merged   = base + sum_i w_i d_i(p) / sum_i w_i over what is left

F. Wan et al., "FuseChat: Knowledge fusion of chat models" (arXiv 2408.07990), section 3.3.

Variances are compared rounded to a float32 of their roots; all as large as the smallest that is
selected are. Entries that all models changed alike have no variance: nothing is to be decided
there, and the change stays. (mergekit drops it as soon as select_topk < 1, as the letter of the
paper does.) Where both signs weigh the same, the first model's counts. Models count the same only
where no change is left; mergekit does so where the sum of the mean squares is below 1e-6, which is
where most fine-tuned models are.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.weights.gram import deltas
from tiebreak.weights.kernels.portable import LOWER, QUIETLY
from tiebreak.weights.methods.blocks import BLOCK, agreed, changed_by
from tiebreak.weights.methods.method import (
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    number,
    unmoved,
)
from tiebreak.weights.trim import SMALLEST, kept, no_counts, select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tiebreak.weights.methods.blocks import Doubles

LEAST_SHARE: Final = 1e-9


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    if not terms.changed():
        return unmoved(terms)
    least = _least(terms, number(parameters, "select_topk"), each)
    weights = _weights(terms, least, each)[:, None]

    def change(found: Doubles, _start: int) -> Doubles:
        left = selected(found, least)
        return agreed(left, left * weights, np.broadcast_to(weights, left.shape))

    return changed_by(terms, change, terms.base)


def spreads(found: Doubles) -> NDArray[np.uint32]:
    """The standard deviations over the models, as the bits of a float32, which order as they do."""
    apart = found - found.mean(axis=0)
    spread = np.sqrt((apart * apart).mean(axis=0))
    return np.asarray(spread.astype(np.float32).view(np.uint32) & 0x7FFFFFFF)


def selected(found: Doubles, least: int) -> Doubles:
    """The changes of the entries that differ enough, or not at all; 0 for the others."""
    if not least:
        return found
    alike = (found == found[0]).all(axis=0)
    return np.asarray(np.where((spreads(found) >= least) | alike, found, 0.0))


def _least(terms: Terms, share: float, each: Each) -> int:
    """The smallest spread that is selected; 0 if all are."""
    if share >= 1:
        return 0

    def counts(prefix: int | None) -> NDArray[np.uint64]:
        found = each(partial(_counts, terms, prefix), terms.elements)
        return np.sum(found, axis=0, dtype=np.uint64) if found else no_counts(prefix)

    upper = counts(None)
    differing = int(upper.sum())
    if not differing:
        return SMALLEST
    wanted = kept(share, differing)
    return select(lambda prefix: upper if prefix is None else counts(prefix), wanted)


def _counts(terms: Terms, prefix: int | None, start: int, stop: int) -> NDArray[np.uint32]:
    """How often which spread is in a stretch, as `trim.Counts`; 0 is not counted."""
    total = no_counts(prefix).astype(np.uint32)
    for block in _blocks(terms, start, stop):
        keys = spreads(block)
        places = keys[keys != 0] >> LOWER
        if prefix is not None:
            places = keys[keys != 0][places == prefix] & ((1 << LOWER) - 1)
        total += np.bincount(places, minlength=len(total)).astype(np.uint32)
    return total


def _weights(terms: Terms, least: int, each: Each) -> Doubles:
    """What each model counts."""

    def squares(start: int, stop: int) -> Doubles:
        blocks = (selected(block, least) for block in _blocks(terms, start, stop))
        return np.asarray(sum((block * block).sum(axis=1) for block in blocks))

    total = sum(each(squares, terms.elements), start=np.zeros(len(terms.sides)))
    whole = total.sum()
    return np.asarray(total / whole if whole > 0 else np.ones(len(total)))


def _blocks(terms: Terms, start: int, stop: int) -> Iterator[Doubles]:
    for at in range(start, stop, BLOCK):
        with np.errstate(**QUIETLY):
            yield deltas(terms.base, terms.sides, at, min(at + BLOCK, stop))


METHOD: Final = Method(
    name="sce",
    summary="select what differs most, weigh models by it, erase the minority of each entry",
    parameters={
        "select_topk": Parameter(
            1.0, "the share of the differing entries that is kept", LEAST_SHARE, 1.0
        ),
    },
    prepare=prepare,
)
