"""A limit on how long something may take, for commands that work on one file after the other."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class OutOfTime(BaseException):
    """The time is over.

    No `Exception`, least of all the `OSError` that `TimeoutError` is: whoever expects such an error
    of a file or of a library must not take this for it, and go on.
    """


def unlimited() -> None:
    """End the limit within its body: what is written from now on is not to be left half done."""
    signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in the body when it takes longer."""

    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            yield
        finally:  # where the signal may still come, just before it is switched off
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
