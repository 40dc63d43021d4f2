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
    combined,
    number,
    numbers,
)


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    base, weights = terms.known_base, numbers(parameters, "weight")
    sides = tuple(terms.sides[i]._replace(weight=weights[i]) for i in terms.changed())
    if not sides and base.dtype == terms.dtype:
        return base.data
    # without a changed side only the type changes
    return combined(terms, base, sides or (base,), number(parameters, "lambda"))


METHOD: Final = Method(
    name="task_arithmetic",
    summary="the base plus the weighted sum of the models' changes",
    parameters={
        "weight": WEIGHT,
        "lambda": LAMBDA,
    },
    prepare=prepare,
)
