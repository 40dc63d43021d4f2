"""RegMean: the linear layer whose outputs are nearest to every model's own, on its own inputs.

    H_i = a * G_i + (1 - a) * diag(G_i)            a = reduce_non_diagonal
    sum_i w_i H_i W' = sum_i w_i H_i W_i'          solved for W, where with a = 1 the mean of
                                                   sum_i w_i |W x - W_i x|^2 is least

X. Jin et al., "Dataless Knowledge Fusion by Merging Weights of Language Models" (arXiv 2212.09849),
equation 2 and section 3.2. G_i is the mean of x x' over the inputs x of the layer in model i, a
second checkpoint beside the model (`tiebreak.weights.importance`, `tiebreak weights gram`). What
has no Gram takes the average of the models, and so do tables with a row for each token or position,
as in the paper. The base model is not used.

It is solved for the difference from the average A: W' = A' + (sum H)^-1 sum H (W_i - A)'. `RIDGE`
times the mean eigenvalue is added to sum H: of an input that no model ever sees nothing is known,
and the average stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.errors import InputError, UsageError
from tiebreak.weights.blas import one_thread
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import shown
from tiebreak.weights.methods.forms import form
from tiebreak.weights.methods.matrix import stored
from tiebreak.weights.methods.method import (
    WEIGHT,
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    combined,
    number,
    numbers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.spectrum import Matrix

RIDGE: Final = 1e-10


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    shares = numbers(parameters, "weight")
    if not any(shares):
        raise UsageError("regmean: weights that are all 0 leave nothing")
    shares = tuple(share / sum(shares) for share in shares)
    if terms.same():
        return terms.sides[0].data
    if not terms.importances or form(terms.name, terms.shape) is None:
        sides = zip(terms.sides, shares, strict=True)
        return combined(terms, None, tuple(side._replace(weight=share) for side, share in sides))
    room = memoryview(bytearray(terms.elements * (DTYPES[terms.dtype].bits // 8)))
    with one_thread():
        found = _solved(terms, shares, number(parameters, "reduce_non_diagonal"))
    stored(terms, None, 1.0, found.reshape(-1), 0, room)
    return room


def _solved(terms: Terms, shares: Sequence[float], kept: float) -> Matrix:
    """The merged weight as it is stored; solved with the inputs as rows."""
    average = np.zeros(_inputs_first(terms, np.zeros(terms.shape)).shape)
    for model, share in enumerate(shares):
        average += share * _weight(terms, model)
    grams, right = np.zeros((len(average), len(average))), np.zeros_like(average)
    for model, share in enumerate(shares):
        gram = _gram(terms, model, len(average), kept)
        gram *= share
        grams += gram
        right += gram @ (_weight(terms, model) - average)
    grams.flat[:: len(grams) + 1] += RIDGE * (np.trace(grams) / len(grams) or 1.0)
    average += np.linalg.solve(grams, right)
    return _inputs_first(terms, average)


def _weight(terms: Terms, model: int) -> Matrix:
    found = terms.sides[model].values(0, terms.elements)
    _check(terms, model, found, "the model")
    return _inputs_first(terms, found.reshape(terms.shape))


def _inputs_first(terms: Terms, matrix: Matrix) -> Matrix:
    """A weight as input x output, or back."""
    return matrix if terms.transposed else matrix.T


def _gram(terms: Terms, model: int, inputs: int, kept: float) -> Matrix:
    found = terms.importances[model].values(0, inputs * inputs).reshape(inputs, inputs)
    _check(terms, model, found, "its Gram")
    diagonal = found.diagonal().copy()
    if (diagonal < 0).any():
        where = f"tensor {shown(terms.name)!r}"
        raise InputError(f"{where}: the Gram of model {model + 1} has a negative diagonal")
    found *= kept
    found.flat[:: inputs + 1] = diagonal
    return found


def _check(terms: Terms, model: int, found: Matrix, what: str) -> None:
    if not np.isfinite(found).all():
        where = f"tensor {shown(terms.name)!r} of model {model + 1}"
        raise InputError(f"{where}: {what} holds NaN or infinity")


METHOD: Final = Method(
    name="regmean",
    summary="linear layers that answer as each model does to its own inputs",
    parameters={
        "weight": WEIGHT._replace(least=0.0),
        "reduce_non_diagonal": Parameter(
            0.9, "what the entries off the Grams' diagonal count", 0.0, 1.0
        ),
    },
    prepare=prepare,
    needs_base=False,
    importance="gram",
    sides=(2, None),
    copies=10,
    squares=True,
)
