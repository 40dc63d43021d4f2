#!/usr/bin/env python3
"""Measure the rule judge's precision table on the tuning half of the replayed repositories.

    python benchmarks/calibrate.py DUMP... [--output mergetool/tiebreak/text/precision.tsv]
                                           [--languages mergetool/tiebreak/text/languages.tsv]

The table is a decision list. The stratum with the best lower bound comes first; the next is
measured only on the hunks where the first had nothing to say, and so on. That is how the judge uses
the numbers: it offers the best stratum's candidate, so a stratum's precision matters only where
nothing better spoke. A stratum seen on fewer than `FEW` hunks is counted with its wider name
(``tokens/far`` with ``tokens``), to which the judge falls back, unless it is surely worse. A
stratum that is never first, because a better one always speaks too, closes the list with what it
is alone.

A generator that came later can be measured by itself (``--only``): its strata are put into the
table that is there, whose other lines stay as they were measured.

The table of languages says, for each, how often the first structural proposal was right (those of
`tiebreak.text.judge.BY_LANGUAGE`). A language seen on fewer than `FEW` hunks is not in it, and then
its structural proposals are only suggested.

Hunks of files that were committed exactly as one parent had them count like all others: people did
want that result, and leaving them out would promise a precision that nobody would see. What the
numbers would be without them is printed beside.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import halves
import records
import tables
from measure import OTHER
from tally import by_repository, located
from tiebreak.learn.intervals import clopper_pearson, clustered_lower
from tiebreak.text.judge import BY_LANGUAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from records import HunkRecord

FEW = 30  # hunks below which a stratum is no population of its own
PRECISION = Path(__file__).parents[1] / "mergetool/tiebreak/text/precision.tsv"


@dataclass(frozen=True, slots=True)
class Shot:
    """A stratum's first candidate for one hunk: was it right?"""

    repo: str
    right: bool
    whole: bool  # the file was committed as one parent had it


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table, with the hunks behind it."""

    stratum: str
    lower: float
    shots: tuple[Shot, ...]

    @property
    def right(self) -> int:
        """How often it was what the people committed."""
        return sum(shot.right for shot in self.shots)


Hunk = dict[str, Shot]  # what each stratum offers first for one hunk


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(arguments)
    hunks = [h for h in located(records.distinct(records.read(options.dumps), set())) if _tunes(h)]
    lines = calibrate(hunks)
    _show(lines, len(hunks))
    if options.output and options.only:
        known = options.output.read_text(encoding="utf-8")
        options.output.write_text(added(known, lines, options.only), encoding="utf-8")
    elif options.output:
        options.output.write_text(table(lines, hunks), encoding="utf-8")
    languages = by_language(hunks)
    _show(languages, len(hunks), "The first structural proposal, by language, in %")
    if options.languages:
        enough = [line for line in languages if len(line.shots) >= FEW]
        options.languages.write_text(table(enough, hunks, "language"), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dumps", nargs="+", type=Path, metavar="DUMP")
    parser.add_argument("--output", type=Path, help=f"write the table (usually {PRECISION.name})")
    parser.add_argument("--only", metavar="GENERATOR", help="keep the table but for its strata")
    parser.add_argument("--languages", type=Path, help="write the table of languages")
    return parser


def _tunes(hunk: HunkRecord) -> bool:
    return halves.half_of(hunk.repo) == "tuning"


def calibrate(hunks: Iterable[HunkRecord]) -> list[Line]:
    """The decision list, best first. Strata that are too rare are renamed until none is left."""
    offers = [_offers(hunk) for hunk in hunks]
    while True:
        lines = _decision_list(offers)
        wider = _rare(lines)
        if not wider:
            return _never_rising([*lines, *_never_first(offers, lines)])
        offers = [_renamed(offer, wider) for offer in offers]


def by_language(hunks: Iterable[HunkRecord]) -> list[Line]:
    """Each language with the first structural proposal of every hunk that has one."""
    shots: defaultdict[str, list[Shot]] = defaultdict(list)
    for hunk in hunks:
        first = next((c for c in hunk.survivors if c.generator in BY_LANGUAGE), None)
        if first is not None and hunk.language != OTHER:
            shots[hunk.language].append(Shot(hunk.repo, first.equal, bool(hunk.whole)))
    found = [Line(name, _bound(shots[name]), tuple(shots[name])) for name in sorted(shots)]
    return sorted(found, key=lambda line: -len(line.shots))


def _offers(hunk: HunkRecord) -> Hunk:
    """What each stratum offers first. A sole provable candidate is offered before all others."""
    survivors = hunk.survivors
    provable = [candidate for candidate in survivors if candidate.provable]
    shown = provable if len(provable) == 1 else survivors
    offers: Hunk = {}
    for candidate in shown:
        offers.setdefault(candidate.stratum, Shot(hunk.repo, candidate.equal, bool(hunk.whole)))
    return offers


def _decision_list(offers: Iterable[Hunk]) -> list[Line]:
    open_hunks, lines = [offer for offer in offers if offer], list[Line]()
    while open_hunks:
        best = _best_first(open_hunks)[0]
        lines.append(best)
        open_hunks = [offer for offer in open_hunks if best.stratum not in offer]
    return lines


def _never_first(offers: Iterable[Hunk], lines: Iterable[Line]) -> list[Line]:
    known = {line.stratum for line in lines}
    return [line for line in _best_first(offers) if line.stratum not in known]


def _best_first(offers: Iterable[Hunk]) -> list[Line]:
    """Each stratum over all these hunks, whatever else is offered for them."""
    shots: defaultdict[str, list[Shot]] = defaultdict(list)
    for offer in offers:
        for stratum, shot in offer.items():
            shots[stratum].append(shot)
    found = [Line(name, _bound(shots[name]), tuple(shots[name])) for name in sorted(shots)]
    return sorted(found, key=lambda line: (-line.lower, -line.right / len(line.shots)))


def _bound(shots: Iterable[Shot]) -> float:
    return _lower(tuple(by_repository((shot.repo, shot.right) for shot in shots)))


_lower = cache(clustered_lower)  # most strata are the same from one line of the list to the next


def _rare(lines: Sequence[Line]) -> dict[str, str]:
    """The strata to be counted with their wider name, and that name."""
    wider: dict[str, str] = {}
    for line in lines:
        name = line.stratum.rpartition("/")[0]
        if name and len(line.shots) < FEW and not _surely_worse(line, lines, name):
            wider[line.stratum] = name
    return wider


def _surely_worse(line: Line, lines: Sequence[Line], wider: str) -> bool:
    kin = [kin for kin in lines if kin is not line and f"{kin.stratum}/".startswith(f"{wider}/")]
    seen, right = sum(len(k.shots) for k in kin), sum(k.right for k in kin)
    high = clopper_pearson(line.right, len(line.shots))[1]
    return bool(seen) and high < right / seen


def _renamed(offer: Hunk, wider: Mapping[str, str]) -> Hunk:
    """Where two strata fall together the first (better judged) offer stands for both."""
    renamed: Hunk = {}
    for stratum, shot in offer.items():
        renamed.setdefault(wider.get(stratum, stratum), shot)
    return renamed


def _never_rising(lines: Sequence[Line]) -> list[Line]:
    """Bounds that fall along the list, so that the judge's order is the order measured."""
    falling, least = list[Line](), 1.0
    for line in lines:
        least = min(least, line.lower)
        falling.append(Line(line.stratum, least, line.shots))
    return falling


