"""Three-way merge of a hunk's tokens.

Diff3 on token sequences: each side is aligned with base (`tiebreak.text.anchors`), edits of the two
sides that overlap or touch in base become a sub-conflict, everything else merges. Where ``code``
tokens carry blanks, the blanks of an unchanged token are merged three-way too.

A clean merge is no proof: on real merges about two in three are what people committed. See
`tiebreak.text.doubts` for what tells the better ones from the worse.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.anchors import STEPS, Block, Budget, align
from tiebreak.text.doubts import Edit
from tiebreak.text.lexer import CODE, key, tokenise
from tiebreak.text.weave import weave

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


WORD: Final = 6
SIGN: Final = 2
BLANK: Final = 1
_WORDLIKE = re.compile(rb"\s*[\"'`]?[0-9A-Za-z_$\x80-\xff]")


class TokenConflict(NamedTuple):
    """A sub-conflict: the tokens of the three sides between two merged stretches."""

    base: tuple[bytes, ...]
    ours: tuple[bytes, ...]
    theirs: tuple[bytes, ...]
    both: bytes | None = None  # both edits, where they replace different base tokens that touch


class TokenMerge(NamedTuple):
    """What came out: clean text and sub-conflicts in order. `value` is set when there are none."""

    parts: tuple[bytes | TokenConflict, ...]
    edits: tuple[Edit, ...]
    base: tuple[bytes, ...]
    blanks_clash: bool  # both sides changed the blanks of one token, differently

    @property
    def conflicts(self) -> list[TokenConflict]:
        """The sub-conflicts that are left."""
        return [part for part in self.parts if isinstance(part, TokenConflict)]

    @property
    def value(self) -> bytes | None:
        """The merged text, or None when sub-conflicts are left."""
        return None if self.conflicts else b"".join(p for p in self.parts if isinstance(p, bytes))


class TokenChange(NamedTuple):
    """Base tokens ``[start, end)`` become side tokens ``[first, last)``."""

    start: int
    end: int
    first: int
    last: int


class _Group(NamedTuple):
    """Changes of the two sides that belong together, and the ranges they span."""

    start: int
    end: int
    ours: tuple[TokenChange, ...]
    theirs: tuple[TokenChange, ...]


def merge_tokens(base: bytes, ours: bytes, theirs: bytes, how: str) -> TokenMerge | None:
    """Merge three texts by the generic lexer's tokens; None when the work budget is spent.

    >>> merge_tokens(b"f(a, b)", b"g(a, b)", b"f(a, c)", "space").value
    b'g(a, c)'
    """
    b, o, t = (tokenise(text, how) for text in (base, ours, theirs))
    return merge_token_lists(b, o, t, how, Budget(STEPS))


def merge_token_lists(
    base: Sequence[bytes],
    ours: Sequence[bytes],
    theirs: Sequence[bytes],
    how: str,
    budget: Budget,
) -> TokenMerge | None:
    """Merge three token lists; None when `budget` is spent."""
    by_ours = token_changes(base, ours, how, budget)
    by_theirs = token_changes(base, theirs, how, budget)
    if by_ours is None or by_theirs is None:
        return None
    return _Weaver(base, ours, theirs, how).weave(by_ours, by_theirs)


def token_changes(
    base: Sequence[bytes], side: Sequence[bytes], how: str, budget: Budget
) -> list[TokenChange] | None:
    """What a side did to base's tokens, in order; None when `budget` is spent."""
    ids: dict[bytes, int] = {}
    b, s = ([ids.setdefault(key(x, how), len(ids)) for x in tokens] for tokens in (base, side))
    blocks = align(b, s, [_weight(token) for token in ids], budget)
    return None if blocks is None else _changes(blocks, len(b), len(s))


def _weight(token: bytes) -> int:
    if not token.strip():
        return BLANK
    return WORD if _WORDLIKE.match(token) else SIGN


def _changes(blocks: Sequence[Block], base: int, side: int) -> list[TokenChange]:
    """The gaps between matching blocks."""
    changes: list[TokenChange] = []
    i = j = 0
    for block in [*blocks, Block(base, side, 0)]:
        if block.a > i or block.b > j:
            changes.append(TokenChange(i, block.a, j, block.b))
        i, j = block.a + block.size, block.b + block.size
    return changes


def _groups(ours: Sequence[TokenChange], theirs: Sequence[TokenChange]) -> Iterator[_Group]:
    """Changes in the order of base; those that overlap or touch are one group."""
    i = j = 0
    while i < len(ours) or j < len(theirs):
        from_i, from_j = i, j
        start = min(c.start for c in (*ours[i : i + 1], *theirs[j : j + 1]))
        end = start
        while True:
            if i < len(ours) and ours[i].start <= end:
                end = max(end, ours[i].end)
                i += 1
            elif j < len(theirs) and theirs[j].start <= end:
                end = max(end, theirs[j].end)
                j += 1
            else:
                break
        yield _Group(start, end, tuple(ours[from_i:i]), tuple(theirs[from_j:j]))


