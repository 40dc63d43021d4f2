"""The most probable labellings of a hunk: sub-conflicts are independent, so it is a short beam."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Labelling(NamedTuple):
    """One label for each sub-conflict, and the logarithm of their probability."""

    labels: tuple[int, ...]
    logarithm: float


def most_probable(options: Sequence[Mapping[int, float]], width: int) -> list[Labelling]:
    """The best `width` labellings, best first; equal ones in the order of their labels.

    `options` has the logarithms of the probabilities of each sub-conflict's labels. The beam is
    exact: a prefix of one of the best `width` labellings is one of the best `width` prefixes.
    """
    beam = [Labelling((), 0.0)]
    for option in options:
        longer = (
            Labelling((*kept.labels, label), kept.logarithm + logarithm)
            for kept in beam
            for label, logarithm in option.items()
        )
        beam = nsmallest(width, longer, key=_order)
    return beam


def _order(labelling: Labelling) -> tuple[float, tuple[int, ...]]:
    return -labelling.logarithm, labelling.labels
