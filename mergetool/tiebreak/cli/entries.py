"""Which journal entries a person means: by path, by id, or those of the last operation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tiebreak.errors import UsageError
from tiebreak.journal import Journal, matching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.git.repository import Repository
    from tiebreak.journal import Entry

PAUSE: Final = 3600.0  # seconds; an operation may wait as long for its user between two files
_MANY_COMMITS: Final = ("rebase", "cherry-pick", "revert", "am", "pull")
_ANY: Final = "solve"


def open_journal(repository: Repository) -> Journal:
    """The repository's journal; damaged entries are named on standard error."""
    import click

    return Journal(repository.common_dir, lambda line: click.echo(f"tiebreak: {line}", err=True))


def select(entries: Sequence[Entry], wanted: Sequence[str], top: str | None) -> list[Entry]:
    """The entries for paths (files or folders, seen from the current directory) and ids."""
    chosen: dict[str, Entry] = {}
    for word in wanted:
        found = _by_path(entries, word, top) or matching(entries, word)
        if not found:
            msg = f"nothing is recorded for {word!r}; tiebreak review --all lists everything"
            raise UsageError(msg)
        chosen.update((entry.key, entry) for entry in found)
    return [entry for entry in entries if entry.key in chosen]


def _by_path(entries: Sequence[Entry], word: str, top: str | None) -> list[Entry]:
    if top is None:
        return [entry for entry in entries if entry.path == word]
    absolute = os.path.join(os.path.realpath(os.curdir), word)
    path = os.path.relpath(os.path.normpath(absolute), os.path.realpath(top))
    below = "" if path == os.curdir else path + "/"
    return [entry for entry in entries if entry.path == path or entry.path.startswith(below)]


def last_operation(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of the operation that the most recent one belongs to.

    The files of one merge come close together in time and carry its name; a rebase names every
    commit differently; what `solve` did belongs to the operation that stopped before it.
    """
    taken: list[Entry] = []
    family = _ANY
    for entry in entries:
        if taken and taken[-1].when - entry.when > PAUSE:
            break
        own = _family(entry.operation)
        if _ANY not in {own, family} and own != family:
            break
        family = own if family == _ANY else family
        taken.append(entry)
    return taken


def _family(operation: str) -> str:
    verb = operation.partition(" ")[0]
    return verb if verb in _MANY_COMMITS else operation