class _Weaver:
    """Puts the merged tokens together. One use per merge."""

    def __init__(
        self, base: Sequence[bytes], ours: Sequence[bytes], theirs: Sequence[bytes], how: str
    ) -> None:
        self.base, self.ours, self.theirs, self.how = base, ours, theirs, how
        self.parts: list[bytes | TokenConflict] = []
        self.edits: list[Edit] = []
        self.clean: list[bytes] = []
        self.blanks_clash = False

    def weave(self, ours: Sequence[TokenChange], theirs: Sequence[TokenChange]) -> TokenMerge:
        """Walk base from group to group; `o` and `t` follow in the sides."""
        b = o = t = 0
        for group in _groups(ours, theirs):
            same = group.start - b
            self._stable(b, o, t, same)
            o, t = self._group(group, o + same, t + same)
            b = group.end
        self._stable(b, o, t, len(self.base) - b)
        self._flush()
        return TokenMerge(tuple(self.parts), tuple(self.edits), tuple(self.base), self.blanks_clash)

    def _stable(self, b: int, o: int, t: int, size: int) -> None:
        if self.how == CODE:
            for k in range(size):
                self.clean.append(
                    self._blanks(self.base[b + k], self.ours[o + k], self.theirs[t + k])
                )
        else:
            self.clean += self.base[b : b + size]

    def _blanks(self, base: bytes, ours: bytes, theirs: bytes) -> bytes:
        """An unchanged token, its blanks merged; the longer when both sides changed them."""
        if ours in (base, theirs):
            return theirs
        if theirs == base:
            return ours
        self.blanks_clash = True
        return max(ours, theirs, key=lambda token: (len(token), token))

    def _group(self, group: _Group, o: int, t: int) -> tuple[int, int]:
        """Write one group that begins at `o` and `t` in the sides; where they go on after it."""
        o_end = o + group.end - group.start + sum(_growth(c) for c in group.ours)
        t_end = t + group.end - group.start + sum(_growth(c) for c in group.theirs)
        base = tuple(self.base[group.start : group.end])
        ours, theirs = tuple(self.ours[o:o_end]), tuple(self.theirs[t:t_end])
        if not group.theirs:
            self._clean("ours", group, base, self._relaid(base, ours, theirs))
        elif not group.ours:
            self._clean("theirs", group, base, self._relaid(base, theirs, ours))
        elif [key(x, self.how) for x in ours] == [key(x, self.how) for x in theirs]:
            self.blanks_clash |= ours != theirs
            self._clean("same", group, base, max(ours, theirs))
        else:
            self._flush()
            self.parts.append(TokenConflict(base, ours, theirs, self._both(group)))
        return o_end, t_end

    def _relaid(
        self, base: Sequence[bytes], edited: Sequence[bytes], other: Sequence[bytes]
    ) -> Sequence[bytes]:
        """One side's edit with the outer blanks of the other side, where only that changed them."""
        if self.how != CODE or base == other or not (base and edited):
            return edited
        if not (base[-1].strip() and edited[-1].strip()):
            return edited  # nothing but blanks at the end: which are whose is not known
        before, after = _outer(edited)
        old_before, old_after = _outer(base)
        new_before, new_after = _outer(other)
        first = new_before if before == old_before else before
        last = new_after if after == old_after else after
        core = b"".join(edited)
        return [first + core[len(before) : len(core) - len(after)] + last]

    def _clean(self, who: str, group: _Group, base: Sequence[bytes], text: Sequence[bytes]) -> None:
        self.clean += text
        self.edits.append(Edit(who, group.start, group.end, b"".join(base), b"".join(text)))

    def _both(self, group: _Group) -> bytes | None:
        """The group with both sides' edits, when they replace different base tokens."""
        if any(change.start == change.end for change in (*group.ours, *group.theirs)):
            return None
        ours, theirs = (self.ours, group.ours), (self.theirs, group.theirs)
        woven = weave(self.base, ours, theirs, (group.start, group.end))
        return None if woven is None else b"".join(woven)

    def _flush(self) -> None:
        if self.clean:
            self.parts.append(b"".join(self.clean))
            self.clean = []


def _growth(change: TokenChange) -> int:
    return (change.last - change.first) - (change.end - change.start)


def _outer(tokens: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The blanks before the first token and after the last."""
    first, last = tokens[0], tokens[-1]
    return first[: len(first) - len(first.lstrip())], last[len(last.rstrip()) :]
