"""TSV-M: the strongest directions of every task, made orthogonal to those of the others.

    t_i = U_i diag(s_i) V_i'                       of which the r / N largest are kept
    U* = [U_1 | ... | U_N],  s* = [s_1 | ... | s_N],  V* = [V_1 | ... | V_N]
    merged = base + lambda * polar(U*) diag(s*) polar(V*)'

A. Gargiulo et al., "Task Singular Vectors: Reducing Task Interference in Model Merging" (arXiv
2412.00081), section 4.3 and algorithm 1. r is the smaller of a matrix's lengths, of N tasks each
keeps floor(r / N) directions, at least one. polar(A) is the nearest matrix with orthonormal
columns. Where tasks have a direction in common the columns are dependent; what they do not span
stays empty, where the authors' code fills it with arbitrary directions. So N equal models give
their strongest directions back, and one model alone all of itself.

Which tensors are matrices, and what becomes of the others: `tiebreak.weights.methods.matrix`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.weights.methods import matrix
from tiebreak.weights.methods.method import LAMBDA, WEIGHT, Content, Each, Method, Parameters, Terms
from tiebreak.weights.spectrum import joined, polar, svd

if TYPE_CHECKING:
    from tiebreak.weights.methods.matrix import Tasks
    from tiebreak.weights.spectrum import Matrix, Spectrum


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    return matrix.merged(terms, parameters, _decorrelated)


def _decorrelated(tasks: Tasks) -> Matrix:
    if len(tasks) == 1:
        return tasks[0]
    left, values, right = joined(_strongest(task, len(tasks)) for task in tasks)
    left = polar(left)
    left *= values
    return left @ polar(right).T


def _strongest(task: Matrix, tasks: int) -> Spectrum:
    return svd(task, max(1, min(task.shape) // tasks))


METHOD: Final = Method(
    name="tsv_m",
    summary="the strongest directions of every model, made orthogonal to the others'",
    parameters={"weight": WEIGHT, "lambda": LAMBDA},
    prepare=prepare,
    copies=10,
)
