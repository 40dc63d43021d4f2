"""PCB-Merging: the entries of all models compete, within their model and with the other models'.

    d_i    = model_i - base
    n_i(p) = the sign of d_i(p) * (|d_i(p)| - least_i) / (most_i - least_i)
    b_i(p) = exp(N * n_i(p)^2) * sum_j tanh(n_i(p) * n_j(p))
    s_i(p) = max(0, b_i(p) - t_i) / (max b_i - t_i)
    merged = base + lambda * sum_i s_i * w_i * d_i / sum_i s_i    (the base where every s_i is 0)

G. Du et al., "Parameter Competition Balancing for Model Merging" (arXiv 2410.02396), section 3.2.
A softmax over a hundred million entries is flat and never negative, so that it could neither rank
nor reject what conflicts; the authors' code has exp and tanh in its place, and so have we, in the
form that does not depend on the scale of a model's changes. Its constant factor cancels out.

t_i is the b_i of rank ceil(density * entries) from the top, and at least 0: what is not above it
is dropped, also what the other models contradict more than itself. Where all the best are as good
as the threshold, they are kept. Ranks and extremes are those of a model's whole task vector, over
all tensors together, and of float32. least_i and most_i leave out the share `winsor` at each end,
so that a few huge changes do not decide what all others count. They bound n_i alone; the authors'
code shortens d_i as well.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tiebreak.weights.methods.blocks import changed_by, counts_of
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
    numbers,
    unmoved,
)
from tiebreak.weights.trim import select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tiebreak.weights.methods.blocks import Doubles
    from tiebreak.weights.trim import Counts

LEAST, MOST, CUT, BEST = "least", "most", "cut", "best"  # what the survey adds, for each model
LEAST_DENSITY: Final = 1e-9
MANY: Final = 128  # models, whose exp is still a float32


class _Range(NamedTuple):
    """Of every model, as a column: the sizes of changes that have the scores 0 and 1."""

    least: Doubles
    most: Doubles


def survey(tensors: Sequence[Terms], parameters: Parameters, each: Each) -> Parameters:
    """Of every model over all tensors: the range of its changes, and of the scores that count."""
    if not tensors:
        return parameters
    elements = sum(terms.elements for terms in tensors)
    changed = [
        [terms for terms in tensors if side in terms.changed()]
        for side in range(len(tensors[0].sides))
    ]
    cropped = int(Fraction(repr(number(parameters, "winsor"))) * elements)
    sizes = [
        counts_of([terms.only([side]) for terms in held], _sizes, each)
        for side, held in enumerate(changed)
    ]
    least = tuple(_value(counts, elements - cropped) for counts in sizes)
    most = tuple(_value(counts, cropped + 1) for counts in sizes)
    scores = [
        counts_of(held, partial(_score, side, _range(least, most)), each)
        for side, held in enumerate(changed)
    ]
    cut = tuple(_cut(counts, number(parameters, "density"), elements) for counts in scores)
    best = tuple(_value(counts, 1) for counts in scores)
    return {**parameters, LEAST: least, MOST: most, CUT: cut, BEST: best}


def _value(counts: Counts, rank: int) -> float:
    return float(np.uint32(select(counts, rank)).view(np.float32))


def _cut(counts: Counts, density: float, elements: int) -> float:
    """The score that is not enough; of one entry alone it is none."""
    if density >= 1:
        return 0.0
    return _value(counts, max(2, math.ceil(Fraction(repr(density)) * elements)))


def _range(least: tuple[float, ...], most: tuple[float, ...]) -> _Range:
    return _Range(*(np.array(values)[:, None] for values in (least, most)))


def _sizes(found: Doubles, _start: int) -> Doubles:
    """Of one model alone."""
    return np.where(np.isfinite(found[0]), np.abs(found[0]), 0.0)


def _score(side: int, range_: _Range, found: Doubles, _start: int) -> Doubles:
    return _scored(_normal(found, range_), side)


def _finite(found: Doubles) -> NDArray[np.bool_]:
    """Where no model has NaN or infinity."""
    return np.asarray(np.isfinite(found).all(axis=0))


def _normal(found: Doubles, range_: _Range) -> Doubles:
    """Every n_i; of changes that are all as large 1. What is no number for one model is 0."""
    width = range_.most - range_.least
    sizes = np.clip((np.abs(found) - range_.least) / width, 0.0, 1.0)
    return np.where(_finite(found), np.sign(found) * np.where(width > 0, sizes, 1.0), 0.0)


def _scored(normal: Doubles, side: int) -> Doubles:
    """The b_i of one model, rounded to float32, and 0 instead of less."""
    own = normal[side]
    shared = np.tanh(own * normal).sum(axis=0)
    scores = np.exp(len(normal) * (own * own - 0.5)) * shared
    return np.asarray(np.maximum(scores, 0.0).astype(np.float32), np.float64)


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    if not terms.changed():
        return unmoved(terms)
    weights, least, most, cut, best = (
        numbers(parameters, name) for name in ("weight", LEAST, MOST, CUT, BEST)
    )
    range_, scale = _range(least, most), number(parameters, "lambda")

    def change(found: Doubles, _start: int) -> Doubles:
        normal = _normal(found, range_)
        mass, total = np.zeros(found.shape[1]), np.zeros(found.shape[1])
        for side, values in enumerate(found):
            count = _counting(_scored(normal, side), cut[side], best[side])
            mass += count
            total += np.where(count > 0, count * weights[side] * values, 0.0)
        merged = np.where(mass > 0, scale * total / mass, 0.0)
        return np.where(_finite(found), merged, np.nan)

    return changed_by(terms, change, terms.known_base)


def _counting(scores: Doubles, cut: float, best: float) -> Doubles:
    """The s_i of one model."""
    if best > cut:
        return np.maximum(scores - cut, 0.0) / (best - cut)
    return np.where((scores == best) & (scores > 0), 1.0, 0.0)


METHOD: Final = Method(
    name="pcb",
    summary="let the changes compete, drop the weakest, average by strength",
    parameters={
        "weight": WEIGHT,
        "density": Parameter(0.1, "the share of changes that may be kept", LEAST_DENSITY, 1.0),
        "lambda": LAMBDA,
        "winsor": Parameter(0.01, "the share of changes that count as the largest", 0.0, 0.49),
    },
    prepare=prepare,
    sides=(1, MANY),
    survey=survey,
)
