#!/usr/bin/env python3
"""How often what was resolved before is resolved so again, in the order of time.

    python benchmarks/memory.py REPO... [--output mergetool/tiebreak/text/memory.tsv]

Each repository's merges are replayed from the oldest to the newest. A conflict is asked about
before its own merge is remembered, so that only earlier merges are known, and those of other
repositories never. The bound is clustered by repository, as in ``precision.tsv``. Repositories that
are not of the half asked for are left out.

Within a merge the files teach each other: a file is asked about when those before it, by path, are
known. Of one merge `MOST` conflicts are counted, since one that repeats an edit in a hundred files
would rule the table.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import halves
import tables
from tiebreak.learn.equality import normalised
from tiebreak.learn.history import Limits, name_of, opened
from tiebreak.learn.intervals import clustered_lower
from tiebreak.learn.remember import memories, resolved
from tiebreak.memory import Memory
from tiebreak.text.document import Document
from tiebreak.text.recall import THIS_MERGE, lessons, recalled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tiebreak.learn.remember import Resolved

MOST = 5  # conflicts of a merge that its own other files were asked about
Shots = dict[str, dict[str, list[bool]]]  # by stratum and repository: was it right?


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPO")
    parser.add_argument("--half", choices=halves.HALVES, default="tuning")
    parser.add_argument("--max-merges", type=int, default=0, metavar="N", help="per repository")
    parser.add_argument("--output", type=Path, help="write the table (usually memory.tsv)")
    options = parser.parse_args(arguments)
    shots: Shots = defaultdict(lambda: defaultdict(list))
    hunks, names = 0, []
    for path in options.repositories:
        if halves.half_of(name_of(path)) != options.half:
            continue
        names.append(name_of(path))
        hunks += replay(path, Limits(max_merges=options.max_merges), shots)
    show(shots, hunks)
    if options.output:
        options.output.write_text(table(shots, hunks, names), encoding="utf-8")
    return 0 if hunks else 1


def replay(path: Path, limits: Limits, shots: Shots) -> int:
    """Count one repository; gives the number of its conflicts whose resolution is known."""
    known: defaultdict[str, list[Memory]] = defaultdict(list)
    hunks = 0
    with opened(path, limits) as (history, head):
        for merge in sorted(history.merges(head), key=lambda one: (history.time(one), str(one))):
            conflicts = list(resolved(history, merge))
            hunks += len(conflicts)
            count(conflicts, known, shots, name_of(path))
            for digest, memory in memories(history, merge):
                known[digest].append(memory)
    return hunks


def count(
    conflicts: Sequence[Resolved],
    known: Mapping[str, list[Memory]],
    shots: Shots,
    repo: str,
) -> None:
    """Count the conflicts of one merge: what earlier merges know of them, and its own files."""
    for one in conflicts:
        ask(one, known, shots, repo)
    within(conflicts, shots, repo)


def within(ones: Sequence[Resolved], shots: Shots, repo: str) -> None:
    """Count what each file of a merge would have been told by the files before it, by path."""
    now: defaultdict[str, list[Memory]] = defaultdict(list)
    left = MOST
    for path, conflicts in groupby(sorted(ones, key=lambda one: one.path), lambda one: one.path):
        together = list(conflicts)
        for one in together:
            left -= ask(one, now, shots, repo) if left > 0 else 0
        for one in together:
            for digest, text in lessons(*one.region[:3], one.text):
                now[digest].append(Memory(text, THIS_MERGE, 0, "", path))


def ask(one: Resolved, known: Mapping[str, list[Memory]], shots: Shots, repo: str) -> int:
    """Count what is recalled for one conflict; gives whether anything is."""
    hunk = Document(one.path, [one.region], None).hunks[0]
    found = list(recalled(hunk, lambda digest: known.get(digest, [])))
    for memory in found:
        shots[memory.stratum][repo].append(normalised(memory.text) == normalised(one.text))
    return bool(found)


def rows(shots: Shots) -> Iterator[tuple[str, int, int, float]]:
    """Stratum, right, seen and bound."""
    for stratum, by_repository in sorted(shots.items()):
        clusters = [(sum(each), len(each)) for each in by_repository.values()]
        right, seen = (sum(column) for column in zip(*clusters, strict=True))
        yield stratum, right, seen, clustered_lower(clusters)


def table(shots: Shots, hunks: int, names: Sequence[str]) -> str:
    """The data file that the judge reads."""
    head = [
        "# Written by benchmarks/memory.py, from merges in the order of time; not by hand.",
        f"# {hunks} hunks of {len(names)} repositories:",
        f"# {', '.join(sorted(names))}",
        "# stratum\tright\tseen\tlower",
    ]
    lines = [f"{name}\t{right}\t{seen}\t{lower:.4f}" for name, right, seen, lower in rows(shots)]
    return "\n".join([*head, *lines]) + "\n"


def show(shots: Shots, hunks: int) -> None:
    """The same on the screen, with the share of all conflicts."""
    columns = ["right", "of", "share", "bound", "coverage", "repositories"]
    shown = tables.blank(f"Remembered, over {hunks} hunks, in %", "", columns)
    for name, right, seen, lower in rows(shots):
        share, coverage = tables.percent(right, seen), tables.percent(seen, hunks)
        cells = (str(right), str(seen), share, f"{100 * lower:.1f}", coverage)
        shown.add_row(name, *cells, str(len(shots[name])))
    Console(width=tables.WIDTH).print(shown)


if __name__ == "__main__":
    sys.exit(main())
