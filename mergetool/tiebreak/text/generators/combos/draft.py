"""What the combining ideas take and give: a hunk cut into lines, and drafts of its resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.record import NamedTuple
from tiebreak.text.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterable


class Sides(NamedTuple):
    """The three texts of a hunk as lines. Every line has an end, also the last of a file."""

    base: list[bytes]
    ours: list[bytes]
    theirs: list[bytes]

    @property
    def both(self) -> tuple[tuple[str, list[bytes], list[bytes]], ...]:
        """Each side's name and lines, and the other side's lines."""
        return ("ours", self.ours, self.theirs), ("theirs", self.theirs, self.ours)


class Draft(NamedTuple):
    """A text to propose. `kind` is the tail of its stratum; `drops` what it may leave out."""

    text: bytes
    kind: str
    why: str
    drops: str


def cut(base: bytes, ours: bytes, theirs: bytes) -> Sides:
    """Cut three texts into lines that can be put into any order."""
    end = b"\r\n" if b"\r\n" in base + ours + theirs else b"\n"
    sides = [split_lines(text) for text in (base, ours, theirs)]
    for lines in sides:
        if lines and not lines[-1].endswith(b"\n"):
            lines[-1] += end
    return Sides(*sides)


def bare(line: bytes) -> bytes:
    """What lines are compared by: their text without any blanks."""
    return b"".join(line.split())


def filled(lines: Iterable[bytes]) -> set[bytes]:
    """The lines that are not empty, bare."""
    return {text for line in lines if (text := bare(line))}
