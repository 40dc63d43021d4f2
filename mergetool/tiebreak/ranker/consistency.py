"""How well a candidate goes with the rest of its file (`tiebreak.ranker.elsewhere`), in numbers."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from math import log1p
from typing import TYPE_CHECKING, Final

from tiebreak.ranker.elsewhere import lines_in, words_in
from tiebreak.ranker.features import IMPORT
from tiebreak.ranker.past import SIDES
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tiebreak.ranker.elsewhere import Bag, Counts, Elsewhere
    from tiebreak.ranker.features import Texts

    Number = tuple[int, ...]

NONE: Final = -1.0  # stands for what a text has none of
_NUMBER: Final = re.compile(rb"\d+(?:\.\d+)*")
_DIGITS: Final = 12  # of a number that is compared
_NOWHERE: Final = (0, 0, 0, 0, 0, 0)


class Around(NamedTuple):
    """A hunk and the rest of its file, prepared for all of its candidates."""

    elsewhere: Elsewhere
    sides: tuple[Bag, Bag]  # the words of ours and of theirs, in the hunk alone
    words: frozenset[bytes]  # that any of its versions has
    lines: frozenset[bytes]
    numbers: tuple[Number, Number] | None  # the highest new one of the sides, the lower first
    shared: dict[str, float]  # what is the same for all candidates

    @classmethod
    def of(cls, texts: Texts, elsewhere: Elsewhere) -> Around:
        """Prepare."""
        ours, theirs = (Counter(_numbers(text)) for text in (texts.ours, texts.theirs))
        new = [max(mine - other, default=None) for mine, other in ((ours, theirs), (theirs, ours))]
        low, *high = sorted(number for number in new if number is not None) or [()]
        return cls(
            elsewhere,
            (Counter(words_in(texts.ours)), Counter(words_in(texts.theirs))),
            frozenset(word for text in texts for word in words_in(text)),
            frozenset(line for text in texts for line in lines_in(text)),
            (low, high[0]) if high else None,
            _of_file(elsewhere, texts.base),
        )


def of_candidate(around: Around, value: bytes) -> dict[str, float]:
    """What is told of one candidate; what is told of its file is the same for all."""
    elsewhere, words = around.elsewhere, Counter(words_in(value))
    lines = Counter(lines_in(value))
    found = dict(around.shared)
    found |= _bags("lines", elsewhere.lines, lines, around.lines)
    found |= _bags("words", elsewhere.words, words, around.words)
    found |= _names(around, words)
    found["unused-imports"] = log1p(_unused(elsewhere, value))
    found["sorted"] = _sorted(value)
    numbers = set(_numbers(value)) if around.numbers else set()
    for index, name in enumerate(("lower", "higher")):
        found[name] = float(around.numbers[index] in numbers) if around.numbers else NONE
    found["bytes"] = log1p(len(value))
    return found


def _of_file(elsewhere: Elsewhere, base: bytes) -> dict[str, float]:
    size, before, alone, added, gone = elsewhere[2:]
    found = {"size": log1p(size), "at": before / max(1, size), "sorted/base": _sorted(base)}
    changes = [log1p(put + out) for put, out in zip(added, gone, strict=True)]
    for index, side in enumerate(SIDES):
        found[f"alone/{side}"] = log1p(alone[index])
        found[f"added/{side}"] = log1p(added[index])
        found[f"gone/{side}"] = log1p(gone[index])
        found[f"more/{side}"] = changes[index] - changes[1 - index]
    return found


def _bags(
    kind: str, elsewhere: Mapping[bytes, Counts], mine: Bag, known: Iterable[bytes]
) -> dict[str, float]:
    """How far the file with this candidate is from ours - base + theirs, both taken as bags."""
    over = under = more = less = 0
    apart = {"ours": 0, "theirs": 0}  # things that are not as often there as a side has them
    undone = {"ours": 0, "theirs": 0, "both": 0}  # changes of a side that did not come out
    things = {*mine, *known}
    for thing in things:
        base, ours, theirs, merged, open_ours, open_theirs = elsewhere.get(thing, _NOWHERE)
        sure = mine[thing] + merged
        low, high = sorted((open_ours, open_theirs))
        over += max(0, sure + low - max(base, ours, theirs))
        under += max(0, min(ours, theirs) - sure - high)
        wanted = max(0, ours + theirs - base) - sure
        off = min(low - wanted, high - wanted, key=abs)
        more, less = more + max(0, off), less + max(0, -off)
        apart["ours"] += sure + open_ours != ours
        apart["theirs"] += sure + open_theirs != theirs
        if off and not base == ours == theirs:
            undone["ours" if theirs == base else "theirs" if ours == base else "both"] += 1
    return {
        f"{kind}-over": log1p(over),
        f"{kind}-under": log1p(under),
        f"{kind}-more": log1p(more),
        f"{kind}-less": log1p(less),
        f"{kind}-off": (more + less) / max(1, len(things)),
        **{f"{kind}-apart/{side}": log1p(count) for side, count in apart.items()},
        **{f"{kind}-undone/{side}": log1p(count) for side, count in undone.items()},
    }


def _names(around: Around, words: Bag) -> dict[str, float]:
    """Names that a side has done away with, names that are needed outside, names of no use."""
    back, needed, alone = [0, 0], [0, 0], 0
    for word in {*words, *around.words}:
        base, ours, theirs, merged, *others = around.elsewhere.words.get(word, _NOWHERE)
        if words[word]:
            back = [back[0] + (base > 0 == ours), back[1] + (base > 0 == theirs)]
            alone += words[word] == 1 and not merged and not any(others)
        elif not base and (merged or all(others)):
            for side in (0, 1):
                needed[side] += around.sides[side][word] > 0
    return {
        **{f"back/{side}": log1p(count) for side, count in zip(SIDES, back, strict=True)},
        **{f"needed/{side}": log1p(count) for side, count in zip(SIDES, needed, strict=True)},
        "alone": log1p(alone),
    }


def _unused(elsewhere: Elsewhere, value: bytes) -> int:
    """Imported names that are used neither in the candidate nor elsewhere."""
    imported, used = set[bytes](), set[bytes]()
    for line in value.splitlines():
        words = words_in(line)
        if IMPORT.match(line):
            imported.update(words[1:][-1:])
        else:
            used.update(words)
    return sum(not any(elsewhere.words.get(name, _NOWHERE)[3:]) for name in imported - used)


def _sorted(text: bytes) -> float:
    """The share of neighbouring lines that are in order."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    pairs = list(pairwise(lines))
    return sum(a <= b for a, b in pairs) / len(pairs) if pairs else NONE


def _numbers(text: bytes) -> list[Number]:
    r"""The numbers and versions in a text: ``1.10`` is more than ``1.9``."""
    return [
        tuple(int(part[:_DIGITS]) for part in number.split(b"."))
        for number in _NUMBER.findall(text)
    ]
