"""Chance as a function of the content, for methods that drop changes at random.

Entry number p of a tensor has the p-th number of a SplitMix64 sequence (G. Steele, D. Lea, C.
Flood, OOPSLA 2014), whose key depends on the seed, the tensor's name, and its bytes in the base and
in the model. The same merge gives the same bytes, and swapping the models changes nothing; models
equal to each other still have different numbers.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from tiebreak.weights.methods.method import Parameter, fingerprint

if TYPE_CHECKING:
    from tiebreak.weights.methods.method import Each, Terms

SEED: Final = Parameter(0.0, "another number drops other changes")


def keys(terms: Terms, seed: float, each: Each) -> list[int]:
    """A key for each side: of its content, not of its place."""
    origin = fingerprint(terms.known_base.data, each)
    own = [fingerprint(side.data, each) for side in terms.sides]
    found = []
    for place, content in enumerate(own):
        before = own[:place].count(content)
        text = f"{seed!r} {origin} {content} {before} {terms.name}"
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        found.append(int.from_bytes(digest, "little"))
    return found
