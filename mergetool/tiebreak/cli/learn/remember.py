"""``tiebreak learn remember``: how this repository's conflicts were resolved before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tiebreak.cli.show import count

if TYPE_CHECKING:
    from datetime import datetime


@click.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="No merges before this day.")
@click.option("--max-merges", default=0, help="At most so many; 0 (the default): all.")
@click.option("--forget", is_flag=True, help="Forget everything that was remembered.")
def command(*, since: datetime | None, max_merges: int, forget: bool) -> None:
    """Remember how people resolved the conflicts of past merges behind HEAD.

    The same conflict, or the same edits in another file, are then offered with the resolution that
    they had, and where it comes from. Merges that were read before are not read again, so run it
    after a pull. What is remembered is in the git directory, never in the work tree.
    """
    from tiebreak.git.repository import find_repository
    from tiebreak.memory import Shelf

    repository = find_repository()
    shelf = Shelf(repository.common_dir)
    if forget:
        shelf.clear()
        click.echo("nothing is remembered now")
        return
    from tiebreak.learn.history import Limits
    from tiebreak.learn.progress import progress
    from tiebreak.learn.remember import remember

    limits = Limits(int(since.timestamp()) if since else 0, max_merges)
    with progress() as bar:
        task = bar.add_task("merges", total=None)
        read, new = remember(
            Path(repository.git_dir),
            shelf,
            limits,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    click.echo(f"{count(read, 'merge')} read, {count(new, 'thing')} learned")
