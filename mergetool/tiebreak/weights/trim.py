"""The magnitude from which on the entries of a task vector are kept: exact, without sorting.

Of n deltas, the floor(density * n) largest are kept, at least one, together with all that are as
large as the smallest of them; a delta of 0 is never kept. (In BF16 some 3 % of the entries of a
fine-tuned model share the threshold's magnitude, so which of them are kept has to be defined.)

Magnitudes are compared as the bits of a float32, which order as the numbers do: two histograms, of
the upper and the lower bits, find the one that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tiebreak.weights.kernels import kernels
from tiebreak.weights.kernels.constants import LOWER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.kernels import Side
    from tiebreak.weights.methods.method import Each, Terms

FEW: Final = 1 << 14  # elements: selecting among them is faster than clearing a histogram
SMALLEST: Final = 1  # the least magnitude that is not 0

# How many magnitudes have which upper 16 bits, or of those with a prefix, lower 15 bits
Counts = Callable[[int | None], NDArray[np.uint64]]


def kept(density: float, elements: int) -> int:
    """How many entries are wanted."""
    return max(1, _share(density, elements))


def threshold(base: Side, side: Side, elements: int, density: float, each: Each) -> int:
    """The threshold of one tensor, as `Side.threshold` takes it; 0 when nothing is trimmed."""
    if density >= 1 or not elements:
        return 0
    return max(SMALLEST, _ranked(base, side, elements, kept(density, elements), each))


def band(
    base: Side, side: Side, elements: int, shares: tuple[float, float], each: Each
) -> tuple[int, int]:
    """The threshold and the ceiling between which a share of the entries lies.

    The shares are density and gamma: above the ceiling are the floor(gamma * n) largest, fewer
    where the others would not be enough for the density. Entries as large as the ceiling are all
    kept. The ceiling is 0 where nothing is too large.
    """
    density, gamma = shares
    if density >= 1 or not elements:
        return 0, 0
    wanted = kept(density, elements)
    above = min(_share(gamma, elements), elements - wanted)
    least = _ranked(base, side, elements, above + wanted, each)
    most = _ranked(base, side, elements, above + 1, each) if above else 0
    return max(SMALLEST, least), most


def _share(share: float, elements: int) -> int:
    """So many of these elements; the share is read as it is written: 0.29 of 100 is 29."""
    return int(Fraction(repr(share)) * elements)


def _ranked(base: Side, side: Side, elements: int, wanted: int, each: Each) -> int:
    """The magnitude of rank `wanted`, counted from the largest, of one tensor."""
    if elements <= FEW:
        magnitudes = kernels().magnitudes(base, side, 0, elements)
        place = elements - wanted
        return int(np.partition(magnitudes, place)[place])
    return select(partial(_histogram, [(base, side, elements)], each), wanted)


def threshold_of_all(tensors: Sequence[Terms], number: int, density: float, each: Each) -> int:
    """The threshold of one model's whole task vector, over all these tensors."""
    elements = sum(terms.elements for terms in tensors)
    if density >= 1 or not elements:
        return 0
    pairs = [
        (terms.known_base, terms.sides[number], terms.elements)
        for terms in tensors
        if number in terms.changed()
    ]
    return max(SMALLEST, select(partial(_histogram, pairs, each), kept(density, elements)))


def select(counts: Counts, wanted: int) -> int:
    """The magnitude of rank `wanted`, counted from the largest; what is not counted is 0."""
    upper, above = _bin_of(counts(None), wanted)
    if upper is None:
        return 0
    lower, _ = _bin_of(counts(upper), wanted - above)
    return (upper << LOWER) + (lower or 0)


def _bin_of(counts: NDArray[np.uint64], wanted: int) -> tuple[int | None, int]:
    """The bin with the element of that rank from the top, and how many lie in higher bins."""
    from_top = np.cumsum(counts[::-1])
    place = int(np.searchsorted(from_top, np.uint64(wanted)))
    if place == len(counts):
        return None, 0
    higher = int(from_top[place - 1]) if place else 0
    return len(counts) - 1 - place, higher


def _histogram(
    pairs: Sequence[tuple[Side, Side, int]], each: Each, prefix: int | None
) -> NDArray[np.uint64]:
    """The counts over all pairs. They are whole numbers: their order does not matter."""
    histogram = kernels().histogram
    total = no_counts(prefix)
    for base, side, elements in pairs:

        def count(
            start: int, stop: int, base: Side = base, side: Side = side
        ) -> NDArray[np.uint32]:
            return histogram(base, side, start, stop - start, prefix)

        for counts in each(count, elements):
            total += counts
    return total


def no_counts(prefix: int | None) -> NDArray[np.uint64]:
    """An empty histogram, of the upper 16 bits or of the lower 15 below a `prefix`."""
    return np.zeros(1 << (16 if prefix is None else LOWER), np.uint64)
