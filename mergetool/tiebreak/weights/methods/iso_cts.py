"""ISO-CTS: the directions that the tasks share and those of single tasks, all equally strong.

    sum_i t_i = U diag(s) V'                       of which the k largest are kept: U_k, s_k, V_k
    t_i - U_k U_k' t_i = U_i diag(s_i) V_i'        of which the (r - k) / N largest are kept
    U* = [U_k | U_1 | ... | U_N],  V* likewise,  s* the mean of all the values that are kept
    merged = base + lambda * s* * polar(U*) polar(V*)'

D. Marczak et al., "No Task Left Behind: Isotropic Model Merging with Common and Task-Specific
Subspaces" (arXiv 2502.04959), section 4.2 and algorithm 2. r is the smaller of a matrix's lengths,
k = `common` * r; of the rest every task has as many, rounded as in the authors' code. polar(A) is
the nearest matrix with orthonormal columns. Directions that do not exist, in a change of lower
rank, are left out.

Which tensors are matrices, and what becomes of the others: `tiebreak.weights.methods.matrix`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.weights.methods import matrix
from tiebreak.weights.methods.method import (
    LAMBDA,
    WEIGHT,
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    number,
)
from tiebreak.weights.spectrum import joined, polar, svd

if TYPE_CHECKING:
    from tiebreak.weights.methods.matrix import Tasks
    from tiebreak.weights.spectrum import Matrix, Spectrum


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    formula = partial(_joined, common=number(parameters, "common"))
    return matrix.merged(terms, parameters, formula)


def _joined(tasks: Tasks, common: float) -> Matrix:
    total = tasks.total()
    least = min(total.shape)
    own = min(round((least - int(least * common)) / len(tasks)), least // len(tasks))
    shared = svd(total, least - own * len(tasks))
    del total
    left, values, right = joined([shared, *(_beside(task, shared, own) for task in tasks)])
    left = polar(left)
    left *= values.mean() if len(values) else 0.0
    return left @ polar(right).T


def _beside(task: Matrix, shared: Spectrum, most: int) -> Spectrum:
    """The strongest directions of a task outside those that are shared."""
    size = float(np.linalg.norm(task))
    return svd(task - shared.left @ (shared.left.T @ task), most, size)


METHOD: Final = Method(
    name="iso_cts",
    summary="directions that the models share and those of each, equally strong",
    parameters={
        "weight": WEIGHT,
        "lambda": LAMBDA,
        "common": Parameter(
            0.8, "the share of directions that the models have in common", 0.0, 1.0
        ),
    },
    prepare=prepare,
    copies=11,
)
