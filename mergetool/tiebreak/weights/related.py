"""Whether the common version is one that both sides were trained from.

The change since the base means something only if the base is where the side came from. Git's merge
base may hold another model under the same name, of the same architecture: trained anew, from
another seed. Then the base says nothing of either side, and a method that adds the changes up would
add up two whole models. Two unrelated sets of weights are nearly orthogonal; a fine-tuned one stays
close to where it began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.weights.conflict import BOTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tiebreak.weights.conflict import Tensor
    from tiebreak.weights.threeway import Step, Versions

LEAST: Final = 0.1  # the cosine of base and side below which nothing connects them
ENOUGH: Final = 4096  # numbers; with fewer, chance alone makes such a cosine

_SAMPLE: Final = 1 << 16  # bytes from the start of every tensor
_MATRIX: Final = 2  # dimensions; vectors are mostly norms and biases, which begin as ones and zeros


def is_related(versions: Versions, steps: Sequence[Step]) -> bool:
    """False if a side's matrices that both sides changed are orthogonal to the base's."""
    merges = [s.conflict.merge for s in steps if s.conflict is not None and s.conflict.kind == BOTH]
    if versions.base is None or not merges:
        return True
    pairs = ([(m.base, m.ours) for m in merges], [(m.base, m.theirs) for m in merges])
    return all(cosine(side) >= LEAST for side in pairs)


def cosine(pairs: Sequence[tuple[Tensor | None, Tensor | None]]) -> float:
    """The cosine over all pairs together; 1 where there is too little to tell."""
    product = base_square = side_square = 0.0
    seen = 0
    for base, side in pairs:
        if base is None or side is None or len(base.info.shape) < _MATRIX:
            continue
        first, second = _sample(base), _sample(side)
        if first is None or second is None or not first.any():
            continue  # a matrix that begins as zeros has no direction
        seen += first.size
        product += float(first @ second)
        base_square += float(first @ first)
        side_square += float(second @ second)
    if seen < ENOUGH or not side_square:
        return 1.0
    found: float = product / (base_square * side_square) ** 0.5
    return found if found == found else 1.0  # noqa: PLR0124  (NaN: its own check says so)


def _sample(tensor: Tensor) -> NDArray[np.float64] | None:
    from tiebreak.weights.dtypes import DTYPES
    from tiebreak.weights.values import decode

    if not DTYPES[tensor.info.dtype].is_float:
        return None
    return decode(tensor.raw()[:_SAMPLE], tensor.info.dtype).astype("float64")
