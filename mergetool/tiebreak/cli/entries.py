"""Which journal entries a person means: by path or by id."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tiebreak.errors import UsageError
from tiebreak.journal import Journal, matching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.git.repository import Repository
    from tiebreak.journal import Entry


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
