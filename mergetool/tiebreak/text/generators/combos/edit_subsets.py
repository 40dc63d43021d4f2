"""Edits taken or left one by one: each side's changes of base, in every combination that is likely.

Atomic edits as in EditFusion (ASE 2025), of lines or of tokens. An edit that meets none of the
other side's is taken or left; where edits meet, one side is taken, both in either order, or base.
All combinations are tried when there are few edits, else the likeliest by a beam.
"""

from __future__ import annotations

from heapq import nsmallest
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.anchors import Budget
from tiebreak.text.diff import diff
from tiebreak.text.generators.combos.draft import Draft, bare
from tiebreak.text.lexer import CODE, tokenise
from tiebreak.text.tokens import token_changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.generators.combos.draft import Sides
    from tiebreak.text.weave import Change

STEPS: Final = 60_000
PLACES: Final = 12  # more are left alone: nobody would find the right combination
BEAM: Final = 24
MANY: Final = 4  # places or edits left that strata tell apart
LOST: Final = "edits that this combination leaves out"

# What a choice costs: about the logarithm of how much rarer it is than the most frequent one.
TAKE: Final = 0.25
LEAVE: Final = 1.5
LEAVE_COMMON: Final = 4.0  # an edit that both sides made
SIDE: Final = 0.9
IN_TURN: Final = 1.6
IN_REVERSE: Final = 1.9
BASE: Final = 4.0


class _Edit(NamedTuple):
    """Base items ``[start, end)`` become `items`; `who` is ours, theirs or both."""

    start: int
    end: int
    who: str
    items: tuple[bytes, ...]


_Choice = tuple[float, bytes, int]  # what it costs, the text, and how many edits it leaves


def propose_lines(sides: Sides) -> Iterator[Draft]:
    """Subsets of the edits of lines, compared without blanks."""
    base, ours, theirs = ([bare(line) for line in lines] for lines in sides)
    edits = _edits((sides.ours, diff(base, ours)), (sides.theirs, diff(base, theirs)))
    yield from _subsets(sides.base, edits)


def propose_tokens(sides: Sides) -> Iterator[Draft]:
    """Subsets of the edits of tokens."""
    base, ours, theirs = (tokenise(b"".join(lines), CODE) for lines in sides)
    budget = Budget(STEPS)
    by_ours = token_changes(base, ours, CODE, budget)
    by_theirs = token_changes(base, theirs, CODE, budget)
    if by_ours is not None and by_theirs is not None:
        yield from _subsets(base, _edits((ours, by_ours), (theirs, by_theirs)))


def _edits(
    ours: tuple[Sequence[bytes], Sequence[Change]],
    theirs: tuple[Sequence[bytes], Sequence[Change]],
) -> list[_Edit]:
    """The edits of both sides in the order of base; one that both made is there once."""
    found: dict[tuple[int, int, bytes], _Edit] = {}
    for who, (items, changes) in (("ours", ours), ("theirs", theirs)):
        for start, end, first, last in changes:
            new = tuple(items[first:last])
            identity = start, end, bare(b"".join(new))
            known = "both" if identity in found else who
            found[identity] = _Edit(start, end, known, new)
    return sorted(found.values(), key=lambda edit: (edit.start, edit.end))


def _subsets(base: Sequence[bytes], edits: Sequence[_Edit]) -> Iterator[Draft]:
    places = _places(edits)
    if not 0 < len(places) <= PLACES:
        return
    beam: list[_Choice] = [(0.0, b"", 0)]
    position = 0
    for place in places:
        start, end = place[0].start, max(edit.end for edit in place)
        stable = b"".join(base[position:start])
        choices = _choices(base, (start, end), place)
        longer = [
            (cost + more, text + stable + new, left + gone)
            for cost, text, left in beam
            for more, new, gone in choices
        ]
        beam = nsmallest(BEAM, longer, key=itemgetter(0))
        position = end
    rest = b"".join(base[position:])
    for _, text, left in beam:
        kind = f"{min(len(places), MANY)}/{min(left, MANY)}"
        why = f"takes all edits but {left}" if left else "takes an edit in each place"
        yield Draft(text + rest, kind, why, LOST)


def _places(edits: Sequence[_Edit]) -> list[list[_Edit]]:
    """Edits that overlap, or insert at the same point, belong to one place."""
    places: list[list[_Edit]] = []
    end = 0
    for edit in edits:
        last = places[-1][-1] if places else None
        twin = last is not None and last[:2] == edit[:2]
        if last is not None and (edit.start < end or twin):
            places[-1].append(edit)
            end = max(end, edit.end)
        else:
            places.append([edit])
            end = edit.end
    return places


def _choices(base: Sequence[bytes], span: tuple[int, int], place: Sequence[_Edit]) -> list[_Choice]:
    old = b"".join(base[slice(*span)])
    if len(place) == 1:
        leave = LEAVE_COMMON if place[0].who == "both" else LEAVE
        return [(TAKE, b"".join(place[0].items), 0), (leave, old, 1)]
    ours, theirs = (
        _applied(base, span, [edit for edit in place if edit.who in {side, "both"}])
        for side in ("ours", "theirs")
    )
    return [
        (SIDE, ours, 0),
        (SIDE, theirs, 0),
        (IN_TURN, ours + theirs, 0),
        (IN_REVERSE, theirs + ours, 0),
        (BASE, old, 2),
    ]


def _applied(base: Sequence[bytes], span: tuple[int, int], edits: Sequence[_Edit]) -> bytes:
    parts: list[bytes] = []
    position, end = span
    for edit in edits:
        parts += base[position : edit.start]
        parts += edit.items
        position = edit.end
    return b"".join([*parts, *base[position:end]])
