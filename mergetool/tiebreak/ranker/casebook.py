"""Where a repository keeps its precedents: a file that `tiebreak learn remember` adds to.

``<common git dir>/tiebreak/precedents`` has a line of JSON for each conflict of a merge, in the
order in which the merges were read. A line that cannot be read is as if it were not there.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from tiebreak.ranker.features import MANNER
from tiebreak.ranker.precedents import LATEST, Precedent, Precedents
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME: Final = os.path.join("tiebreak", "precedents")
UNFINISHED: Final = ".part"


class Entry(NamedTuple):
    """A precedent, and which merge it is of, committed when (in seconds since 1970)."""

    when: int
    merge: str
    precedent: Precedent


class Casebook:
    """The precedents that a repository keeps."""

    def __init__(self, common_dir: str) -> None:
        """`common_dir` is the common git directory; nothing is read or made yet."""
        self.path = os.path.join(common_dir, NAME)

    def exists(self) -> bool:
        """Whether any were ever kept, if only of merges without conflicts."""
        return os.path.isfile(self.path)

    def precedents(self) -> Precedents:
        """Those of the latest merges."""
        return Precedents([entry.precedent for entry in self._read()])

    def add(self, entries: Iterable[Entry]) -> None:
        """Write more of them down, behind the others."""
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.writelines(map(_line, entries))

    def tidy(self) -> None:
        """Leave the latest alone, in order; a file even where there are none."""
        entries = self._read()
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path + UNFINISHED, "w", encoding="utf-8") as file:
            file.writelines(map(_line, entries))
        os.replace(self.path + UNFINISHED, self.path)

    def clear(self) -> None:
        """Forget all of them."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)

    def _read(self) -> list[Entry]:
        """The `LATEST`, the earliest first."""
        try:
            with open(self.path, encoding="utf-8") as file:
                found = [entry for line in file if (entry := _entry(line)) is not None]
        except (OSError, UnicodeDecodeError):
            return []
        return sorted(found, key=lambda entry: entry[:2])[-LATEST:]


def _line(entry: Entry) -> str:
    known = entry.precedent
    return json.dumps([*entry[:2], known.path, known.manner, sorted(known.words)]) + "\n"


def _entry(line: str) -> Entry | None:
    try:
        found: list[Any] = json.loads(line)
        when, merge, path, manner, words = found
        known = Precedent(path, tuple(manner), frozenset(words))
    except (ValueError, TypeError):
        return None
    whole = isinstance(when, int) and isinstance(merge, str) and isinstance(path, str)
    numbers = [one for one in known.manner if isinstance(one, (int, float))]
    return Entry(when, merge, known) if whole and len(numbers) == len(MANNER) else None
