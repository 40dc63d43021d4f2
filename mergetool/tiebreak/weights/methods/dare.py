"""DARE: drop changes at random and rescale the others, then add them up or elect signs.

    b_i(p) ~ Bernoulli(density)
    d_i(p) = b_i(p) * (model_i(p) - base(p)) / density      (without rescale: not divided)
    merged = base + lambda * sum_i w_i * d_i                (elect "none": Task Arithmetic)
    merged = base + lambda * the sum over the models of the elected sign   (elect "mass": as TIES)

L. Yu et al., "Language models are super Mario" (arXiv 2311.03099). The drop rate p of the paper is
1 - density. The paper's factor is used, not mergekit's ratio of norms, which is random.

Chance is a function of the content (`tiebreak.weights.methods.chance`): swapping the models changes
nothing, and models equal to each other still drop different entries.
"""

from __future__ import annotations

from typing import Final

from tiebreak.weights.kernels.constants import NUMBERS
from tiebreak.weights.methods.chance import SEED, keys
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
)

LEAST_DENSITY: Final = 1e-6


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    terms, parameters = changes(terms, parameters)
    if not terms.sides:
        return unmoved(terms)
    densities = numbers(parameters, "density")
    sides = tuple(
        side._replace(
            weight=side.weight / (density if parameters["rescale"] else 1.0),
            key=key,
            drop=round((1 - density) * NUMBERS),
        )
        for side, density, key in zip(
            weighted(terms, parameters),
            densities,
            keys(terms, number(parameters, "seed"), each),
            strict=True,
        )
    )
    scale = number(parameters, "lambda")
    if parameters["elect"] == "none":
        return combined(terms, terms.base, sides, scale)
    return elected(terms, sides, scale, mean=False)


METHOD: Final = Method(
    name="dare",
    summary="drop changes at random, rescale the others, and add them up",
    parameters={
        "weight": WEIGHT,
        "density": kept_share(0.5, LEAST_DENSITY),
        "lambda": LAMBDA,
        "rescale": Parameter(True, "divide what is kept by the density"),  # noqa: FBT003
        "elect": ELECT,
        "seed": SEED,
    },
    prepare=prepare,
)
