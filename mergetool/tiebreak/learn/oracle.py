"""How often some candidate is what people committed: the bound on every judge of candidates.

    python -m tiebreak.learn.oracle DATA [--jobs N] [--half choose|report] [--mined]

Reads mined examples and adds to each what the text-only generators propose now
(`tiebreak.learn.extend`); ``--mined`` counts only what was mined. Candidates that differ in white
space only are one. Choosing generators and caps goes by the one half of the repositories, figures
to report are from the other.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.learn.examples import files, read
from tiebreak.learn.extend import proposals_for
from tiebreak.learn.locate import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tiebreak.learn.examples import Example

NOT_SOURCE: Final = {"(other)", "json", "yaml", "toml"}
HALVES: Final = ("choose", "report")
FIRST: Final = (8, 16, 24, 32, 48, 64)  # candidates: the oracle of the first so many
COMBOS: Final = "combos"


class Measured(NamedTuple):
    """One hunk: what kinds it counts for, its distinct candidates' strata, where the right one is.

    `right` is the place of the first right candidate in `strata`, -1 when there is none.
    """

    digest: str
    kinds: tuple[str, ...]
    strata: tuple[str, ...]
    right: int


def half_of(name: str) -> str:
    """The half of the tuning repositories that one belongs to, by the hash of its file's name."""
    return HALVES[hashlib.sha256(name.encode()).digest()[0] % 2]


def measure(example: Example, *, mined: bool) -> Measured:
    """Look for the people's resolution among the candidates of one hunk."""
    proposed = [(proposal.stratum, proposal.value) for proposal in example.proposals]
    if not mined:
        texts = (example.base, example.ours, example.theirs)
        proposed += [(c.stratum, c.value) for c in proposals_for(*texts, example.path)]
    by_text: dict[bytes, str] = {}
    for stratum, value in proposed:
        by_text.setdefault(normalised(value), stratum)
    wanted = normalised(example.resolution)
    right = list(by_text).index(wanted) if wanted in by_text else -1
    return Measured(example.digest, tuple(_kinds(example)), tuple(by_text.values()), right)


def _kinds(example: Example) -> Iterator[str]:
    group = "other" if example.language in NOT_SOURCE else "source"
    yield group
    if not example.whole:
        yield f"{group}, without files taken whole"
    yield f"language {example.language}"


def measure_file(path: Path, *, mined: bool) -> list[Measured]:
    """The hunks of one repository."""
    return [measure(example, mined=mined) for example in read(path)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tiebreak.learn.oracle", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--half", choices=HALVES)
    parser.add_argument("--mined", action="store_true", help="only what was mined")
    options = parser.parse_args(arguments)
    paths = [path for path in files(options.data) if options.half in {None, half_of(path.stem)}]
    work = partial(measure_file, mined=options.mined)
    with ProcessPoolExecutor(options.jobs) as pool:
        rows = list(_distinct(row for found in pool.map(work, paths) for row in found))
    print(f"{len(rows)} hunks of {len(paths)} repositories")  # noqa: T201
    for line in report(rows):
        print(line)  # noqa: T201
    return 0


def _distinct(rows: Iterable[Measured]) -> Iterator[Measured]:
    """Each hunk once: forks repeat them."""
    seen: set[str] = set()
    for row in rows:
        if row.digest not in seen:
            seen.add(row.digest)
            yield row


def report(rows: Sequence[Measured]) -> Iterator[str]:
    """The tables, line by line: by kind of hunk, by number of candidates, by generator."""
    kinds = sorted(
        {kind for row in rows for kind in row.kinds}, key=lambda kind: (" " in kind, kind)
    )
    yield f"\n{'':36}  hunks  oracle  candidates  most"
    for kind in kinds:
        yield _row(kind, [row for row in rows if kind in row.kinds])
    for group in ("source", "other"):
        chosen = [row for row in rows if group in row.kinds]
        if chosen:
            yield from _by_number(group, chosen)
            yield from _by_generator(group, chosen)


def _row(kind: str, rows: Sequence[Measured]) -> str:
    sizes = [len(row.strata) for row in rows]
    mean, most = sum(sizes) / len(sizes), max(sizes)
    return f"{kind:36} {len(rows):6}  {_found(rows):5.1f}%  {mean:10.1f}  {most:4}"


def _found(rows: Sequence[Measured], first: int | None = None) -> float:
    """In how many of 100 hunks the right candidate is there, among the first so many."""
    right = sum(0 <= row.right < (first or sys.maxsize) for row in rows)
    return 100 * right / len(rows)


def _by_number(group: str, rows: Sequence[Measured]) -> Iterator[str]:
    yield f"\n{group}: the first so many candidates"
    for first in FIRST:
        mean = sum(min(first, len(row.strata)) for row in rows) / len(rows)
        yield f"{first:6} {_found(rows, first):5.1f}%  {mean:10.1f}"


def _by_generator(group: str, rows: Sequence[Measured]) -> Iterator[str]:
    """Which generator names the right candidate: the first that proposes it."""
    proposed: Counter[str] = Counter(_generator(s) for row in rows for s in row.strata)
    right = Counter(_generator(row.strata[row.right]) for row in rows if row.right >= 0)
    yield f"\n{group}: who names the right one          names   together  candidates  right of them"
    together = 0
    for name in sorted(proposed, key=lambda name: (name.startswith(COMBOS), -right[name])):
        together += right[name]
        adds, so_far = 100 * right[name] / len(rows), 100 * together / len(rows)
        mean, precision = proposed[name] / len(rows), 100 * right[name] / proposed[name]
        yield f"{name:36} {adds:6.2f}%  {so_far:6.2f}%  {mean:10.2f}  {precision:6.2f}%"


def _generator(stratum: str) -> str:
    """A generator's name; of the combining ones with the idea."""
    parts = stratum.split("/")
    return "/".join(parts[: 2 if parts[0] == COMBOS else 1])


if __name__ == "__main__":
    sys.exit(main())
