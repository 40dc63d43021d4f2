"""Where a group of changed lines that is free to slide reads best: git's indent heuristic.

Source: Michael Haggerty's diff-slider-tools, whose weights were fitted to what people preferred. A
place in a file is a better border of a group the less indented the line after it is, and the more
blank lines are around it. ``git diff`` slides groups so for readers; merges do not.
"""

from __future__ import annotations

from typing import Final

from tiebreak.record import NamedTuple

MOST_SLIDING: Final = 100
MOST_INDENT: Final = 200
MOST_BLANKS: Final = 20
TAB: Final = 8

START_OF_FILE: Final = 1
END_OF_FILE: Final = 21
TOTAL_BLANK: Final = -30
BLANK_AFTER: Final = 6
INDENT: Final = 60
# What a border costs by how its line stands to the one before: without and with blank lines.
DEEPER: Final = (-4, 10)
OUTDENT: Final = (24, 17)  # shallower than its neighbours on both sides
DEDENT: Final = (23, 17)  # shallower than the line before, not than the one after


class _Nearest(NamedTuple):
    """The nearest line that is not blank, in one direction: its indent, -1 when there is none."""

    blanks: int
    indent: int


def best_end(lines: list[bytes], start: int, end: int, highest: int) -> int:
    """Where the group of lines `start` to `end` should end, between `highest` and `end`."""
    size = end - start
    first = max(highest, end - size - 1, end - MOST_SLIDING)
    places = range(first, end + 1)
    scores = {place: (_score(lines, place), _score(lines, place - size)) for place in places}
    best = first
    for place in places:
        if _compare(scores[place], scores[best]) <= 0:
            best = place
    return best


def _compare(one: tuple[_Score, _Score], other: tuple[_Score, _Score]) -> int:
    indent = sum(s.indent for s in one) - sum(s.indent for s in other)
    penalty = sum(s.penalty for s in one) - sum(s.penalty for s in other)
    return INDENT * ((indent > 0) - (indent < 0)) + penalty


class _Score(NamedTuple):
    """How bad a border is: the indent that counts, and penalties."""

    indent: int
    penalty: int


def _score(lines: list[bytes], place: int) -> _Score:
    """Rate the border above line `place`."""
    at_end = place >= len(lines)
    own = -1 if at_end else _indent(lines[place])
    before = _nearest(lines, range(place - 1, -1, -1))
    after = _nearest(lines, range(place + 1, len(lines)))
    blank_after = 1 + after.blanks if own == -1 else 0
    blanks = before.blanks + blank_after
    penalty = TOTAL_BLANK * blanks + BLANK_AFTER * blank_after
    penalty += START_OF_FILE * (before == _Nearest(0, -1)) + END_OF_FILE * at_end
    indent = own if own != -1 else after.indent
    if -1 in {indent, before.indent} or indent == before.indent:
        return _Score(indent, penalty)
    shallower = OUTDENT if after.indent > indent else DEDENT
    weights = DEEPER if indent > before.indent else shallower
    return _Score(indent, penalty + weights[blanks != 0])


def _nearest(lines: list[bytes], places: range) -> _Nearest:
    blanks = 0
    for place in places:
        indent = _indent(lines[place])
        if indent != -1:
            return _Nearest(blanks, indent)
        blanks += 1
        if blanks == MOST_BLANKS:
            return _Nearest(blanks, 0)
    return _Nearest(blanks, -1)


def _indent(line: bytes) -> int:
    """The width of the white space at the start of a line; -1 when there is nothing else."""
    width = 0
    for character in line:
        if character == ord(" "):
            width += 1
        elif character == ord("\t"):
            width += TAB - width % TAB
        elif character not in b"\n\v\f\r":
            return width
        if width >= MOST_INDENT:
            return MOST_INDENT
    return -1
