"""Karcher mean: the direction that is nearest to those of all models, measured by angle.

    u = sum_i w_i u_i / |...|, then up to max_iter times, with cos a_i = <u, u_i>:
        T = sum_i w_i * a_i / sin a_i * (u_i - cos a_i * u);  stop if |T| < tol
        u = cos |T| * u + sin |T| * T / |T|
    merged = sum_i w_i |x_i| * u,  u_i = x_i / |x_i|,  w_i = weight_i / sum_j weight_j

H. Karcher, "Riemannian center of mass and mollifier smoothing" (Communications on Pure and Applied
Mathematics 30, 1977), on the unit sphere; mergekit's `karcher`, whose weights are equal. The x_i
are the models, or with `around` "base" their changes. u stays a weighted sum of the x_i, so
everything follows from their dot products: the tensors are read once, whatever the number of steps.

A vector that is 0 has no direction, and counts with its length alone. Nor has a model straight
opposite of u (sin a < 1e-6) a direction in which it pulls. Where the directions cancel out, the
first model with a direction is where it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.weights.gram import TENSOR, cut, gram
from tiebreak.weights.methods.blocks import blended
from tiebreak.weights.methods.method import (
    AROUND,
    WEIGHT,
    ZERO,
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    number,
    numbers,
    some_weight,
)
from tiebreak.weights.methods.multislerp import CANCELLED, directions, size_of

if TYPE_CHECKING:
    from tiebreak.weights.methods.blocks import Doubles


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    if terms.same():
        return terms.sides[0].data
    base = terms.known_base if METHOD.is_based(parameters) else None
    where = cut(terms.shape, TENSOR)
    products = gram(base, terms.sides, terms.elements, where, each)[0]
    weights = np.array(numbers(parameters, "weight"))
    steps, tolerance = int(number(parameters, "max_iter")), number(parameters, "tol")
    found = factors(products, weights / weights.sum(), steps, tolerance)
    return blended(terms, base, found[None], where)


def factors(products: Doubles, weights: Doubles, steps: int, tolerance: float) -> Doubles:
    """What each vector is multiplied with, from the dot products."""
    sizes, mean = directions(products, weights)
    if not np.isfinite(products).all() or not sizes.any():
        return weights
    directed = np.where(sizes != 0, weights, 0.0)
    units = np.divide(1.0, sizes, out=np.zeros(len(sizes)), where=sizes != 0)
    if size_of(products, mean) < CANCELLED or not directed.any():
        mean = np.where(np.arange(len(sizes)) == sizes.nonzero()[0][0], units, 0.0)
    mean = mean / size_of(products, mean)
    for _ in range(steps):
        towards = _tangent(products, mean, units, directed / (directed.sum() or 1.0))
        length = size_of(products, towards)
        if length < tolerance:
            break
        mean = np.cos(length) * mean + np.sin(length) / length * towards
        mean = mean / size_of(products, mean)
    return np.asarray(mean * (weights @ sizes))


def _tangent(products: Doubles, mean: Doubles, units: Doubles, weights: Doubles) -> Doubles:
    """The weighted sum of the arcs from the mean to the models, as factors of their vectors."""
    cosines = np.clip((products @ mean) * units, -1, 1)
    sines = np.sqrt(1 - cosines**2)
    pulls = weights * np.divide(
        np.arccos(cosines), sines, out=np.where(cosines > 0, 1.0, 0.0), where=sines >= CANCELLED
    )
    return np.asarray(pulls * units - (pulls @ cosines) * mean)


METHOD: Final = Method(
    name="karcher",
    summary="the direction nearest to all models by angle, with their mean length",
    parameters={
        "weight": WEIGHT._replace(least=0.0),
        "max_iter": Parameter(10.0, "how many steps at most", 0.0, 1000.0),
        "tol": Parameter(1e-5, "the step that is small enough to stop", 0.0),
        "around": AROUND._replace(default=ZERO),
    },
    prepare=prepare,
    fitting=some_weight,
)
