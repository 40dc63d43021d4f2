"""``tiebreak undo``: take automatic resolutions back, before or after the commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiebreak.cli import show
from tiebreak.errors import OK, USAGE, TiebreakError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.cli.undoing import Undone
    from tiebreak.git.repository import Repository
    from tiebreak.journal import Entry, Journal


@click.command("undo")
@click.argument("wanted", nargs=-1, metavar="[PATH|ID]...")
@click.option("--all", "everything", is_flag=True, help="All files of the last operation.")
@click.option("--force", is_flag=True, help="Also a file changed since; a copy of it is kept.")
def command(wanted: tuple[str, ...], everything: bool, force: bool) -> int:  # noqa: FBT001  (click's)
    """Put git's own conflict back in place of an automatic resolution.

    The file gets the markers that git alone would have written, and is unmerged again; a
    checkpoint is ours again, and unmerged. After the merge was committed: resolve, git add, and
    amend. `tiebreak solve` gives the automatic result again.
    """
    from tiebreak.cli.entries import open_journal, select
    from tiebreak.cli.undoing import latest
    from tiebreak.git.repository import find_repository

    if bool(wanted) == everything:
        msg = "say what to undo: PATHs, or --all for the last operation (tiebreak review shows it)"
        raise UsageError(msg)
    repository = find_repository()
    journal = open_journal(repository)
    entries = journal.entries()
    if wanted:
        chosen = latest(select(entries, wanted, repository.top))
    else:
        chosen = latest([e for e in _last(entries, repository) if not e.undone])
    done = [_undone(entry, journal, repository, force=force) for entry in chosen]
    _print(done, repository)
    return USAGE if any(undone.refused for undone in done) else OK


def _last(entries: Sequence[Entry], repository: Repository) -> list[Entry]:
    """The last operation's entries, unless it is over and another one must not be disturbed."""
    from tiebreak.cli.operations import last_operation
    from tiebreak.cli.under_way import how_to_end

    last = last_operation(entries, repository.top)
    if last.commits and how_to_end(repository.git_dir):
        msg = "nothing is recorded of what is under way; name the PATHs of what came before it"
        raise UsageError(msg)
    return last.entries


def _undone(entry: Entry, journal: Journal, repository: Repository, *, force: bool) -> Undone:
    """What became of one file; what is wrong with it must not keep the others from being undone."""
    from tiebreak.cli.undoing import Undone, undo

    try:
        return undo(entry, journal, repository, force=force)
    except TiebreakError as error:
        return Undone(entry.path, str(error))


def _print(done: list[Undone], repository: Repository) -> None:
    for undone in done:
        seen = show.path(undone.path, repository.top)
        if undone.refused:
            click.echo(f"tiebreak: {seen}: {undone.refused}", err=True)
            continue
        click.echo(f"{seen}: git's conflict is back")
        for copy in undone.saved:
            click.echo(f"  a copy of what was there: {copy}")
    if any(not undone.refused for undone in done):
        click.echo("Resolve and git add; if the merge is committed already, git commit --amend.")
    if not done:
        click.echo("nothing to undo")
