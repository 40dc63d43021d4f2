"""Task Arithmetic: the base plus the weighted sum of what every model learned.

    merged = base + lambda * sum_i w_i * (model_i - base)

G. Ilharco et al., "Editing models with task arithmetic" (arXiv 2212.04089). A negative weight
makes the model forget. A model equal to the base adds nothing.
"""

from __future__ import annotations

from typing import Final

from tiebreak.weights.kernels import Run, kernels
from tiebreak.weights.methods.method import (
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    number,
    numbers,
)


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    base, weights = terms.known_base, numbers(parameters, "weight")
    sides = tuple(terms.sides[i]._replace(weight=weights[i]) for i in terms.changed())
    if not sides and base.dtype == terms.dtype:
        return base.data
    scale, combine, dtype = number(parameters, "lambda"), kernels().combine, terms.dtype
    sides = sides or (base,)  # only its type changes

    def fill(start: int, stop: int, out: memoryview) -> None:
        combine(Run(out, dtype, start, stop - start), base, sides, scale)

    return fill


METHOD: Final = Method(
    name="task_arithmetic",
    summary="the base plus the weighted sum of the models' changes",
    parameters={
        "weight": Parameter(1.0, "how much each model's change counts", per_side=True),
        "lambda": Parameter(1.0, "scale of the sum of all changes"),
    },
    prepare=prepare,
)
