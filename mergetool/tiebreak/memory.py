"""Resolutions that people made before, by a digest of the conflict that they resolved.

They are in ``<common git dir>/tiebreak/memory``, in up to 256 small files named by the first two
digits of the digest, so that asking for one conflict reads one of them. A line is a digest, a tab,
and a `Memory` as JSON; a line that cannot be read is as if it were not there. Nothing of it is ever
in the work tree: only merges in the history of this clone, read when the user asks for it
(`tiebreak learn remember`), can get there.

What makes two conflicts the same is the business of whoever computes the digests.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER: Final = os.path.join("tiebreak", "memory")
MOST: Final = 8  # of one digest, the latest: what was resolved differently again and again
DIGITS: Final = 2
UNFINISHED: Final = ".part"
READ: Final = "merges"  # the file with the ids of the merges that were read


class Memory(NamedTuple):
    """One resolution: its text, and who made it in which merge, when, and where."""

    text: bytes
    merge: str
    when: int  # seconds since 1970
    who: str
    path: str


class Shelf:
    """The memories of a repository."""

    def __init__(self, common_dir: str) -> None:
        """`common_dir` is the common git directory; nothing is read or made yet."""
        self.folder = os.path.join(common_dir, FOLDER)

    def exists(self) -> bool:
        """Whether anything was ever remembered."""
        return os.path.isdir(self.folder)

    def find(self, digest: str) -> list[Memory]:
        """What was remembered under a digest, the latest last; nothing where nothing can be."""
        return self._read(digest[:DIGITS], only=digest).get(digest, [])

    def add(self, memories: Iterable[tuple[str, Memory]]) -> int:
        """Remember more; each merge's resolution once. The number of those that are new."""
        by_file: dict[str, list[tuple[str, Memory]]] = {}
        for digest, memory in memories:
            by_file.setdefault(digest[:DIGITS], []).append((digest, memory))
        return sum(self._add(name, some) for name, some in sorted(by_file.items()))

    def merges(self) -> set[str]:
        """The merges that were read, whether they taught anything or not."""
        try:
            with open(os.path.join(self.folder, READ), encoding="ascii") as lines:
                return set(lines.read().split())
        except (OSError, UnicodeDecodeError):
            return set()

    def mark(self, merge: str) -> None:
        """A merge was read."""
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, READ), "a", encoding="ascii") as file:
            file.write(f"{merge}\n")

    def clear(self) -> None:
        """Forget everything."""
        for name in os.listdir(self.folder) if self.exists() else ():
            os.unlink(os.path.join(self.folder, name))
        if self.exists():
            os.rmdir(self.folder)

    def _add(self, name: str, memories: Iterable[tuple[str, Memory]]) -> int:
        known, new = self._read(name), 0
        for digest, memory in memories:
            there = known.setdefault(digest, [])
            if memory not in there:
                there.append(memory)
                new += 1
        for there in known.values():
            there.sort(key=lambda memory: (memory.when, memory))
            del there[:-MOST]
        if new:
            self._write(name, known)
        return new

    def _read(self, name: str, only: str = "") -> dict[str, list[Memory]]:
        found: dict[str, list[Memory]] = {}
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as lines:
                for line in lines:
                    digest, _, rest = line.partition("\t")
                    memory = _parsed(rest) if only in {"", digest} else None
                    if memory is not None:
                        found.setdefault(digest, []).append(memory)
        except (OSError, UnicodeDecodeError):
            return found
        return found

    def _write(self, name: str, known: Mapping[str, Iterable[Memory]]) -> None:
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, name)
        with open(path + UNFINISHED, "w", encoding="utf-8") as file:
            for digest, memories in sorted(known.items()):
                file.writelines(f"{digest}\t{_line(memory)}\n" for memory in memories)
        os.replace(path + UNFINISHED, path)


def _line(memory: Memory) -> str:
    """Bytes are written as the letters of Latin-1."""
    return json.dumps({**memory._asdict(), "text": memory.text.decode("latin-1")})


def _parsed(text: str) -> Memory | None:
    try:
        found: dict[str, Any] = json.loads(text)
        memory = Memory(**{**found, "text": found["text"].encode("latin-1")})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    kinds = (bytes, str, int, str, str)
    return memory if all(map(isinstance, memory, kinds)) else None
