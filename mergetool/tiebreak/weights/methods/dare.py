"""DARE: drop changes at random and rescale the others, then add them up or elect signs.

    b_i(p) ~ Bernoulli(density)
    d_i(p) = b_i(p) * (model_i(p) - base(p)) / density      (without rescale: not divided)
    merged = base + lambda * sum_i w_i * d_i                (elect "none": Task Arithmetic)
    merged = base + lambda * the sum over the models of the elected sign   (elect "mass": as TIES)

L. Yu et al., "Language models are super Mario" (arXiv 2311.03099). The drop rate p of the paper is
1 - density. The paper's factor is used, not mergekit's ratio of norms, which is random.

Chance is a function of the content: entry number p of a tensor is dropped by the p-th number of a
SplitMix64 sequence (G. Steele, D. Lea, C. Flood, OOPSLA 2014), whose key depends on the seed, the
tensor's name, and its bytes in the base and in the model. The same merge gives the same bytes, and
swapping the models changes nothing; models equal to each other still drop different entries.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from tiebreak.weights.methods.method import (
    LAMBDA,
    WEIGHT,
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    combined,
    elected,
    fingerprint,
    number,
    numbers,
)

LEAST_DENSITY: Final = 1e-6
NUMBERS: Final = 1 << 32  # as many random numbers there are


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    base, changed = terms.known_base, terms.changed()
    if not changed and base.dtype == terms.dtype:
        return base.data
    keys = _keys(terms, changed, number(parameters, "seed"), each)
    weights, densities = numbers(parameters, "weight"), numbers(parameters, "density")
    sides = tuple(
        terms.sides[side]._replace(
            weight=weights[side] / (densities[side] if parameters["rescale"] else 1.0),
            key=key,
            drop=round((1 - densities[side]) * NUMBERS),
        )
        for side, key in zip(changed, keys, strict=True)
    )
    scale = number(parameters, "lambda")
    if parameters["elect"] == "none":
        return combined(terms, base, sides or (base,), scale)
    return elected(terms, sides, scale, mean=False)


def _keys(terms: Terms, changed: tuple[int, ...], seed: float, each: Each) -> list[int]:
    """A key for each changed side: of its content, not of its place."""
    origin = fingerprint(terms.known_base.data, each)
    own = [fingerprint(terms.sides[side].data, each) for side in changed]
    keys = []
    for place, content in enumerate(own):
        before = own[:place].count(content)
        text = f"{seed!r} {origin} {content} {before} {terms.name}"
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        keys.append(int.from_bytes(digest, "little"))
    return keys


METHOD: Final = Method(
    name="dare",
    summary="drop changes at random, rescale the others, and add them up",
    parameters={
        "weight": WEIGHT,
        "density": Parameter(
            0.5, "the share of changes that is kept", LEAST_DENSITY, 1.0, per_side=True
        ),
        "lambda": LAMBDA,
        "rescale": Parameter(True, "divide what is kept by the density"),  # noqa: FBT003
        "elect": Parameter(
            "none", "whether signs are elected as in TIES", choices=("none", "mass")
        ),
        "seed": Parameter(0.0, "another number drops other changes"),
    },
    prepare=prepare,
)
