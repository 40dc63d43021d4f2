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

import numpy as np

from tiebreak.weights.dtypes import DTYPES, decode
from tiebreak.weights.kernels import Run, kernels
from tiebreak.weights.methods.method import (
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    number,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tiebreak.weights.kernels import Side

PARALLEL: Final = 0.9995


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    first, second = terms.sides
    if terms.same():
        return first.data
    weights = factors(_cosine(first, second, terms.elements, each), number(parameters, "t"))
    sides = (first._replace(weight=weights[0]), second._replace(weight=weights[1]))
    combine, dtype = kernels().combine, terms.dtype

    def fill(start: int, stop: int, out: memoryview) -> None:
        combine(Run(out, dtype, start, stop - start), None, sides, 1.0)

    return fill


def factors(cosine: float, t: float) -> tuple[float, float]:
    """What each of the two is multiplied with."""
    if not abs(cosine) <= PARALLEL:  # also NaN, of a tensor that is 0
        return 1 - t, t
    angle = math.acos(cosine)
    return math.sin((1 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)


def _cosine(first: Side, second: Side, elements: int, each: Each) -> float:
    """Sums over the same stretches in the same order, whoever computes them."""

    def products(start: int, stop: int) -> tuple[float, float, float]:
        x, y = _values(first, start, stop), _values(second, start, stop)
        return float((x * y).sum()), float((x * x).sum()), float((y * y).sum())

    dot, one, other = (math.fsum(part) for part in zip(*each(products, elements), strict=True))
    size = math.sqrt(one) * math.sqrt(other)
    return dot / size if size else math.nan


def _values(side: Side, start: int, stop: int) -> NDArray[np.float64]:
    width = DTYPES[side.dtype].bits // 8
    return decode(side.data[start * width : stop * width], side.dtype).astype(np.float64)


METHOD: Final = Method(
    name="slerp",
    summary="the point between two models on the arc that joins them",
    parameters={"t": Parameter(0.5, "0 is the first model, 1 the second", 0.0, 1.0)},
    prepare=prepare,
    needs_base=False,
    sides=(2, 2),
)
