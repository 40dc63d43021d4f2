#!/usr/bin/env python3
"""What the merge driver costs, as ratios taken in one run: rounds of all variants, interleaved.

    python benchmarks/driver_speed.py [--rounds 7] [--files 20] [--json FILE]

    clean        a file that merges cleanly by lines, through our launcher, over the same file
                 with `git merge-file` as the driver (both less the built-in merge); at most 2
    conflict     a conflicted file, grammar and all, over a bare `python -I -S -c pass`; at most 8
    judged       the same with the learned judge in the driver (tiebreak.judge); at most 20
    whole merge  100 files changed on both sides, 50 in conflict, over the built-in merge

Real `git merge` in temporary repositories; every file is a new process. Ratios are taken within
a round, and the median over the rounds decides. The exit status says whether the first two ratios
are within bounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console

import tables
from tiebreak.git.install import driver_command, launcher_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GIT = os.environ.get("TIEBREAK_GIT", "git")
CLEAN_BOUND, CONFLICT_BOUND, JUDGED_BOUND = 2.0, 8.0, 20.0
WHOLE_FILES = 100  # half of them in conflict
FUNCTIONS = 40  # of a file: about 250 lines
MERGE_FILE = "git merge-file --marker-size=%L -L ours -L base -L theirs %A %O %B"
DRIVERS = {
    "built-in": None,
    "merge-file": MERGE_FILE,
    "tiebreak": driver_command(launcher_path(), sys.executable),
}
JUDGED = ("-c", "tiebreak.judge=always")
Seconds = dict[tuple[str, str], float]
Times = dict[tuple[str, str], list[float]]  # by what is merged, and how


class Ratio(NamedTuple):
    """One of the ratios asked for: the median over the rounds, and the least and the largest."""

    name: str
    median: float
    least: float
    largest: float
    bound: float | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="speed-") as scratch:
        times = measure(Path(scratch), options.rounds, options.files)
    found = ratios(times, options.files)
    _show(times, found, options.files)
    if options.json:
        seconds = {f"{what} {how}": each for (what, how), each in times.items()}
        report = {"seconds": seconds, "ratios": [ratio._asdict() for ratio in found]}
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(any(ratio.bound is not None and ratio.median > ratio.bound for ratio in found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--files", type=int, default=20, help="per repository of one kind of file")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


def measure(scratch: Path, rounds: int, files: int) -> Times:
    """Seconds of every variant, `rounds` times each, in turns."""
    environment = _environment(scratch)
    kinds = {"clean": (files, 0), "conflict": (0, files), "whole": (WHOLE_FILES // 2,) * 2}
    runs: dict[tuple[str, str], Callable[[], float]] = {
        ("start", "python"): lambda: _seconds([sys.executable, "-I", "-S", "-c", "pass"], None, {})
    }
    for kind, (clean, conflicted) in kinds.items():
        repository = _repository(scratch / kind, clean, conflicted, environment)
        for how, driver in DRIVERS.items():
            runs[kind, how] = _merge_run(repository, driver, environment)
        if kind == "conflict":
            ours = DRIVERS["tiebreak"]
            runs[kind, "judged"] = _merge_run(repository, ours, environment, JUDGED)
    times: Times = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            seconds = run()
            if number:  # the first round fills the caches
                times[name].append(seconds)
    return times


def ratios(times: Times, files: int) -> list[Ratio]:
    """The ratios asked for, each taken within every round."""
    rounds = [dict(zip(times, each, strict=True)) for each in zip(*times.values(), strict=True)]
    rows = [
        ("clean", _clean, CLEAN_BOUND),
        ("conflict", _conflict(files, "tiebreak"), CONFLICT_BOUND),
        ("judged", _conflict(files, "judged"), JUDGED_BOUND),
        ("whole merge, merge-file", _whole("merge-file"), None),
        ("whole merge, tiebreak", _whole("tiebreak"), None),
    ]
    return [_over(name, [ratio(each) for each in rounds], bound) for name, ratio, bound in rows]


def _over(name: str, found: Sequence[float], bound: float | None) -> Ratio:
    return Ratio(name, statistics.median(found), min(found), max(found), bound)


def _clean(seconds: Seconds) -> float:
    built_in = seconds["clean", "built-in"]
    return (seconds["clean", "tiebreak"] - built_in) / (seconds["clean", "merge-file"] - built_in)


def _conflict(files: int, how: str) -> Callable[[Seconds], float]:
    def ratio(seconds: Seconds) -> float:
        each = (seconds["conflict", how] - seconds["conflict", "built-in"]) / files
        return each / seconds["start", "python"]

    return ratio


def _whole(how: str) -> Callable[[Seconds], float]:
    return lambda seconds: seconds["whole", how] / seconds["whole", "built-in"]


def _environment(scratch: Path) -> dict[str, str]:
    """Nothing of the user's configuration, and an identity to commit with."""
    who = {f"GIT_{role}_NAME": "Speed" for role in ("AUTHOR", "COMMITTER")}
    mail = {f"GIT_{role}_EMAIL": "speed@example.com" for role in ("AUTHOR", "COMMITTER")}
    home = {"HOME": str(scratch), "XDG_CONFIG_HOME": str(scratch), "GIT_CONFIG_NOSYSTEM": "1"}
    return {"PATH": os.environ["PATH"], **who, **mail, **home}


