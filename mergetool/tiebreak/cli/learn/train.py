"""``tiebreak learn train``: a judge of one's own from mined data."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tiebreak.errors import InputError


@click.command()
@click.argument("data", type=Path)
@click.option("-o", "--output", type=Path, required=True, help="The folder of the model.")
@click.option("--work", type=Path, help="What a later run goes on from; default: DATA.training.")
@click.option("--seconds", default=3600.0, show_default=True, help="For each network, at most.")
@click.option("--passes", default=3, show_default=True, help="Over the data, for each network.")
@click.option("--large", is_flag=True, help="The larger recipe: 5 million parameters, for a GPU.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--seed", default=0, show_default=True)
def command(  # noqa: PLR0913  (click hands over every option)
    *, data: Path, output: Path, work: Path | None, seconds: float, passes: int,
    large: bool, jobs: int, seed: int,
) -> None:  # fmt: skip
    """Train the judge on a folder that `tiebreak learn mine` wrote.

    Five networks are trained with a fifth of the repositories held out each, which calibrates, and
    one on all. An interrupted training goes on when the same command is run again.
    """
    from tiebreak.learn.examples import files
    from tiebreak.learn.train import LARGE, SMALL, Plan, train

    if not files(data):
        raise InputError(f"{data}: no mined data in it; see tiebreak learn mine")
    plan = Plan(LARGE if large else SMALL, seconds, passes, jobs, seed)
    beside = data.with_name(f"{data.name}.training")
    train(data, work or beside, output, plan, lambda line: click.echo(line, err=True))
