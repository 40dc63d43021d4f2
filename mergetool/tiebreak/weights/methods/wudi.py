"""WUDI-Merging: the change that interferes least with what every model's own inputs see.

    loss(M) = sum_i |(M - t_i) t_i'|^2 / |t_i|^2      the published method takes 300 steps of Adam
                                                      towards its least value, from sum_i t_i

R. Cheng et al., "Whoever Started the Interference Should End It: Guiding Data-Free Model Merging
via Task Vectors" (arXiv 2503.08099): the rows of a task vector t_i span about the inputs that the
task has. The loss is a sum of squares, linear in M inside, so its least value needs no steps. With
G_i = t_i' t_i / |t_i|^2 its gradient is 2 sum_i (M - t_i) G_i, which is 0 where

    M sum_i G_i = sum_i t_i G_i,    merged = base + lambda * M

So it is RegMean (`tiebreak.weights.methods.regmean`) of the task vectors, with themselves in the
place of the inputs. Where the G_i say (almost) nothing many M are as good; of these, as the steps
do, it stays near sum_i t_i: a `ridge` times the mean eigenvalue of sum_i G_i is the weight of
|M - sum_i t_i|^2 in the loss. A large ridge is like few steps.

The rows of a tensor have to be its outputs: of layers that keep the transposed weight (Conv1D of
GPT-2) the interference is seen from the other side. Which tensors are matrices, and what becomes of
the others: `tiebreak.weights.methods.matrix`.
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

if TYPE_CHECKING:
    from tiebreak.weights.methods.matrix import Tasks
    from tiebreak.weights.spectrum import Matrix

RIDGE: Final = 1e-8


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    formula = partial(_least, ridge=number(parameters, "ridge"))
    return matrix.merged(terms, parameters, formula)


def _least(tasks: Tasks, ridge: float) -> Matrix:
    if len(tasks) == 1:
        return tasks[0]
    right = tasks.total()
    grams = np.zeros((right.shape[1], right.shape[1]))
    right *= ridge * len(tasks) / len(grams)
    for task in tasks:
        size = float(np.linalg.norm(task))
        gram = task.T @ task
        gram /= size * size
        grams += gram
        right += task @ gram
    grams.flat[:: len(grams) + 1] += ridge * len(tasks) / len(grams)
    return np.linalg.solve(grams, right.T).T.astype(np.float64, copy=False)


METHOD: Final = Method(
    name="wudi",
    summary="the change that interferes least with every model's own",
    parameters={
        "weight": WEIGHT,
        "lambda": LAMBDA,
        "ridge": Parameter(RIDGE, "what staying near the sum of the changes counts", RIDGE / 1e4),
    },
    prepare=prepare,
    copies=10,
    squares=True,
)
