"""``tiebreak review``: what was resolved automatically, by whom, on what grounds."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from tiebreak.cli import show, tensors
from tiebreak.cli.outcome import made_smaller
from tiebreak.errors import CONFLICTS, OK, InputError
from tiebreak.journal import TENSORS, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.git.repository import Repository
    from tiebreak.journal import Decision, Entry, Journal


@click.command("review")
@click.argument("wanted", nargs=-1, metavar="[PATH|ID]...")
@click.option("--all", "everything", is_flag=True, help="List everything in the journal.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (docs/commands.md).")
@click.option(
    "--check", "revision", is_flag=False, flag_value="", metavar="[REV]",
    help="Whether checkpoints (of a commit) still hold what was written.",
)  # fmt: skip
def command(
    wanted: tuple[str, ...],
    everything: bool,  # noqa: FBT001  (click's)
    as_json: bool,  # noqa: FBT001
    revision: str | None,
) -> int:
    """Show what was resolved automatically, against what git alone would have left.

    Without arguments: the files of the current or last merge, rebase or cherry-pick. The journal
    keeps its entries for 60 days. With --check each tensor that was written into a checkpoint is
    looked for in the file of the work tree, or of the commit REV; exit code 1 if one has changed.
    """
    from tiebreak.cli.entries import open_journal, select
    from tiebreak.cli.operations import last_operation
    from tiebreak.git.repository import find_repository

    repository = find_repository()
    journal = open_journal(repository)
    entries = journal.entries()
    if wanted:
        chosen = select(entries, wanted, repository.top)
    else:
        chosen = entries if everything else last_operation(entries, repository.top).entries
    if revision is not None:
        return _check(chosen, revision, repository)
    if as_json:
        _print_json(chosen, journal)
    elif everything and not wanted:
        _print_list(chosen, repository)
    else:
        _print_details(chosen, journal, repository)
        older = len(entries) - len(chosen)
        if older and not wanted:
            click.echo(f"{older} more in the journal: tiebreak review --all")
    return OK


def _check(entries: Sequence[Entry], revision: str, repository: Repository) -> int:
    from tiebreak.cli.holding import holding
    from tiebreak.git.commits import commit

    top = repository.top or ""
    if revision and commit(revision, top) is None:
        raise InputError(f"{ascii(revision)[1:-1]} is no commit")
    standing = [entry for entry in entries if not entry.undone]
    found = [holding(entry, revision, top) for entry in standing]
    known = [held for held in found if held is not None]
    for held in known:
        seen = show.path(held.path, repository.top)
        told = held.problem or f"{show.count(held.same, 'tensor')} as written"
        click.echo(f"{seen}: {told}")
        for name in held.changed:
            click.echo(f"  {name} was changed since")
    if not known:
        click.echo("no checkpoint was merged here")
    return CONFLICTS if any(held.changed or held.problem for held in known) else OK


def _print_list(entries: Sequence[Entry], repository: Repository) -> None:
    rows = [(e.id, _ago(e.when), show.path(e.path, repository.top), _summary(e)) for e in entries]
    for line in show.columns(rows) if rows else ["nothing was resolved automatically"]:
        click.echo(line)


def _print_details(entries: Sequence[Entry], journal: Journal, repository: Repository) -> None:
    if not entries:
        click.echo("nothing was resolved automatically")
    for entry in entries:
        seen = show.path(entry.path, repository.top)
        click.secho(f"{entry.id}  {seen}: {_summary(entry)}, {_ago(entry.when)}", bold=True)
        for line in show.columns(_rows(entry)):
            click.echo(f"  {line}")
        for diff_line in _difference(entry, journal):
            _echo_diff(diff_line)
        click.echo()


def _summary(entry: Entry) -> str:
    """``merge other: 2 of 3 conflicts resolved``, and whether that was taken back."""
    if entry.kind == TENSORS:
        return tensors.summary(entry)
    conflicts = show.count(len(entry.decisions), "conflict")
    smaller = sum(map(made_smaller, entry.decisions))
    more = f", {smaller} made smaller" if smaller else ""
    undone = " (undone)" if entry.undone else ""
    return f"{entry.operation}: {entry.resolved - smaller} of {conflicts} resolved{more}{undone}"


def _rows(entry: Entry) -> list[tuple[str, str, str, str]]:
    if entry.kind == TENSORS:
        return list(tensors.rows(entry))
    return [_row(decision) for decision in entry.decisions]


def _row(decision: Decision) -> tuple[str, str, str, str]:
    """Where, what was done, by whom, on what grounds."""
    if not decision.generator:
        return decision.name, "left", "", ""
    what = {"commit": "resolved", "apply": "applied"}.get(decision.action, "left")
    what = "smaller" if made_smaller(decision) else what
    dropped = [f"drops {'; '.join(decision.drops)}"] if decision.drops else []
    reasons = "; ".join([decision.why, *dropped])
    return decision.name, what, decision.generator, f"{_confidence(decision)}: {reasons}"


def _confidence(decision: Decision) -> str:
    """``certain``, or the measured probability with its lower bound and where it comes from."""
    if decision.provable:
        return "follows from the inputs"
    likely, least = show.share(decision.probability), show.share(decision.lower)
    return f"{likely} likely, at least {least} ({decision.evidence})"


def _difference(entry: Entry, journal: Journal) -> list[bytes]:
    from tiebreak.cli.unified import unified

    if entry.kind != TEXT:
        return []
    texts = journal.texts(entry)
    return unified(texts.floor, texts.result, ("git alone", "tiebreak"))


def _echo_diff(line: bytes) -> None:
    colours = {b"+": "green", b"-": "red", b"@": "cyan"}
    colour = colours.get(line[:1]) if sys.stdout.isatty() else None
    if colour is None:
        click.echo(line, nl=False)
    else:
        click.echo(click.style("\0", fg=colour).encode().replace(b"\0", line), nl=False)


def _ago(when: float, now: float | None = None) -> str:
    """``just now``, ``5 minutes ago``, ``3 days ago``."""
    seconds = max((time.time() if now is None else now) - when, 0.0)
    for size, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{show.count(int(seconds // size), noun)} ago"
    return "just now"


def _print_json(entries: Sequence[Entry], journal: Journal) -> None:
    import json

    found = list(_json_entries(entries, journal))
    click.echo(json.dumps({"format": 1, "entries": found}, indent=2))


def _json_entries(entries: Sequence[Entry], journal: Journal) -> Iterator[dict[str, object]]:
    for entry in entries:
        fields = entry._asdict()
        fields["id"] = entry.id
        for name in ("base", "ours", "theirs", "floor", "result"):
            fields[name] = fields[name]._asdict()
        fields["decisions"] = [decision._asdict() for decision in entry.decisions]
        fields["diff"] = b"".join(_difference(entry, journal)).decode("utf-8", "replace")
        yield fields