def table(lines: Sequence[Line], hunks: Sequence[HunkRecord], first: str = "stratum") -> str:
    """The data file the judge reads: where it comes from, then one line per stratum, sorted."""
    repositories = sorted({hunk.repo for hunk in hunks})
    merges = len({(hunk.repo, hunk.merge) for hunk in hunks})
    head = [
        "# Written by benchmarks/calibrate.py from replay dumps of the tuning half; not by hand.",
        f"# {len(hunks)} distinct hunks of {merges} merges of {len(repositories)} repositories:",
        f"# {', '.join(repositories)}",
        f"# {first}\tright\tseen\tlower",
    ]
    rows = [_row(line) for line in sorted(lines, key=lambda line: line.stratum)]
    return "\n".join([*head, *rows]) + "\n"


def added(known: str, lines: Sequence[Line], generator: str) -> str:
    """A table with the lines of one generator, which came later, in place of those it had."""
    mine = [line for line in lines if _generator(line.stratum) == generator]
    told = f"# {generator}: later, by itself; "
    rows = [r for r in known.splitlines() if _generator(r) != generator and not r.startswith(told)]
    head = [row for row in rows if row.startswith("#")]
    rest = sorted([*rows[len(head) :], *map(_row, mine)])
    told += f"{sum(len(line.shots) for line in mine)} hunks"
    return "\n".join([*head[:-1], told, head[-1], *rest]) + "\n"


def _generator(row: str) -> str:
    return row.partition("\t")[0].partition("/")[0]


def _row(line: Line) -> str:
    return f"{line.stratum}\t{line.right}\t{len(line.shots)}\t{line.lower:.4f}"


def _show(lines: Sequence[Line], hunks: int, title: str = "Decision list, in %") -> None:
    columns = ["right", "of", "share", "bound", "coverage", "repositories", "share without whole"]
    shown = tables.blank(f"{title}, over {hunks} hunks", "", columns)
    for line in lines:
        kept = [shot for shot in line.shots if not shot.whole]
        shown.add_row(
            line.stratum,
            str(line.right),
            str(len(line.shots)),
            tables.percent(line.right, len(line.shots)),
            f"{100 * line.lower:.1f}",
            tables.percent(len(line.shots), hunks),
            str(len({shot.repo for shot in line.shots})),
            tables.percent(sum(shot.right for shot in kept), len(kept)),
        )
    Console(width=tables.WIDTH).print(shown)


if __name__ == "__main__":
    sys.exit(main())
