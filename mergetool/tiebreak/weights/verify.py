"""Whether the files of a checkpoint's folder fit each other.

Git merges one file at a time, and takes a file that only one side changed without asking anybody:
two clean merges can add up to a folder that does not load, or that loads with two tokens in one
row. What is found here is therefore always about several files, and every finding says what to do.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tiebreak.weights.verifying import adapter, index, tokens, vocabulary
from tiebreak.weights.verifying.folder import Finding, Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKS: Final[tuple[Callable[[Folder], Iterator[Finding]], ...]] = (
    index.shards,
    index.totals,
    vocabulary.rows,
    vocabulary.tied,
    tokens.duplicates,
    tokens.beyond_rows,
    adapter.pairs,
    adapter.settings,
)


def verify(path: str) -> list[Finding]:
    """What is wrong with a folder, the cause before what follows from it; empty when all is well.

    Raises `CheckpointError` when the folder cannot be listed.
    """
    folder = Folder(path)
    try:
        found = [*folder.unreadable]
        for check in CHECKS:
            found += check(folder)
    finally:
        folder.close()
    return found + [f for f in folder.broken_json if f not in found]


def counts(path: str) -> tuple[int, int]:
    """How many safetensors files a folder has, and its other files that are looked at."""
    names = os.listdir(path)
    return sum(n.endswith(".safetensors") for n in names), sum(n.endswith(".json") for n in names)