def _repository(path: Path, clean: int, conflicted: int, environment: dict[str, str]) -> Path:
    """Branches ``main`` and ``other`` of Python files, changed on both sides."""
    path.mkdir()

    def git(*words: str) -> None:
        subprocess.run([GIT, *words], cwd=path, env=environment, check=True, capture_output=True)

    def commit(changes: Mapping[int, str], where: int) -> None:
        for number in range(clean + conflicted):
            line = where if number < clean else 0
            text = _source({line + place: change for place, change in changes.items()})
            (path / f"file_{number}.py").write_text(text, encoding="utf-8")
        git("add", "-A")
        git("commit", "-qm", "change")

    git("init", "-q", "-b", "main")
    git("config", "gc.auto", "0")
    (path / ".git/info/attributes").write_text("* merge=measured\n")
    commit({}, 0)
    git("checkout", "-qb", "other")
    commit({10: "value + 2"}, 20)
    git("checkout", "-q", "main")
    commit({10: "total - 1"}, 0)
    return path


def _source(changes: Mapping[int, str]) -> str:
    """A Python file of `FUNCTIONS` functions; `changes` gives other results by function."""
    head = '"""A module to merge."""\n\nimport os\nimport sys\n'
    functions = (
        f"\n\ndef function_{number}(value, total):\n"
        f'    """Do thing number {number}."""\n'
        f"    if value > {number}:\n"
        f"        return {changes.get(number, f'value + {number}')}\n"
        "    return total\n"
        for number in range(FUNCTIONS)
    )
    return head + "".join(functions)


def _merge_run(
    repository: Path, driver: str | None, environment: dict[str, str], more: Sequence[str] = ()
) -> Callable[[], float]:
    """A timed ``git merge other``, undone afterwards; without a driver, the built-in merge."""
    setting = [] if driver is None else ["-c", f"merge.measured.driver={driver}"]
    command = [GIT, *setting, *more, "merge", "-q", "--no-commit", "--no-edit", "other"]

    def run() -> float:
        seconds = _seconds(command, repository, environment)
        undo = [GIT, "reset", "-q", "--hard", "main"]
        subprocess.run(undo, cwd=repository, env=environment, check=True)
        return seconds

    return run


def _seconds(command: Sequence[str], where: Path | None, environment: dict[str, str]) -> float:
    start = perf_counter()
    subprocess.run(command, cwd=where, env=environment, capture_output=True, check=False)
    return perf_counter() - start


def _show(times: Times, found: Sequence[Ratio], files: int) -> None:
    console = Console(width=tables.WIDTH)
    title = f"Milliseconds ({files} files of a kind, {WHOLE_FILES} in the whole merge)"
    table = tables.blank(title, "merge", ["median", "best"])
    for (what, how), each in times.items():
        cells = (f"{1000 * value:.1f}" for value in (statistics.median(each), min(each)))
        table.add_row(f"{what}, {how}", *cells)
    console.print(table)
    table = tables.blank("Ratios, by round", "of", ["median", "least", "largest", "at most"])
    for ratio in found:
        bound = f"{ratio.bound:.0f}" if ratio.bound else ""
        found_in = (f"{value:.2f}" for value in (ratio.median, ratio.least, ratio.largest))
        table.add_row(ratio.name, *found_in, bound)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
