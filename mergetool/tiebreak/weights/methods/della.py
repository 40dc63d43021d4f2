"""DELLA: drop changes at random, the smaller the likelier, rescale the others, elect signs.

    r(p) = how many of the other |d_i| of its row are smaller, as a share from 0 to 1
    k(p) = density - epsilon + 2 epsilon r(p)
    b_i(p) ~ Bernoulli(k(p)),  d_i(p) = b_i(p) * (model_i(p) - base(p)) / k(p)
    merged = base + lambda * the mean over the models of the elected sign    (elect "mass")
    merged = base + lambda * sum_i w_i d_i / sum_i w_i                        (elect "none")

P. T. Deep, R. Bhardwaj, S. Poria, "DELLA-Merging: Reducing interference in model merging through
magnitude-based sampling" (arXiv 2406.11617), whose epsilon is the whole window: twice the one here,
which is mergekit's. Without `normalize` the sums are not divided. mergekit's `della_linear` is
elect "none" without `normalize`. With rescale "l1", as in mergekit, what is left of a model's
tensor is made as large as it was (the sum of its magnitudes), which favours what is likelier to be
kept.

A row is W[i]; a tensor of one dimension is one row. What has 2^19 elements or more is ranked in
pieces of so many. Entries of equal magnitude have the same rank, in the middle of their places, and
so has the one entry of a row of one. Chance is a function of the content
(`tiebreak.weights.methods.chance`). A NaN is never dropped.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tiebreak.weights.gram import ROW, cut, deltas
from tiebreak.weights.kernels import Run, Thinning, kernels
from tiebreak.weights.kernels.portable import QUIETLY
from tiebreak.weights.methods.blocks import BLOCK, changes_of
from tiebreak.weights.methods.chance import SEED, keys
from tiebreak.weights.methods.method import (
    CHUNK,
    ELECT,
    LAMBDA,
    WEIGHT,
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    changes,
    kept_share,
    number,
    numbers,
    unmoved,
    weighted,
    weights_to_divide_by,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.weights.kernels import Side
    from tiebreak.weights.methods.blocks import Doubles

LEAST_DENSITY: Final = 1e-6


class Thinned(NamedTuple):
    """What is left of one model's changes."""

    base: Side
    side: Side  # with its key and its weight
    row: int  # elements
    how: Thinning
    factor: float = 1.0

    def values(self, start: int, stop: int) -> Doubles:
        """A stretch of them; whole rows are ranked for it."""
        if self.how.density >= 1:
            return self.changes(start, stop)
        thin, pieces = kernels().thin, list(_pieces(start, stop, self.row))
        parts = [
            thin(self.base, self.side, at, ((end - at) // width, width), self.how)
            for at, end, width in pieces
        ]
        first = pieces[0][0]
        left = np.concatenate(parts)[start - first : stop - first]
        return left if self.factor == 1 else left * self.factor

    def changes(self, start: int, stop: int) -> Doubles:
        """The same stretch of all changes."""
        return np.asarray(deltas(self.base, (self.side,), start, stop)[0])


def _pieces(start: int, stop: int, row: int) -> Iterator[tuple[int, int, int]]:
    """Where rows that have a part in a stretch begin and end, several together, and their width."""
    if row > CHUNK:
        at = start // row * row + start % row // CHUNK * CHUNK
        while at < stop:
            end = min(at + CHUNK, (at // row + 1) * row)
            yield at, end, end - at
            at = end
        return
    step = max(1, BLOCK // row) * row
    end = -(-stop // row) * row
    for at in range(start // row * row, end, step):
        yield at, min(at + step, end), row


def fitting(parameters: Parameters) -> str | None:
    """See `Method.fitting`."""
    shares = zip(numbers(parameters, "density"), numbers(parameters, "epsilon"), strict=True)
    for density, epsilon in shares:
        if density < 1 and not 0 < density - epsilon <= density + epsilon < 1:
            found = f"got {density:g} and {epsilon:g}"
            return f"density - epsilon and density + epsilon have to be between 0 and 1, {found}"
    return weights_to_divide_by(parameters)


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    whole, scale = sum(numbers(parameters, "weight")), number(parameters, "lambda")
    terms, parameters = changes(terms, parameters)
    if not terms.sides:
        return unmoved(terms)
    models = _thinned(terms, parameters, each)
    mean, elects = bool(parameters["normalize"]), parameters["elect"] == "mass"

    def fill(start: int, stop: int, out: memoryview) -> None:
        with np.errstate(**QUIETLY):
            left = [model.values(start, stop) for model in models]
        sides = tuple(
            changes_of(values, model.side.weight)
            for values, model in zip(left, models, strict=True)
        )
        run, base = Run(out, terms.dtype, 0, stop - start), terms.known_base.part(start, stop)
        if elects:
            kernels().elect(run, base, sides, scale, mean=mean)
        else:
            kernels().combine(run, base, sides, scale / whole if mean else scale)

    return fill


def _thinned(terms: Terms, parameters: Parameters, each: Each) -> list[Thinned]:
    base, row = terms.known_base, cut(terms.shape, ROW).length
    inverse = parameters["rescale"] == "inverse"
    told = zip(
        weighted(terms, parameters),
        keys(terms, number(parameters, "seed"), each),
        numbers(parameters, "density"),
        numbers(parameters, "epsilon"),
        strict=True,
    )
    models = [
        Thinned(base, side._replace(key=key), row, Thinning(density, epsilon, inverse))
        for side, key, density, epsilon in told
    ]
    if parameters["rescale"] != "l1":
        return models
    return [model._replace(factor=_factor(model, terms.elements, each)) for model in models]


def _factor(model: Thinned, elements: int, each: Each) -> float:
    """How much smaller the magnitudes became, together."""

    def sums(start: int, stop: int) -> tuple[float, float]:
        with np.errstate(**QUIETLY):
            parts = model.changes(start, stop), model.values(start, stop)
            return float(np.abs(parts[0]).sum()), float(np.abs(parts[1]).sum())

    before, after = (math.fsum(part) for part in zip(*each(sums, elements), strict=True))
    return before / after if after else 1.0


METHOD: Final = Method(
    name="della",
    summary="drop changes at random, the smaller the likelier, and elect signs",
    parameters={
        "weight": WEIGHT,
        "density": kept_share(0.5, LEAST_DENSITY),
        "epsilon": Parameter(
            0.15, "how much likelier than the density the largest are kept", 0.0, 0.5, per_side=True
        ),
        "lambda": LAMBDA,
        "rescale": Parameter(
            "inverse", "what makes up for the dropped", choices=("inverse", "l1", "none")
        ),
        "normalize": Parameter(True, "divide by the weights"),  # noqa: FBT003
        "elect": ELECT._replace(default="mass"),
        "seed": SEED,
    },
    prepare=prepare,
    fitting=fitting,
)
