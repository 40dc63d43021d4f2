"""EMR-Merging: one vector for all tasks, which a mask and a number turn into each task's own.

    s(p) = the sign of sum_i d_i(p),  d_i = model_i - base
    u(p) = s(p) * the largest |d_i(p)| of the models with that sign
    merged = base + lambda * u                                  (task 0)
    merged = base + lambda * r_i * [d_i(p) * u(p) > 0] * u(p)   (task i: the model for task i alone)
    r_i = sum_p |d_i(p)| / sum_p [d_i(p) * u(p) > 0] * |u(p)|   over all tensors together

C. Huang et al., "EMR-Merging: Tuning-free high-performance model merging" (arXiv 2405.17461),
section 4. The sums are the paper's, over the whole model. Each task's model is one merge, with
`task` as its number; what the paper keeps of it, the mask and r_i, follows from the same inputs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.errors import UsageError
from tiebreak.weights.gram import deltas
from tiebreak.weights.methods.blocks import changed_by
from tiebreak.weights.methods.method import (
    LAMBDA,
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    number,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.methods.blocks import Doubles

RESCALER: Final = "rescaler"  # what the survey adds to the parameters


def survey(tensors: Sequence[Terms], parameters: Parameters, each: Each) -> Parameters:
    """The rescaler of the wanted task, over all tensors."""
    task = number(parameters, "task")
    if task != int(task):
        raise UsageError(f"emr: task: expected a whole number, got {task:g}")
    if not task:
        return {**parameters, RESCALER: 1.0}
    found = [sizes for terms in tensors for sizes in _sizes(terms, int(task) - 1, each)]
    own, kept = (math.fsum(part) for part in zip(*found, strict=True)) if found else (0.0, 0.0)
    return {**parameters, RESCALER: own / kept if kept else 1.0}


def _sizes(terms: Terms, task: int, each: Each) -> list[tuple[float, float]]:
    """Of each stretch: the sum of the task's magnitudes, and of what its mask leaves."""
    if task >= len(terms.sides):
        raise UsageError(f"emr: task {task + 1} of {len(terms.sides)} models")

    def sizes(start: int, stop: int) -> tuple[float, float]:
        found = deltas(terms.known_base, terms.sides, start, stop)
        return float(np.abs(found[task]).sum()), float(np.abs(_masked(found, task)).sum())

    return each(sizes, terms.elements)


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    base, task = terms.known_base, int(number(parameters, "task")) - 1
    if not terms.changed() and base.dtype == terms.dtype:
        return base.data
    scale = number(parameters, "lambda") * number(parameters, RESCALER)

    def change(found: Doubles, _start: int) -> Doubles:
        return np.asarray((_unified(found) if task < 0 else _masked(found, task)) * scale)

    return changed_by(terms, change, base)


def _unified(found: Doubles) -> Doubles:
    sign = np.sign(found.sum(axis=0))
    return np.asarray(sign * np.maximum(found * sign, 0.0).max(axis=0))


def _masked(found: Doubles, task: int) -> Doubles:
    unified = _unified(found)
    return np.where((found[task] * unified > 0) | np.isnan(unified), unified, 0.0)


METHOD: Final = Method(
    name="emr",
    summary="the largest changes of the elected sign; or one task's part of them",
    parameters={
        "lambda": LAMBDA,
        "task": Parameter(0.0, "0 for all tasks, else the number of the model it is for", 0.0),
    },
    prepare=prepare,
    survey=survey,
)
