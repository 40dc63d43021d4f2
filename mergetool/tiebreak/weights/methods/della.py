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
from tiebreak.weights.kernels import Run
from tiebreak.weights.kernels.portable import QUIETLY, chance, moved, store
from tiebreak.weights.methods.blocks import BLOCK, agreed
from tiebreak.weights.methods.chance import NUMBERS, SEED, keys
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
    number,
    numbers,
    unmoved,
    weights_to_divide_by,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.weights.kernels import Side
    from tiebreak.weights.methods.blocks import Doubles

LEAST_DENSITY: Final = 1e-6
NEITHER: Final = 0.5  # the rank of what has nothing to be compared with


class Thinned(NamedTuple):
    """What is left of one model's changes."""

    base: Side
    side: Side  # with its key
    row: int  # elements
    density: float
    epsilon: float
    inverse: bool  # whether each is divided by how likely it was to be kept
    factor: float = 1.0

    def values(self, start: int, stop: int) -> Doubles:
        """A stretch of them; whole rows are ranked for it."""
        if self.density >= 1:
            return self.changes(start, stop)
        pieces = [self._piece(*piece) for piece in _pieces(start, stop, self.row)]
        first = next(_pieces(start, stop, self.row))[0]
        return np.concatenate(pieces)[start - first : stop - first] * self.factor

    def changes(self, start: int, stop: int) -> Doubles:
        """The same stretch of all changes."""
        return np.asarray(deltas(self.base, (self.side,), start, stop)[0])

    def _piece(self, start: int, stop: int, width: int) -> Doubles:
        found = self.changes(start, stop)
        share = ranks(np.abs(found).reshape(-1, width)).ravel()
        likely = self.density - self.epsilon + 2 * self.epsilon * share
        dropped = chance(self.side.key, start, stop) < np.rint((1 - likely) * NUMBERS)
        left = found / likely if self.inverse else found
        return np.where(dropped & ~np.isnan(found), 0.0, left)


def ranks(magnitudes: Doubles) -> Doubles:
    """The rank of each within its row, from 0 for the smallest to 1; equal ones share theirs."""
    rows, width = magnitudes.shape
    if width == 1:
        return np.full((rows, 1), NEITHER)
    order = magnitudes.argsort(axis=1)
    ascending = np.take_along_axis(magnitudes, order, axis=1)
    places = np.arange(width)
    begins = np.ones((rows, width), bool)
    begins[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    ends = np.ones((rows, width), bool)
    ends[:, :-1] = begins[:, 1:]
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, places, width)[:, ::-1], axis=1)[:, ::-1]
    found = np.empty((rows, width))
    np.put_along_axis(found, order, (first + last) / (2 * (width - 1)), axis=1)
    return found


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
    weights = np.array(numbers(parameters, "weight"))[:, None]
    mean = bool(parameters["normalize"])

    def change(left: Doubles) -> Doubles:
        terms = left * weights
        if parameters["elect"] == "none":
            return np.asarray(terms.sum(axis=0) / (whole if mean else 1.0))
        return agreed(terms, terms, np.abs(weights) if mean else None)

    def fill(start: int, stop: int, out: memoryview) -> None:
        with np.errstate(**QUIETLY):
            left = np.array([model.values(start, stop) for model in models])
            origin = terms.known_base.values(start, stop)
            result = moved(origin, change(left) * scale)
            store(Run(out, terms.dtype, start, stop - start), result)

    return fill


def _thinned(terms: Terms, parameters: Parameters, each: Each) -> list[Thinned]:
    row = cut(terms.shape, ROW).length
    names = zip(
        terms.sides,
        keys(terms, number(parameters, "seed"), each),
        numbers(parameters, "density"),
        numbers(parameters, "epsilon"),
        strict=True,
    )
    inverse = parameters["rescale"] == "inverse"
    models = [
        Thinned(terms.known_base, side._replace(key=key), row, density, epsilon, inverse)
        for side, key, density, epsilon in names
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
        "density": Parameter(
            0.5, "the share of changes that is kept", LEAST_DENSITY, 1.0, per_side=True
        ),
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
