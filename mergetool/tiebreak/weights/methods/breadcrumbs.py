"""Model Breadcrumbs: without the largest and the smallest changes, add them up or elect signs.

    d_i = model_i - base, 0 for the floor(gamma * n) largest of its n magnitudes, and for all but
          the floor(density * n) next ones
    merged = base + lambda * sum_i w_i d_i      (normalize: divided by the sum of the w_i)
    merged = base + lambda * the sum over the models of the elected sign   (elect "mass": as TIES;
                             normalize: divided by the sum of their |w_i|)

M. Davari, E. Belilovsky, "Model Breadcrumbs: Scaling multi-task model merging with sparse masks"
(arXiv 2312.06795), each tensor by itself. mergekit's `breadcrumbs` and `breadcrumbs_ties`.

Of equal magnitudes all are kept (`tiebreak.weights.trim.band`). Where density and gamma together
are more than 1, fewer of the largest are dropped; with a density of 1, none.
"""

from __future__ import annotations

from typing import Final

from tiebreak.weights.methods.method import (
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
    combined,
    elected,
    kept_share,
    number,
    numbers,
    unmoved,
    weighted,
    weights_to_divide_by,
)
from tiebreak.weights.trim import band


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    scale, total = number(parameters, "lambda"), sum(numbers(parameters, "weight"))
    terms, parameters = changes(terms, parameters)
    if not terms.sides:
        return unmoved(terms)
    shares = zip(numbers(parameters, "density"), numbers(parameters, "gamma"), strict=True)
    bands = (band(terms.known_base, s, terms.elements, share, each)
             for s, share in zip(terms.sides, shares, strict=True))  # fmt: skip
    sides = tuple(
        side._replace(threshold=least, ceiling=most)
        for side, (least, most) in zip(weighted(terms, parameters), bands, strict=True)
    )
    mean = bool(parameters["normalize"])
    if parameters["elect"] == "mass":
        return elected(terms, sides, scale, mean=mean)
    return combined(terms, terms.base, sides, scale / total if mean else scale)


METHOD: Final = Method(
    name="breadcrumbs",
    summary="drop the largest and the smallest changes, and add up the others",
    parameters={
        "weight": WEIGHT,
        "density": kept_share(0.9),
        "gamma": Parameter(0.01, "the share of changes that is too large", 0.0, 1.0, per_side=True),
        "lambda": LAMBDA,
        "normalize": Parameter(False, "divide by the weights"),  # noqa: FBT003
        "elect": ELECT,
    },
    prepare=prepare,
    fitting=weights_to_divide_by,
)
