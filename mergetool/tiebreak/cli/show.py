"""How things are shown to people: paths, counts, shares, columns."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def path(name: str, top: str | None) -> str:
    """A path of the repository as seen from the current directory; quoted where it is not plain.

    A name with a newline or an escape sequence in it must not be able to write on the screen.
    """
    seen = _from_here(name, top)
    return seen if seen.isprintable() else ascii(seen)


def word(name: str, top: str | None) -> str:
    """The same as a word for a shell."""
    seen = _from_here(name, top)
    return shlex.quote(seen) if seen.isprintable() else ascii(seen)


def _from_here(name: str, top: str | None) -> str:
    return os.path.relpath(os.path.join(top, name), os.path.realpath(os.curdir)) if top else name


def count(number: int, noun: str) -> str:
    """``1 conflict``, ``2 conflicts``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def share(value: float) -> str:
    """A probability: ``97 %``; never rounded up to certainty."""
    return f"{min(round(100 * value), 99)} %" if value < 1 else "100 %"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, every column but the last as wide as its widest cell."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    return [
        "  ".join(
            [*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]
        ).rstrip()
        for row in rows
    ]
