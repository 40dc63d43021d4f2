"""SLERP: from the first model to the second along an arc, tensor by tensor.

    cos a = <x, y> / (|x| |y|)
    merged = sin((1 - t) a) / sin a * x + sin(t a) / sin a * y

K. Shoemake, "Animating rotation with quaternion curves" (SIGGRAPH 1985), of whole tensors as
vectors, as mergekit does it. Where the vectors are almost parallel or opposite (|cos a| > 0.9995),
or one is 0, it is the straight line (1 - t) * x + t * y. The base model is not used.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from tiebreak.weights.methods.method import (
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    combined,
    number,
)

if TYPE_CHECKING:
    from tiebreak.weights.kernels import Side

PARALLEL: Final = 0.9995


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    first, second = terms.sides
    if terms.same():
        return first.data
    weights = factors(_cosine(first, second, terms.elements, each), number(parameters, "t"))
    sides = (first._replace(weight=weights[0]), second._replace(weight=weights[1]))
    return combined(terms, None, sides)


def factors(cosine: float, t: float) -> tuple[float, float]:
    """What each of the two is multiplied with."""
    if not abs(cosine) <= PARALLEL:  # also NaN, of a tensor that is 0
        return 1 - t, t
    angle = math.acos(cosine)
    return math.sin((1 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)


def _cosine(first: Side, second: Side, elements: int, each: Each) -> float:
    """Sums over the same stretches in the same order, whoever computes them."""

    def products(start: int, stop: int) -> tuple[float, float, float]:
        x, y = first.values(start, stop), second.values(start, stop)
        return float((x * y).sum()), float((x * x).sum()), float((y * y).sum())

    dot, one, other = (math.fsum(part) for part in zip(*each(products, elements), strict=True))
    size = math.sqrt(one) * math.sqrt(other)
    return dot / size if size else math.nan


METHOD: Final = Method(
    name="slerp",
    summary="the point between two models on the arc that joins them",
    parameters={"t": Parameter(0.5, "0 is the first model, 1 the second", 0.0, 1.0)},
    prepare=prepare,
    needs_base=False,
    sides=(2, 2),
)
