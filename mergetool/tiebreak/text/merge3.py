"""Three-way merge of sequences: git's grouping of two diffs into what is agreed and what is not.

Both sides are compared with the base. Changes that overlap or touch are one conflict, unless they
are the same change; every other change is taken. This is the grouping of git's xdiff at level
EAGER; making conflicts smaller (or larger) for people to read is `tiebreak.text.markers`' business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.diff import Change, diff_numbers, number
from tiebreak.text.document import Region
from tiebreak.text.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

AGREED: Final = "agreed"  # ours and theirs are equal here, and mostly equal to the base
OURS: Final = "ours"  # only ours differs from the base
THEIRS: Final = "theirs"  # only theirs differs from the base
CONFLICT: Final = "conflict"


class Span(NamedTuple):
    """A stretch of the three sequences that belongs together; `kind` says who changed it.

    Spans cover the three sequences without gaps, in order. Between two spans that are not AGREED
    there is one that is.
    """

    kind: str
    base_start: int
    base_end: int
    ours_start: int
    ours_end: int
    theirs_start: int
    theirs_end: int

    @property
    def is_conflict(self) -> bool:
        """Whether both sides changed this stretch, and not in the same way."""
        return self.kind == CONFLICT


def merge_lines(
    base: bytes, ours: bytes, theirs: bytes, *, algorithm: str = "histogram"
) -> list[Region]:
    """Merge three files by lines. The regions' sides, each put together, are the files again."""
    b, o, t = split_lines(base), split_lines(ours), split_lines(theirs)
    regions: list[Region] = []
    for span in merge_sequences(b, o, t, algorithm):
        kind, base_start, base_end, ours_start, ours_end, theirs_start, theirs_end = span
        base_text = b"".join(b[base_start:base_end])
        ours_text = b"".join(o[ours_start:ours_end])
        theirs_text = b"".join(t[theirs_start:theirs_end])
        result = {AGREED: ours_text, OURS: ours_text, THEIRS: theirs_text}.get(kind)
        regions.append(Region(base_text, ours_text, theirs_text, result))
    return regions


def merge_sequences(
    base: Sequence[Hashable],
    ours: Sequence[Hashable],
    theirs: Sequence[Hashable],
    algorithm: str = "histogram",
) -> list[Span]:
    """Merge three sequences of anything hashable; `algorithm` as in `tiebreak.text.diff`."""
    numbers: dict[Hashable, int] = {}
    b, o, t = number(base, numbers), number(ours, numbers), number(theirs, numbers)
    mine, other = diff_numbers(b, o, algorithm), diff_numbers(b, t, algorithm)
    grouped = _Grouping(len(b), o, t).run(mine, other)
    return _with_gaps(grouped, Span(AGREED, len(b), len(b), len(o), len(o), len(t), len(t)))


class _Grouping:
    """Walks the two lists of changes at once, and keeps the spans found so far."""

    __slots__ = ("base_size", "ours", "spans", "theirs")

    def __init__(self, base_size: int, ours: list[int], theirs: list[int]) -> None:
        self.base_size = base_size
        self.ours = ours
        self.theirs = theirs
        self.spans: list[Span] = []

    def run(self, mine: list[Change], other: list[Change]) -> list[Span]:
        """Group the changes of ours and of theirs."""
        x = y = 0
        while x < len(mine) and y < len(other):
            m, o = mine[x], other[y]
            if m.a_end < o.a_start:
                self.add(_only_ours(m, o.b_start - o.a_start))
            elif o.a_end < m.a_start:
                self.add(_only_theirs(o, m.b_start - m.a_start))
            elif not self.same(m, o):
                self.add(_overlap(m, o))
            x, y = x + (m.a_end <= o.a_end), y + (o.a_end <= m.a_end)
        for m in mine[x:]:
            self.add(_only_ours(m, len(self.theirs) - self.base_size))
        for o in other[y:]:
            self.add(_only_theirs(o, len(self.ours) - self.base_size))
        return self.spans

    def same(self, m: Change, o: Change) -> bool:
        """Whether both sides made this very change."""
        return (
            m.a_start == o.a_start
            and m.a_end == o.a_end
            and self.ours[m.b_start : m.b_end] == self.theirs[o.b_start : o.b_end]
        )

    def add(self, span: Span) -> None:
        """Add a span, or make the last one larger when the two touch on either side."""
        last = self.spans[-1] if self.spans else None
        if last is None or (
            span.ours_start > last.ours_end and span.theirs_start > last.theirs_end
        ):
            self.spans.append(span)
            return
        self.spans[-1] = last._replace(
            kind=last.kind if last.kind == span.kind else CONFLICT,
            base_end=span.base_end,
            ours_end=span.ours_end,
            theirs_end=span.theirs_end,
        )


def _only_ours(m: Change, shift: int) -> Span:
    """A change of ours; theirs is the base, moved by `shift`."""
    return Span(OURS, *m, m.a_start + shift, m.a_end + shift)


def _only_theirs(o: Change, shift: int) -> Span:
    """A change of theirs; ours is the base, moved by `shift`."""
    start, end = o.a_start, o.a_end
    return Span(THEIRS, start, end, start + shift, end + shift, o.b_start, o.b_end)


def _overlap(m: Change, o: Change) -> Span:
    """The span of two changes that overlap or touch, as far as the longer one goes at each end."""
    start, end = min(m.a_start, o.a_start), max(m.a_end, o.a_end)
    return Span(
        CONFLICT,
        start,
        end,
        m.b_start - (m.a_start - start),
        m.b_end + (end - m.a_end),
        o.b_start - (o.a_start - start),
        o.b_end + (end - o.a_end),
    )


def _with_gaps(spans: list[Span], end: Span) -> list[Span]:
    """Put an AGREED span wherever two spans leave room, and at both ends."""
    covered: list[Span] = []
    base = ours = theirs = 0
    for span in [*spans, end]:
        gap = Span(AGREED, base, span.base_start, ours, span.ours_start, theirs, span.theirs_start)
        if gap != Span(AGREED, base, base, ours, ours, theirs, theirs):
            covered.append(gap)
        if span is not end:
            covered.append(span)
        base, ours, theirs = span.base_end, span.ours_end, span.theirs_end
    return covered
