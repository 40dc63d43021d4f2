#!/usr/bin/env python3
"""Replay the merges of local repositories and compare tiebreak with what the people committed.

    python benchmarks/replay.py REPO... [--jobs 2] [--json FILE] [--dump FILE.jsonl.gz]
    python benchmarks/replay.py --from DUMP... [--half tuning|report]

REPO is any repository on this machine, bare or not; nothing is written to it. See README.md here
for what is counted and how.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import Manager
from pathlib import Path
from typing import TYPE_CHECKING

import pygit2

import halves
import records
import tables
import tally
from measure import Options, Replayed, replay
from rejudge import rejudge
from tiebreak.learn.history import Limits, name_of
from tiebreak.learn.progress import progress
from tiebreak.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from queue import Queue

Tick = tuple[str, int, int]
USAGE = 2  # exit status: not a repository, or one without a commit
EVERY = 20  # merges between two reports of progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0 unless there was nothing to replay."""
    options = _parser().parse_args(arguments)
    try:
        results = _from_dumps(options) if options.dumps else _replay_all(options)
    except pygit2.GitError as error:
        print(f"replay: {error}", file=sys.stderr)
        return USAGE
    hunks = [hunk for result in results for hunk in result.hunks]
    if options.half:
        hunks = [hunk for hunk in hunks if halves.half_of(hunk.repo) == options.half]
    counts = sum((result.counts for result in results), Counter[str]())
    seconds = [second for result in results for second in result.seconds]
    tables.show(hunks, counts, seconds)
    if options.json:
        times = {"seconds": sum(seconds), "seconds_per_file": tally.quantiles(seconds)}
        report = {"counts": counts, **times, **tally.summary(hunks)}
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.dump:
        records.write(Path(options.dump), hunks)
    return 0 if hunks else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("repositories", nargs="*", type=Path, metavar="REPO", help="a local repository")
    add("--from", nargs="+", type=Path, dest="dumps", metavar="DUMP", help="report on dumps")
    add("--again", nargs="+", type=Path, metavar="DUMP", help="only the merges in these dumps")
    add("--rejudge", action="store_true", help="judge a dump's hunks with the present table")
    add("--half", choices=halves.HALVES, help="only repositories of this half (see halves.py)")
    add("--since", type=_day, default=0, metavar="YYYY-MM-DD", help="no merges before this day")
    add("--max-merges", type=int, default=0, metavar="N", help="per repository; 0: all (default)")
    add("--learned", action="store_true", help="let the learned judge rank")
    add("--apply", type=float, default=Policy().apply, help="the policy's bound for applying")
    add("--max-hunks", type=int, default=1000, metavar="N", help="per repository (default 1000)")
    add("--merge-hunks", type=int, default=50, metavar="N", help="per merge (default 50)")
    add("--max-file", type=int, default=1_000_000, metavar="BYTES", help="default 1000000")
    add("--jobs", type=int, default=1, metavar="N", help="repositories at a time (default 1)")
    add("--json", metavar="FILE", help="write all numbers")
    add("--dump", metavar="FILE.jsonl.gz", help="write one line per hunk, without texts")
    add("--texts", action="store_true", help="put the texts into the dump: local debugging only")
    return parser


def _day(text: str) -> int:
    return int(time.mktime(time.strptime(text, "%Y-%m-%d")))


def _from_dumps(options: argparse.Namespace) -> list[Replayed]:
    hunks = list(records.distinct(records.read(options.dumps), set()))
    if options.rejudge:
        hunks = [rejudge(hunk) for hunk in hunks]
    return [Replayed("dumps", hunks)]


def _replay_all(options: argparse.Namespace) -> list[Replayed]:
    """Replay every repository, `options.jobs` at a time; duplicates across them count once."""
    only = frozenset(hunk.merge for hunk in records.read(options.again or []))
    wanted = Options(
        Limits(options.since, options.max_merges, options.max_file, only),
        options.max_hunks,
        options.merge_hunks,
        options.texts,
        learned=options.learned,
        policy=Policy(apply=options.apply),
    )
    results, seen = list(_results(options.repositories, wanted, options.jobs)), set[str]()
    for result in results:
        result.hunks = list(records.distinct(result.hunks, seen))
    return results


def _results(paths: Sequence[Path], wanted: Options, jobs: int) -> Iterator[Replayed]:
    with _progress(paths) as show:
        if jobs <= 1:
            yield from (replay(path, wanted, partial(show, name_of(path))) for path in paths)
            return
        with Manager() as manager, ProcessPoolExecutor(jobs) as pool:
            ticks: Queue[Tick] = manager.Queue()
            futures = [pool.submit(_work, path, wanted, ticks) for path in paths]
            while not all(future.done() for future in futures):
                time.sleep(0.1)
                _drain(ticks, show)
            yield from (future.result() for future in futures)


def _work(path: Path, wanted: Options, ticks: Queue[Tick]) -> Replayed:
    def tick(done: int, total: int) -> None:
        if done % EVERY == 0 or done == total:
            ticks.put((name_of(path), done, total))

    return replay(path, wanted, tick)


def _drain(ticks: Queue[Tick], show: Callable[[str, int, int], None]) -> None:
    while not ticks.empty():
        show(*ticks.get())


@contextmanager
def _progress(paths: Sequence[Path]) -> Iterator[Callable[[str, int, int], None]]:
    """A bar per repository on stderr, only where somebody can see it."""
    bar = progress()
    tasks = {name_of(path): bar.add_task(name_of(path), total=None) for path in paths}
    with bar:
        yield lambda name, done, total: bar.update(tasks[name], completed=done, total=total)


if __name__ == "__main__":
    sys.exit(main())
