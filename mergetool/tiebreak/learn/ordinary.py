"""Conflicts made from ordinary commits: self-supervision, for which nobody has to have merged.

    halves   one side has some of a commit's edits, the other side has the others: people made all
    onward   one side has a commit, the other has it and the next, which rewrote some of its lines:
             people have the next

In `halves` the commit's other changes go to one side each, so that the file is like one of a merge.
Both kinds of one commit and file count as one file of one merge; only the networks learn from them.
"""

from __future__ import annotations

import difflib
import random
from itertools import takewhile
from operator import eq
from typing import TYPE_CHECKING, Final

from tiebreak.learn.history import ConflictedFile
from tiebreak.text.lexer import SPACE, tokenise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.learn.history import Change

LARGEST: Final = 100_000  # bytes of a file
LONGEST: Final = 400  # lines that a commit changed or left between, and tokens of one change


def conflicts(change: Change) -> Iterator[ConflictedFile]:
    """What a merge could have asked of this change. Seeded by its text."""
    older, before, after = change.older, change.before, change.after
    if max(map(len, (older or b"", before, after))) > LARGEST:
        return
    chance = random.Random(after)  # noqa: S311
    sides = _halves(before, after, chance)
    if sides is not None:
        yield ConflictedFile(change.path, before, *_either(sides, chance), after)
    if older is not None:
        yield ConflictedFile(change.path, older, *_either((before, after), chance), after)


def _either(sides: tuple[bytes, bytes], chance: random.Random) -> tuple[bytes, bytes]:
    return sides if chance.random() < HALF else sides[::-1]


HALF: Final = 0.5


def _halves(before: bytes, after: bytes, chance: random.Random) -> tuple[bytes, bytes] | None:
    """Two versions that share the edits among them; None where no change can be split."""
    lines = [text.splitlines(keepends=True) for text in (before, after)]
    head = _alike(*lines)
    tail = _alike(*(text[head:][::-1] for text in lines))
    old, new = (text[head : len(text) - tail] for text in lines)
    if max(len(old), len(new)) > LONGEST:
        return None
    one, other, split = lines[0][:head], lines[0][:head], False
    for kind, a, b, c, d in _operations(old, new):
        was, now = b"".join(old[a:b]), b"".join(new[c:d])
        shares = None if kind == "equal" else _shares(was, now, chance)
        split |= shares is not None
        if shares is None:
            shares = (now, now) if kind == "equal" else _either((was, now), chance)
        one.append(shares[0])
        other.append(shares[1])
    end = lines[0][len(lines[0]) - tail :]
    return (b"".join(one + end), b"".join(other + end)) if split else None


def _alike(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """How many lines are the same from the beginning on."""
    return sum(1 for _ in takewhile(bool, map(eq, one, other)))


def _shares(was: bytes, now: bytes, chance: random.Random) -> tuple[bytes, bytes] | None:
    """The first edits of a change, and the other ones; None where there is only one."""
    if not was:  # new lines: who wrote the first, and who the last?
        old, new = list[bytes](), now.splitlines(keepends=True)
        edits: Sequence[Edit] = [("insert", 0, 0, at, at + 1) for at in range(len(new))]
    else:
        old, new = tokenise(was, SPACE), tokenise(now, SPACE)
        if max(len(old), len(new)) > LONGEST:
            return None
        edits = _operations(old, new)
    changed = [number for number, edit in enumerate(edits) if edit[0] != "equal"]
    if len(changed) < 2:  # noqa: PLR2004  (one for each side)
        return None
    first = frozenset(changed[: chance.randrange(1, len(changed))])
    taken = (first, frozenset(changed) - first)
    one, other = (_with(old, new, edits, numbers) for numbers in taken)
    return one, other


Edit = tuple[str, int, int, int, int]


def _with(
    old: Sequence[bytes], new: Sequence[bytes], edits: Sequence[Edit], taken: frozenset[int]
) -> bytes:
    """The old text with some of the edits."""
    return b"".join(
        b"".join(new[c:d] if number in taken else old[a:b])
        for number, (_, a, b, c, d) in enumerate(edits)
    )


def _operations(old: Sequence[bytes], new: Sequence[bytes]) -> Sequence[Edit]:
    return difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
