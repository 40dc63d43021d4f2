"""``tiebreak learn evaluate``: how often a model is right on the merges of repositories."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tiebreak.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.learn.evaluate import Opinion
    from tiebreak.learn.examples import Example
    from tiebreak.learn.verdicts import Summary
    from tiebreak.policy import Policy
    from tiebreak.ranker.model import Model
    from tiebreak.ranker.own import Own

SHIPPED: Final = "shipped"
HEAD: Final = ("hunks of", "hunks", "top 1", "top 3", "at 90 %", "at 95 %")
SHARES: Final = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="DATA|REPO...", type=Path)
@click.option(
    "--model",
    "where",
    type=Path,
    help="A model's folder, or shipped; default: the shipped one, as one repository adapted it.",
)
@click.option("--max-hunks", default=300, show_default=True, help="Of a repository; 0: all.")
@click.option("--json", "as_json", is_flag=True, help="Print all numbers as JSON.")
@click.option("--html", type=Path, help="Write a page with the curves.")
def command(
    *, places: Sequence[Path], where: Path | None, max_hunks: int, as_json: bool, html: Path | None
) -> None:
    """Measure a model on mined data, or on the merges of local repositories.

    Prints how often the first choice, and one of the first three, is what people committed, and on
    what share of the hunks the surest choices are right in 90 and 95 % of the cases; each with its
    95 % interval over repositories, or over merges where the repositories are fewer than five.
    """
    from tiebreak.learn.evaluate import drawn, opinions, reliability, rows, used, verdicts_of
    from tiebreak.learn.verdicts import curve
    from tiebreak.ranker.model import Model, folder

    model = Model(folder() if where is None or str(where) == SHIPPED else str(where))
    own = _own(places) if where is None else None
    found = list(opinions(model, _examples(places, max_hunks), own))
    if not found:
        raise InputError("no conflict whose resolution could be located in these")
    table = [HEAD, *(_row(name, figures) for name, figures in rows(found))]
    points = curve(verdicts_of(found), SHARES)
    tables = own.every_table(model.calibrations) if own else model.calibrations
    bins = reliability(found, tables)
    if html:
        from tiebreak.learn.page import page

        html.write_text(page("The judge on real merges", table, points, bins), encoding="utf-8")
    if as_json:
        said = {"table": table, "drawn": drawn(found), "curve": points, "reliability": bins}
        click.echo(json.dumps(said, indent=1))
        return
    _print(table)
    click.echo(f"in brackets: 95 %, by drawing {drawn(found)} anew")
    click.echo("right of the surest: " + _line(points))
    policy = _policy()
    written, right = used(found, tables, policy)
    click.echo(
        f"written on the model's bound by your policy (apply {policy.apply:g}, "
        f"commit {policy.commit:g}): {written} of {len(found)}, right: {right}"
    )
    _say_reach(found, model)
    if own is not None:
        click.echo("adapted to merges of this repository, so too good; --model shipped is not")


def _own(places: Sequence[Path]) -> Own | None:
    """What the one repository adds to the shipped model, if it has it and wants it."""
    from tiebreak.cli.judging import adapted
    from tiebreak.git import settings
    from tiebreak.git.repository import config_section, find_repository
    from tiebreak.learn.examples import files

    wanted = settings.own_judge(dict(config_section(settings.KEYS)))
    if not wanted or len(places) != 1 or not places[0].is_dir() or files(places[0]):
        return None
    try:
        return adapted(find_repository(str(places[0])).common_dir)
    except InputError:  # what is no repository is told of by the one that replays it
        return None


def _policy() -> Policy:
    """What the user's git configuration allows."""
    from tiebreak.git import settings
    from tiebreak.git.repository import config_section

    return settings.allowed(dict(config_section(settings.KEYS)))


def _examples(places: Sequence[Path], max_hunks: int) -> Iterator[Example]:
    from tiebreak.learn.examples import files, read_all

    for place in places:
        if files(place):
            yield from read_all(place)
        elif place.is_dir():
            yield from _mined(place, max_hunks)
        else:
            raise InputError(f"{place}: neither a data folder nor a repository")


def _mined(repository: Path, max_hunks: int) -> Iterator[Example]:
    import pygit2

    from tiebreak.learn.examples import read_all
    from tiebreak.learn.mine import Quota, mine_all

    with tempfile.TemporaryDirectory(prefix="tiebreak-evaluate-") as scratch:
        try:
            list(mine_all([repository], Path(scratch), Quota(hunks=max_hunks), 1))
        except pygit2.GitError as error:
            raise InputError(f"{repository}: {error}") from error
        yield from read_all(Path(scratch))


def _row(name: str, figures: Summary) -> tuple[str, ...]:
    cells = (figures.top1, figures.top3, figures.coverage[0.90], figures.coverage[0.95])
    shown = (f"{100 * v:.1f} [{100 * low:.1f}, {100 * high:.1f}]" for v, low, high in cells)
    return (name, str(figures.hunks), *shown)


def _print(table: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in table) for column in range(len(HEAD))]
    for row in table:
        first, *rest = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join([first, *rest]))


def _line(points: Sequence[tuple[float, float]]) -> str:
    return ", ".join(f"{share:.0%} {right:.1%}" for share, right in points)


def _say_reach(found: Sequence[Opinion], model: Model) -> None:
    reach = sum(one.reach for one in found) / len(found)
    trained = model.about.get("trained", {}).get("repositories", [])
    seen = sorted({one.repo for one in found} & set(trained))
    click.echo(f"some candidate was right in {reach:.1%}")
    if seen:
        click.echo(f"trained on, so too good: {', '.join(seen)}")
