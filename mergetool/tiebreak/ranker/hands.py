"""From the generators' candidates to those the model judges: distinct, by the rules' order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.ranker.encoding import MOST
from tiebreak.ranker.features import Hand
from tiebreak.record import NamedTuple
from tiebreak.text.judge import measured

if TYPE_CHECKING:
    from collections.abc import Sequence

UNMEASURED: Final = (0.0, 0.0)


class Offer(NamedTuple):
    """A candidate as far as the order goes."""

    value: bytes
    stratum: str
    provable: bool
    drops: int


class Held(NamedTuple):
    """A candidate to judge, and which of the offers it stands for (equal modulo white space)."""

    hand: Hand
    members: tuple[int, ...]


def hold(offers: Sequence[Offer]) -> list[Held]:
    """The `MOST` best offers by the rule judge, one for each text modulo white space."""
    groups: dict[bytes, list[int]] = {}
    for index in sorted(range(len(offers)), key=lambda i: _order(offers[i]), reverse=True):
        groups.setdefault(b"".join(offers[index].value.split()), []).append(index)
    held = []
    for place, members in enumerate(list(groups.values())[:MOST]):
        first = offers[members[0]]
        hand = Hand(
            value=first.value,
            stratum=first.stratum,
            prior=_order(first)[2],
            place=place,
            proposals=len(members),
            provable=first.provable,
            drops=first.drops,
        )
        held.append(Held(hand, tuple(members)))
    return held


def _order(offer: Offer) -> tuple[bool, float, float]:
    known = measured(offer.stratum)
    lower, probability = UNMEASURED if known is None else (known.lower, known.probability)
    return offer.provable, lower, probability


def swapped_stratum(stratum: str) -> str:
    """The stratum of the same candidate when ours and theirs change places."""
    return stratum.replace("ours", "\0").replace("theirs", "ours").replace("\0", "theirs")
