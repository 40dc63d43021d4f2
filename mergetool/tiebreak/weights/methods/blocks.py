"""Contents that are computed with numpy, in blocks that stay in the cache.

For methods whose loop is not worth a kernel. Nothing here depends on the kernels that are chosen,
so the bytes do not either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.gram import deltas
from tiebreak.weights.kernels import Run
from tiebreak.weights.kernels.portable import QUIETLY, moved, store

if TYPE_CHECKING:
    from tiebreak.weights.gram import Cut
    from tiebreak.weights.kernels import Side
    from tiebreak.weights.methods.method import Content, Terms

Doubles = NDArray[np.float64]

# Of deltas [model, element] and the number of the first element: what is added to the base
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
                origin = None if base is None else base.values(at, end)
                result = moved(origin, change(deltas(base, terms.sides, at, end), at))
                store(Run(room, terms.dtype, at, end - at), result)

    return fill


def agreed(votes: Doubles, values: Doubles, masses: Doubles | None) -> Doubles:
    """The values whose vote has the sign with the larger total: their sum, or over their masses.

    All are [model, element]. As `Kernels.elect`, which votes with the values; where both signs
    weigh the same, the first vote that is not 0 decides. A NaN stays one.
    """
    up, down = votes > 0, votes < 0
    plus, minus = (np.where(side, votes, 0.0).sum(axis=0) for side in (up, down))
    first = np.take_along_axis(votes, (votes != 0).argmax(axis=0)[None], axis=0)[0]
    positive = (plus > -minus) | ((plus == -minus) & (first > 0))
    agree = np.where(positive, up, down)
    total = np.where(agree, values, 0.0).sum(axis=0)
    if masses is not None:
        divisor = np.where(agree, masses, 0.0).sum(axis=0)
        total = np.where(total == 0, 0.0, total / divisor)
    return np.asarray(np.where(np.isnan(votes).any(axis=0), np.nan, total))


def blended(terms: Terms, base: Side | None, weights: Doubles, where: Cut) -> Content:
    """The base plus the weighted sum of the models' deltas; the weights are [vector, model]."""
    from tiebreak.weights.methods.method import combined

    if where.number == 1:
        sides = tuple(
            side._replace(weight=float(weight))
            for side, weight in zip(terms.sides, weights[0], strict=True)
        )
        return combined(terms, base, sides)

    def change(found: Doubles, start: int) -> Doubles:
        factors = weights[where.vectors(start, start + found.shape[1])]
        return np.asarray((found * factors.T).sum(axis=0))

    return changed_by(terms, change, base)
