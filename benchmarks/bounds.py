#!/usr/bin/env python3
"""Time and memory of a whole merge at the sizes that must not hurt.

    python benchmarks/bounds.py

Each case runs in a process of its own, through the one door for text, `merge_text`: lines,
candidates, checks, policy. The limits are 5 s of processor time and 500 MB; the exit code is 1 when
a case is over them. The work itself is bounded in steps, so what is resolved does not depend on the
machine; the seconds do.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tiebreak.text.file import merge_text

if TYPE_CHECKING:
    from collections.abc import Callable

    Texts = tuple[bytes, bytes, bytes]

SECONDS = 5.0
MEGABYTES = 500
SEED = 1
WORDS = ["get", "set", "user", "name", "http", "on", "click", "value", "index", "is", "row", "list"]


class Writer:
    """Writes code that looks like code: many small words, some of them often."""

    def __init__(self) -> None:
        """Every case starts from the same seed."""
        self.random = random.Random(SEED)  # noqa: S311  (no secret)

    def name(self) -> str:
        """A name of one to three words."""
        parts = self.random.choices(WORDS, k=self.random.randint(1, 3))
        number = str(self.random.randint(0, 99)) if self.random.random() < 1 / 3 else ""
        return "".join(part.capitalize() for part in parts) + number

    def statement(self) -> bytes:
        """A call with two arguments."""
        return f"{self.name()}.{self.name()}({self.name()},{self.name()});".encode()

    def line(self) -> bytes:
        """A statement on a line of its own."""
        return b"    " + self.statement() + b"\n"

    def word(self) -> bytes:
        """A name and a blank."""
        return self.name().encode() + b" "

    def file(self, piece: Callable[[], bytes], size: int, edits: int) -> Texts:
        """`size` pieces, with `edits` of them rewritten on each side."""
        base = [piece() for _ in range(size)]
        ours, theirs = list(base), list(base)
        for side in (ours, theirs):
            for place in self.random.sample(range(size), edits):
                side[place] = piece()
        return b"".join(base), b"".join(ours), b"".join(theirs)


def edited_lines() -> Texts:
    """A file of 20,000 lines with 2,000 edits on each side."""
    writer = Writer()
    return writer.file(writer.line, 20_000, 2_000)


def one_hunk() -> Texts:
    """The same without line ends that agree: one hunk of 20,000 lines."""
    base, ours, theirs = edited_lines()
    return base, ours.replace(b"\n", b" \n"), theirs.replace(b"\n", b"  \n")


def minified() -> Texts:
    """A minified file of 5 MB, with 2,000 edits on each side of its one line."""
    writer = Writer()
    return writer.file(writer.statement, 150_000, 2_000)


def rewritten() -> Texts:
    """A minified file of 5 MB of which hardly anything is left on either side."""
    writer = Writer()
    return writer.file(writer.statement, 150_000, 149_000)


def long_line() -> Texts:
    """A line of 1 MB with 50 edits on each side."""
    writer = Writer()
    return writer.file(writer.word, 80_000, 50)


def repeated() -> Texts:
    """A line of 1 MB of the same two tokens: nothing to hold on to."""
    base = b"a," * 500_000
    return base, b"a," * 250_000 + b"b," + b"a," * 250_000, b"c," + base


CASES = (edited_lines, one_hunk, minified, rewritten, long_line, repeated)


def measure(case: Callable[[], Texts]) -> tuple[float, float, str]:
    """Seconds of processor time, megabytes at the most, and what came of it."""
    texts = case()
    started = time.process_time()
    merge = merge_text("file.js", *texts)
    seconds = time.process_time() - started
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    candidates = sum(len(resolution.ranked) for resolution in merge.resolutions)
    hunks = f"{merge.resolved} of {len(merge.resolutions)} hunks resolved"
    return seconds, megabytes, f"{hunks}, {candidates} candidates"


def main() -> int:
    """Run all cases."""
    over = False
    for case in CASES:
        with get_context("spawn").Pool(1) as pool:
            seconds, megabytes, outcome = pool.apply(measure, (case,))
        fine = seconds <= SECONDS and megabytes <= MEGABYTES
        over |= not fine
        print(f"{'ok  ' if fine else 'OVER'} {seconds:5.1f} s {megabytes:5.0f} MB  {case.__doc__}")
        print(f"                      {outcome}")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
