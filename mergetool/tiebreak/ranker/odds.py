"""Chances and their log-odds, and how trees correct them."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.ranker.trees import Trees

SURE: Final = 1e-6  # chances are cut to here, so that their log-odds are finite


def log_odds(chance: float) -> float:
    """The log-odds of a chance, which is kept from being certain."""
    cut = min(max(chance, SURE), 1 - SURE)
    return log(cut / (1 - cut))


def chance_of(odds: float) -> float:
    """The chance that log-odds stand for."""
    return 1 / (1 + exp(-odds))


def corrected(odds: Sequence[float], trees: Trees, rows: Sequence[Sequence[float]]) -> list[float]:
    """The chances of candidates with what `trees` say of their `rows` added to their log-odds."""
    more = trees.sums(rows)
    return [chance_of(own + add) for own, add in zip(odds, more, strict=True)]
