"""``tiebreak learn train --from shipped``: what this repository's own merges add to the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from tiebreak.cli.show import count
from tiebreak.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from tiebreak.learn.adapt import Figures, Outcome
    from tiebreak.learn.examples import Example


class Amount(NamedTuple):
    """How much of the history is looked at, and with how many threads."""

    max_hunks: int
    max_merges: int
    jobs: int


def adapt(place: Path, amount: Amount) -> None:
    """Adapt the shipped judge to the repository at `place`; keep it if it is better."""
    from tiebreak.learn.adapt import LEAST, adapt, merges_of, settled
    from tiebreak.ranker.model import Model, folder, missing

    common_dir = _common_dir(place)
    problem = missing()
    if problem is not None:
        raise InputError(problem)
    model = Model(folder())
    hunks = settled(model, _mined(place, amount))
    merges = merges_of(hunks)
    if merges < LEAST:
        _leave(common_dir, f"{count(merges, 'merge')} with conflicts; {LEAST} are needed")
        return
    outcome = adapt(model, hunks, amount.jobs)
    said = _line(outcome.figures)
    if not outcome.figures.better:
        _leave(common_dir, f"not better {said}")
        return
    _keep(common_dir, outcome, merges)
    click.echo(f"kept: better {said}")


def forget(place: Path) -> None:
    """Remove what was kept."""
    from tiebreak.ranker import own

    there = own.forget(_common_dir(place))
    click.echo("the shipped judge alone ranks now" if there else "there was nothing to forget")


def _common_dir(place: Path) -> str:
    from tiebreak.git.repository import find_repository

    if not place.is_dir():
        raise InputError(f"{place}: no repository")
    return find_repository(str(place)).common_dir


def _mined(place: Path, amount: Amount) -> list[Example]:
    import pygit2

    from tiebreak.learn.history import Limits
    from tiebreak.learn.mine import Quota, mine
    from tiebreak.learn.progress import progress

    quota = Quota(Limits(max_merges=amount.max_merges), amount.max_hunks)
    with progress() as bar:
        task = bar.add_task("merges", total=None)
        try:
            found = mine(place, quota, lambda n, total: bar.update(task, completed=n, total=total))
        except pygit2.GitError as error:
            raise InputError(f"{place}: {error}") from error
    return found.examples


def _leave(common_dir: str, why: str) -> None:
    """Keep nothing, and what an earlier training kept neither: later merges do not bear it out."""
    from tiebreak.ranker import own

    before = "; the one of an earlier training was removed" if own.forget(common_dir) else ""
    click.echo(f"nothing is kept: {why}{before}")


def _line(figures: Figures) -> str:
    shares = " -> ".join(f"{100 * share:.1f}" for share in figures.top1)
    losses = " -> ".join(f"{loss:.3f}" for loss in figures.loss)
    low, high = figures.gain
    return (
        f"on the last {count(figures.merges, 'merge')} ({count(figures.hunks, 'hunk')}), which it"
        f" had not seen: top 1 {shares} %, log loss {losses}, less by [{low:.4f}, {high:.4f}]"
    )


def _keep(common_dir: str, outcome: Outcome, merges: int) -> None:
    from tiebreak.ranker import own

    said = _line(outcome.figures)
    kept = own.Kept(merges, said, outcome.trained.habits, outcome.calibrations)
    own.keep(common_dir, outcome.trained.nodes, kept)
