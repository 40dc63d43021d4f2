"""Progress on standard error: one line drawn again on a terminal, else a line now and then."""

from __future__ import annotations

import os
import sys
import time
from typing import Final, NamedTuple

GB: Final = 1e9
BAR: Final = 0.1  # seconds between two updates of a line that is drawn again
LINES: Final = 10.0  # seconds between two lines


class _Style(NamedTuple):
    """How progress is shown: what a line begins and ends with, and how often there is one."""

    begin: str
    end: str
    every: float


class Meter:
    """Counts the bytes that are written, and says how far that is. `label` begins every line."""

    __slots__ = ("_begun", "_done", "_label", "_shown", "_style", "_total")

    def __init__(self, total: int, label: str = "") -> None:
        """Of so many bytes."""
        self._style = _Style("\r\x1b[K", "", BAR) if on_terminal() else _Style("", "\n", LINES)
        self._total, self._done, self._label = total, 0, label
        self._begun = self._shown = time.monotonic()

    def __call__(self, size: int) -> None:
        """So many bytes more are written."""
        self._done += size
        now = time.monotonic()
        if now - self._shown >= self._style.every:
            self._shown = now
            line = progress_line(self._done, self._total, now - self._begun)
            self._say(f"{self._label}{line}")
        if self._done >= self._total and self._style.begin and self._label:
            self._say("")  # other lines follow, which say what was done

    def end(self, what: str) -> None:
        """All is done."""
        seconds = time.monotonic() - self._begun
        rate = self._done / GB / seconds if seconds else 0.0
        self._say(f"{what}, {self._done / GB:.2f} GB in {seconds:.1f} s ({rate:.2f} GB/s)")
        sys.stderr.write("" if self._style.end else "\n")

    def _say(self, text: str) -> None:
        sys.stderr.write(f"{self._style.begin}{text}{self._style.end}")
        sys.stderr.flush()


class Begun:
    """A meter that begins when it is known how much there is to write."""

    __slots__ = ("_meter",)

    def __init__(self) -> None:
        """Nothing is to write yet."""
        self._meter = Meter(0)

    def __call__(self, total: int) -> Meter:
        """Begin, with so many bytes."""
        self._meter = Meter(total)
        return self._meter

    def end(self, what: str) -> None:
        """All is done."""
        self._meter.end(what)


def on_terminal() -> bool:
    """Whether a line on standard error can be drawn again."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def progress_line(done: int, total: int, seconds: float) -> str:
    """How far it is, how fast it goes, and how long it takes yet."""
    rate = done / seconds if seconds else 0.0
    left = (total - done) / rate if rate else 0.0
    share = 100 * done // total if total else 100
    return (
        f"{share:3d} %  {done / GB:.2f} of {total / GB:.2f} GB  {rate / GB:.2f} GB/s  "
        f"{left:.0f} s left"
    )
