"""``tiebreak learn train``: a judge of one's own from mined data, or the shipped one adapted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tiebreak.errors import InputError, UsageError

if TYPE_CHECKING:
    from tiebreak.learn.train import Plan


@click.command()
@click.argument("data", type=Path, required=False)
@click.option("-o", "--output", type=Path, help="The folder of the model.")
@click.option("--work", type=Path, help="What a later run goes on from; default: DATA.training.")
@click.option("--seconds", default=3600.0, show_default=True, help="For each network, at most.")
@click.option("--passes", default=3, show_default=True, help="Over the data, for each network.")
@click.option("--first", type=Path, help="A data folder of `tiebreak learn mine --ordinary`.")
@click.option("--large", is_flag=True, help="The larger recipe: 5 million parameters, for a GPU.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--from", "start", type=click.Choice(["shipped"]), help="Adapt it to --repo.")
@click.option("--repo", type=Path, default=Path(), help="The repository; default: this one.")
@click.option("--max-hunks", default=2000, show_default=True, help="To adapt with; 0: all.")
@click.option("--max-merges", default=4000, show_default=True, help="To adapt with; 0: all.")
@click.option("--forget", is_flag=True, help="Remove what --from shipped kept.")
def command(  # noqa: PLR0913  (click hands over every option)
    *, data: Path | None, output: Path | None, work: Path | None, seconds: float, passes: int,
    first: Path | None, large: bool, jobs: int, seed: int, start: str | None, repo: Path,
    max_hunks: int, max_merges: int, forget: bool,
) -> None:  # fmt: skip
    """Train the judge on a folder that `tiebreak learn mine` wrote, or adapt the shipped one.

    DATA -o MODEL: five networks are trained with a fifth of the repositories held out each, which
    calibrates, and one on all. An interrupted training goes on when the same command is run again.
    With --first each network begins with one pass over conflicts made from ordinary commits.

    --from shipped: a small correction is learned from the merges of one repository, on a CPU in
    minutes. It is kept in the git directory if it is better on later merges than those that it
    learned from; mostly it is not, and nothing is kept.
    """
    if (start or forget) and (data or output or first):
        raise UsageError("--from and --forget go without DATA, -o and --first: they are for --repo")
    if forget:
        from tiebreak.cli.learn.adapting import forget as forget_own

        forget_own(repo)
    elif start:
        from tiebreak.cli.learn.adapting import Amount, adapt

        adapt(repo, Amount(max_hunks, max_merges, jobs))
    elif data is None or output is None:
        raise UsageError("expected DATA and -o MODEL, or --from shipped")
    else:
        from tiebreak.learn.train import LARGE, SMALL, Plan

        plan = Plan(LARGE if large else SMALL, seconds, passes, jobs, seed, first)
        _train(data, work or data.with_name(f"{data.name}.training"), output, plan)


def _train(data: Path, work: Path, output: Path, plan: Plan) -> None:
    from tiebreak.learn.examples import files
    from tiebreak.learn.train import train

    for folder in (data, plan.first):
        if folder is not None and not files(folder):
            raise InputError(f"{folder}: no mined data in it; see tiebreak learn mine")
    train(data, work, output, plan, lambda line: click.echo(line, err=True))
