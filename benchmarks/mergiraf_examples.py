#!/usr/bin/env python3
"""Run mergiraf's example suite through tiebreak and through `git merge-file`, side by side.

    python benchmarks/mergiraf_examples.py PATH [--trust STRATUM...] [--audit] [--list KIND...]

PATH is the folder ``examples`` of a copy of mergiraf's source, kept outside of this repository:
``<language>/<working|failing>/<case>/`` with Base, Left, Right and Expected. Nothing is written.

Per case the merged file is one of

    exact     byte for byte what is expected, the expected conflicts included
    layout    clean as expected, and equal but for white space
    conflict  still in conflict where a clean merge is expected, or another conflict than expected
    wrong     clean, and not what is expected: nobody would be told

A case of ``failing`` is compared with what its authors would like to see (``ExpectedIdeally``).
``--trust`` gives these strata, as a user's ``tiebreak.trust`` does, the right to resolve without a
measured precision; that is how mergiraf itself works. Without it only proof and measurement
resolve. ``--audit`` makes conflicts of what `tiebreak check` objects to in merges clean by lines.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.policy import Policy
from tiebreak.text.file import Settings, merge_text
from tiebreak.text.markers import Labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GROUPS = ("working", "failing")
KINDS = ("exact", "layout", "conflict", "wrong")
LABELS = ("LEFT", "BASE", "RIGHT")
MOST_CONFLICTS = 127  # git merge-file's exit status; above it is an error


class Case(NamedTuple):
    """One example: where it is, the path that says its language, and the texts."""

    name: str
    group: str
    path: str
    base: bytes
    ours: bytes
    theirs: bytes
    expected: bytes


class Merged(NamedTuple):
    """What a tool made of a case."""

    text: bytes
    clean: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 1 when there is no case."""
    options = _parser().parse_args(arguments)
    cases = [case for case in read(options.path) if options.only in case.name]
    settings = _settings(options)
    counts: Counter[tuple[str, str, str]] = Counter()
    seconds = 0.0
    for case in cases:
        start = perf_counter()
        ours = tiebreak(case, settings)
        seconds += perf_counter() - start
        results = {"tiebreak": kind(case, ours), "git": kind(case, git(case))}
        for tool, result in results.items():
            counts[tool, case.group, result] += 1
        if results["tiebreak"] in options.list:
            print(f"{results['tiebreak']:9} (git: {results['git']:9}) {case.name}")
    _show(counts, seconds, len(cases))
    return 0 if cases else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path, metavar="PATH")
    parser.add_argument("--trust", nargs="*", default=[], metavar="STRATUM")
    parser.add_argument("--audit", action="store_true", help="objections to clean merges count")
    parser.add_argument("--list", nargs="*", default=[], choices=KINDS, help="name these cases")
    parser.add_argument("--only", default="", metavar="WORD", help="cases whose name holds WORD")
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    policy = Policy(trust=tuple(options.trust))
    labels = Labels(*LABELS)
    return Settings(style="diff3", labels=labels, policy=policy, audit=options.audit)


def read(folder: Path) -> Iterator[Case]:
    """The cases of an example folder, in order."""
    for group in GROUPS:
        for case in sorted(folder.glob(f"*/{group}/*")):
            found = _case(folder, group, case)
            if found is not None:
                yield found


def _case(folder: Path, group: str, case: Path) -> Case | None:
    base = next(case.glob("Base*"), None)
    names = [f"Expected{base.suffix}", f"ExpectedIdeally{base.suffix}"] if base else []
    expected = next((case / name for name in names if (case / name).exists()), None)
    if base is None or expected is None:
        return None
    left, right = (case / f"{side}{base.suffix}" for side in ("Left", "Right"))
    texts = [path.read_bytes() for path in (base, left, right, expected)]
    name = str(case.relative_to(folder))
    return Case(name, group, _path(case, base), texts[0], texts[1], texts[2], texts[3])


def _path(case: Path, base: Path) -> str:
    """A file name that says the language: a case may name one in a file of its own."""
    said = case / "language"
    if not said.exists():
        return base.name
    language = said.read_text("utf-8").strip()
    return language if "." in language else f"{case.name}.{language}"


def tiebreak(case: Case, settings: Settings) -> Merged:
    """What tiebreak writes."""
    merge = merge_text(case.path, case.base, case.ours, case.theirs, settings)
    return Merged(merge.text, not merge.unmerged)


def git(case: Case) -> Merged:
    """What `git merge-file` writes."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for name, text in zip(LABELS, (case.ours, case.base, case.theirs), strict=True):
            Path(folder, name).write_bytes(text)
            names += ["-L", name]
        command = ["git", "merge-file", "-p", "--diff3", *names, *LABELS]
        ran = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    if ran.returncode > MOST_CONFLICTS:
        raise RuntimeError(f"git merge-file: {ran.stderr.decode()}")
    return Merged(ran.stdout, ran.returncode == 0)


def kind(case: Case, merged: Merged) -> str:
    """Which of `KINDS` a result is."""
    if merged.text == case.expected:
        return "exact"
    if not merged.clean:
        return "conflict"
    return "layout" if merged.text.split() == case.expected.split() else "wrong"


def _show(counts: Counter[tuple[str, str, str]], seconds: float, number: int) -> None:
    print(f"{'':10}{'':9}" + "".join(f"{result:>10}" for result in KINDS))
    for group in GROUPS:
        for tool in ("git", "tiebreak"):
            row = "".join(f"{counts[tool, group, result]:10}" for result in KINDS)
            print(f"{group:10}{tool:9}{row}")
    if number:
        print(f"{1000 * seconds / number:.1f} ms a case")


if __name__ == "__main__":
    sys.exit(main())
