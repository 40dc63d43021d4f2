"""Print what replay counted, as plain tables that also read well in a file or a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import tally
from tiebreak.learn.intervals import wilson

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

    from records import HunkRecord

WIDTH = 130
OUTCOME = (
    "hunks",
    "commit",
    "apply",
    "done %",
    "equal",
    "different",
    "equal % [95 %]",
    "left",
    "reach %",
)
STRATUM = (
    "proposed", "vetoed", "(right)", "right %", "first", "coverage %", "right first", "% [95 %]",
    "bound",
)  # fmt: skip


def show(hunks: Sequence[HunkRecord], counts: Counter[str], seconds: Sequence[float]) -> None:
    """Print everything to stdout."""
    console = Console(width=WIDTH)
    known = tally.located(hunks)
    edited = tally.without_whole(known)
    console.print(_counts(hunks, counts))
    console.print(_outcomes("Hunks by language", known, by_language=True))
    console.print(_outcomes("The same by repository", known, by_language=False))
    title = "By language, without files committed exactly as one parent had them"
    console.print(_outcomes(title, edited, by_language=True))
    console.print(_strata("Generators", tally.strata(known, lambda c: c.generator), len(known)))
    console.print(_strata("Strata", tally.strata(known, lambda c: c.stratum), len(known)))
    console.print(_vetoes(known))
    console.print(_risk("Risk and coverage of everything suggested", known))
    console.print(_risk("The same without whole files", edited))
    console.print(_times(seconds))


def blank(title: str, first: str, columns: Iterable[str]) -> Table:
    """An empty table: names on the left, numbers on the right."""
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.min_width = len(title) + 2
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _counts(hunks: Sequence[HunkRecord], counts: Counter[str]) -> Table:
    table = blank("Replayed", "what", ["count"])
    for name, count in sorted(counts.items()):
        table.add_row(name, str(count))
    table.add_row("distinct hunks", str(len(hunks)))
    for reason in ("edited", "ambiguous", "markers"):
        dropped = sum(hunk.dropped == reason for hunk in hunks)
        table.add_row(f"  dropped, resolution not located: {reason}", str(dropped))
    table.add_row("  used below", str(len(tally.located(hunks))))
    return table


def _outcomes(title: str, hunks: Sequence[HunkRecord], *, by_language: bool) -> Table:
    table = blank(title, "language" if by_language else "repository", OUTCOME)
    rows = tally.outcomes(hunks, lambda hunk: hunk.language if by_language else hunk.repo)
    for row in [*rows, tally.outcome("total", hunks)]:
        table.add_row(
            row.name,
            *map(str, (row.hunks, row.committed, row.applied)),
            percent(row.done, row.hunks),
            *map(str, (row.equal, row.done - row.equal)),
            interval(row.equal, row.done),
            str(row.suggested + row.left),
            percent(row.reach, row.hunks),
        )
    return table


def _strata(title: str, rows: Iterable[tally.Stratum], hunks: int) -> Table:
    table = blank(title, "name", STRATUM)
    for row in rows:
        table.add_row(
            row.name,
            *map(str, (row.proposed, row.vetoed, row.vetoed_right)),
            percent(row.right, row.passed),
            str(row.top),
            percent(row.top, hunks),
            str(row.top_right),
            interval(row.top_right, row.top),
            f"{100 * row.lower:.1f}",
        )
    return table


def _vetoes(hunks: Sequence[HunkRecord]) -> Table:
    table = blank("Vetoes", "check", ["refused", "of them right", "%"])
    for name, refused, right in tally.vetoes(hunks):
        table.add_row(name, str(refused), str(right), percent(right, refused))
    return table


def _risk(title: str, hunks: Sequence[HunkRecord]) -> Table:
    table = blank(title, "coverage %", ["judge's probability", "right % [95 %]"])
    for point in tally.risk_coverage(hunks):
        span = f"{100 * point.precision:5.1f} [{100 * point.low:.1f}, {100 * point.high:.1f}]"
        table.add_row(f"{100 * point.coverage:.1f}", f"{point.probability:.3f}", span)
    table.add_section()
    for wanted, share in tally.coverage_at(hunks):
        table.add_row(f"{100 * share:.1f}", "", f"at least {wanted}")
    return table


def _times(seconds: Sequence[float]) -> Table:
    table = blank("merge_text, milliseconds per conflicted file", "quantile", ["ms"])
    for name, value in tally.quantiles(seconds).items():
        table.add_row(name, f"{1000 * value:.1f}")
    return table


def percent(part: int, whole: int) -> str:
    """A share in %, or a dash where there is nothing to share."""
    return f"{100 * part / whole:.1f}" if whole else "-"


def interval(right: int, seen: int) -> str:
    """A share in % with its Wilson interval."""
    if not seen:
        return "-"
    low, high = wilson(right, seen)
    return f"{100 * right / seen:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
