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

from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.weights.gram import deltas
from tiebreak.weights.kernels.portable import QUIETLY
from tiebreak.weights.methods.blocks import BLOCK, agreed, changed_by, counts_of, float_bits
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
from tiebreak.weights.trim import SMALLEST, kept, select

if TYPE_CHECKING:
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


def spreads(found: Doubles, _start: int = 0) -> Doubles:
    """The standard deviations over the models."""
    apart = found - found.mean(axis=0)
    return np.asarray(np.sqrt((apart * apart).mean(axis=0)))


def selected(found: Doubles, least: int) -> Doubles:
    """The changes of the entries that differ enough, or not at all; 0 for the others."""
    if not least:
        return found
    alike = (found == found[0]).all(axis=0)
    return np.asarray(np.where((float_bits(spreads(found)) >= least) | alike, found, 0.0))


def _least(terms: Terms, share: float, each: Each) -> int:
    """The smallest spread that is selected; 0 if all are."""
    if share >= 1:
        return 0
    counts = counts_of((terms,), spreads, each)
    differing = int(counts(None).sum())
    return max(SMALLEST, select(counts, kept(share, differing)) if differing else 0)


def _weights(terms: Terms, least: int, each: Each) -> Doubles:
    """What each model counts."""

    def squares(start: int, stop: int) -> Doubles:
        total = np.zeros(len(terms.sides))
        for at in range(start, stop, BLOCK):
            with np.errstate(**QUIETLY):
                block = deltas(terms.base, terms.sides, at, min(at + BLOCK, stop))
                total += (selected(block, least) ** 2).sum(axis=1)
        return total

    total = sum(each(squares, terms.elements), start=np.zeros(len(terms.sides)))
    whole = total.sum()
    return np.asarray(total / whole if whole > 0 else np.ones(len(total)))


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
