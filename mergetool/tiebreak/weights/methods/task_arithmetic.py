"""Task Arithmetic: the base plus the weighted sum of what every model learned.

    merged = base + lambda * sum_i w_i * (model_i - base)

G. Ilharco et al., "Editing models with task arithmetic" (arXiv 2212.04089). A negative weight
makes the model forget. A model equal to the base adds nothing.
"""

from __future__ import annotations

from typing import Final

from tiebreak.weights.methods.method import (
    LAMBDA,
    WEIGHT,
    Content,
    Each,
    Method,
    Parameters,
    Terms,
    changes,
    combined,
    number,
    unmoved,
    weighted,
)


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    terms, parameters = changes(terms, parameters)
    if not terms.sides:
        return unmoved(terms)
    sides, scale = weighted(terms, parameters), number(parameters, "lambda")
    return combined(terms, terms.base, sides, scale)


METHOD: Final = Method(
    name="task_arithmetic",
    summary="the base plus the weighted sum of the models' changes",
    parameters={
        "weight": WEIGHT,
        "lambda": LAMBDA,
    },
    prepare=prepare,
)
