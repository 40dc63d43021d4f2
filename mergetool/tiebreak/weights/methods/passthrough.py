"""Passthrough: one model as it is, or times a number.

    merged = scale * model

mergekit's `passthrough`, for models that are put together from layers of others.
"""

from __future__ import annotations

from typing import Final

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


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    scale = number(parameters, "scale")
    if scale == 1 and terms.same():
        return terms.sides[0].data
    return combined(terms, None, terms.sides, scale)


METHOD: Final = Method(
    name="passthrough",
    summary="one model as it is, or scaled",
    parameters={"scale": Parameter(1.0, "what its values are multiplied with")},
    prepare=prepare,
    needs_base=False,
    sides=(1, 1),
)
