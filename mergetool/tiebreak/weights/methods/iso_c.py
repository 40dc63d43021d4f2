"""ISO-C: the sum of the task vectors with all its directions equally strong.

    sum_i t_i = U diag(s) V',    merged = base + lambda * mean(s) * U V'

D. Marczak et al., "No Task Left Behind: Isotropic Model Merging with Common and Task-Specific
Subspaces" (arXiv 2502.04959), section 4.1. The mean is over the directions that the sum has: what
none of the models changed stays, where the authors' code fills it with arbitrary directions. So the
sum of the singular values stays what it is, also of a change of low rank.

Which tensors are matrices, and what becomes of the others: `tiebreak.weights.methods.matrix`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.weights.methods import matrix
from tiebreak.weights.methods.method import LAMBDA, WEIGHT, Content, Each, Method, Parameters, Terms
from tiebreak.weights.spectrum import svd

if TYPE_CHECKING:
    from tiebreak.weights.methods.matrix import Tasks
    from tiebreak.weights.spectrum import Matrix


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    return matrix.merged(terms, parameters, _flattened)


def _flattened(tasks: Tasks) -> Matrix:
    left, values, right = svd(tasks.total())
    left *= values.mean() if len(values) else 0.0
    return left @ right.T


METHOD: Final = Method(
    name="iso_c",
    summary="the sum of the changes, all of its directions equally strong",
    parameters={"weight": WEIGHT, "lambda": LAMBDA},
    prepare=prepare,
    copies=8,
)
