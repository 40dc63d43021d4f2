"""``tiebreak solve``: resolve what can be resolved of a merge that stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiebreak.cli import show
from tiebreak.cli.under_way import how_to_end
from tiebreak.errors import CONFLICTS, OK, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.cli.outcome import Outcome
    from tiebreak.git.repository import Repository


@click.command("solve")
@click.argument("paths", nargs=-1, type=click.Path(path_type=str), metavar="[PATHS]...")
@click.option("--all", "everything", is_flag=True, help="The whole work tree (without PATHS too).")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (docs/commands.md).")
def command(paths: tuple[str, ...], everything: bool, dry_run: bool, as_json: bool) -> int:  # noqa: FBT001  (click's)
    """Resolve conflicts that a merge, rebase, cherry-pick or stash left behind.

    Only blocks of markers that are still as git wrote them are touched; what you resolved or edited
    stays. A file is staged when every conflict in it is resolved for certain. `tiebreak undo` takes
    it back.
    """
    from tiebreak.cli.solving import solve
    from tiebreak.git.repository import find_repository

    if everything and paths:
        msg = "either PATHS or --all"
        raise UsageError(msg)
    repository = find_repository()
    outcomes = solve(repository, paths, dry_run=dry_run)
    if dry_run:  # nothing is recorded that could be reviewed
        outcomes = [outcome._replace(id="") for outcome in outcomes]
    if as_json:
        _print_json(outcomes, dry_run=dry_run)
    else:
        _print(outcomes, repository, paths, dry_run=dry_run)
    return OK if all(outcome.status == "resolved" for outcome in outcomes) else CONFLICTS


def _print(
    outcomes: Sequence[Outcome], repository: Repository, paths: Sequence[str], *, dry_run: bool
) -> None:
    if not outcomes:
        click.echo(f"no conflicts in {' '.join(paths)}" if paths else "no conflicts")
        return
    rows = [(o.status, show.path(o.path, repository.top), _told(o)) for o in outcomes]
    for line in show.columns(rows):
        click.echo(line)
    click.echo()
    for line in ["Dry run: nothing was changed."] if dry_run else _next(outcomes, repository):
        click.echo(line)


def _told(outcome: Outcome) -> str:
    """``2 of 3 conflicts by imports, tokens; 1 left (tiebreak review 1f2e3d4c)``."""
    if not (outcome.resolved or outcome.smaller):
        return ": ".join(filter(None, (_still(outcome), outcome.why)))
    noun = "changed tensor" if outcome.kind == "tensors" else "conflict"
    told = f"{outcome.resolved} of {show.count(outcome.conflicts, noun)}"
    told += f" by {', '.join(outcome.by)}"
    notes = [f"{outcome.smaller} made smaller"] if outcome.smaller else []
    notes += [show.count(outcome.left, "block") + " of markers left"] if outcome.left else []
    notes += [outcome.why] if outcome.why else []
    review = f" (tiebreak review {outcome.id})" if outcome.id else ""
    return "; ".join([told, *notes]) + review


def _still(outcome: Outcome) -> str:
    """``1 of 3 conflicts``: the driver, or a person, may have resolved the others."""
    counted = show.count(outcome.conflicts, "conflict") if outcome.conflicts else ""
    return f"{outcome.left} of {counted}" if 0 < outcome.left < outcome.conflicts else counted


def _next(outcomes: Sequence[Outcome], repository: Repository) -> list[str]:
    """What to do now, the most pressing first."""
    by_status: dict[str, list[str]] = {}
    for outcome in outcomes:
        shown = show.word(outcome.path, repository.top)
        by_status.setdefault(outcome.status, []).append(shown)
    open_ = by_status.get("left", []) + by_status.get("partly", [])
    applied = by_status.get("applied", [])
    lines = []
    if open_:
        lines.append(f"Resolve by hand, then git add: {' '.join(open_)}")
    if applied:
        lines.append(f"Look at, then git add: {' '.join(applied)}")
    if by_status.get("resolved"):
        staged = show.count(len(by_status["resolved"]), "file")
        lines.append(f"{staged} resolved and staged; git diff --cached shows the result,")
        lines.append("tiebreak undo PATH takes one back.")
    ending = how_to_end(repository.git_dir)
    if ending:
        lines.append(f"{'Then' if open_ or applied else 'Now'}: {ending}")
    return lines


def _print_json(outcomes: Sequence[Outcome], *, dry_run: bool) -> None:
    import json

    files = [outcome._asdict() for outcome in outcomes]
    click.echo(json.dumps({"format": 1, "dry_run": dry_run, "files": files}, indent=2))
