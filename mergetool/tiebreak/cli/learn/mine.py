"""``tiebreak learn mine``: the conflicts of repositories, and what people made of them."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tiebreak.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@click.argument("repositories", nargs=-1, required=True, metavar="REPO...", type=Path)
@click.option("-o", "--output", type=Path, required=True, help="The data folder.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--max-hunks", default=2000, show_default=True, help="Of a repository; 0: all.")
@click.option("--max-merges", default=0, help="Of a repository; 0 (the default): all.")
@click.option("--ordinary", is_flag=True, help="Make conflicts from commits that are no merges.")
def command(  # noqa: PLR0913  (click hands over every option)
    *, repositories: Sequence[Path], output: Path, jobs: int, max_hunks: int, max_merges: int,
    ordinary: bool,
) -> None:  # fmt: skip
    """Turn the merges of local repositories into training data, one Parquet file each.

    Repositories are only read. One that is in the data folder already is left out, so an
    interrupted run goes on where it stopped. The data hold other people's code: keep them.

    --ordinary: what `tiebreak learn train --first` starts with, in a data folder of its own.
    """
    from tiebreak.learn.history import Limits
    from tiebreak.learn.mine import Quota, mine_all

    for repository in repositories:
        if not repository.is_dir():
            raise InputError(f"{repository}: no repository")
    output.mkdir(parents=True, exist_ok=True)
    quota = Quota(Limits(max_merges=max_merges), max_hunks, ordinary=ordinary)
    total: Counter[str] = Counter()
    for name, counts in mine_all(repositories, output, quota, jobs):
        total.update(counts)
        click.echo(f"{counts.get('hunks', 0):6} hunks  {name}", err=True)
    for reason, count in total.most_common():
        click.echo(f"{count:8}  {reason}")
