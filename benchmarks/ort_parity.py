#!/usr/bin/env python3
"""How often tiebreak's floor differs from what git's own merge (ort) leaves, on real merges.

    python benchmarks/ort_parity.py REPO... [--max-files 500] [--json FILE]

A merge driver replaces ort's content merge for a file, so what it falls back to should be what git
would have done. For every file that both parents changed, ``git merge-tree --write-tree`` says what
ort leaves; it is compared with

    in-process    tiebreak's line merge (histogram, zealous): solve, replay, merge-file
    merge-file    `git merge-file` as the driver's launcher calls it

Only merges with one merge base and files that kept their path are compared. Nothing is written to
the repositories: git's new objects go to a temporary store.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pygit2
from pygit2.enums import DeltaStatus
from rich.console import Console

import tables
from tiebreak.learn.history import History, Limits, name_of, objects_of, opened
from tiebreak.text.file import is_binary
from tiebreak.text.markers import Labels, Rendered, render
from tiebreak.text.merge3 import merge_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GIT = os.environ.get("TIEBREAK_GIT", "git")
HISTOGRAM_SINCE = (2, 44)  # `git merge-file --diff-algorithm`
LARGE = 1_000_000  # bytes


class Changed(NamedTuple):
    """A file that both parents changed, and how ort merged it."""

    path: str
    base: bytes
    ours: bytes
    theirs: bytes
    labels: Labels
    ort: Rendered


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(arguments)
    found: dict[str, Counter[str]] = {"in-process": Counter(), "merge-file": Counter()}
    for path in options.repositories:
        for number, file in enumerate(_changed(path)):
            if number == options.max_files:
                break
            found["in-process"][compare(file.ort, in_process(file))] += 1
            found["merge-file"][compare(file.ort, merge_file(file))] += 1
    _show(found)
    if options.json:
        options.json.write_text(json.dumps({"git": _version(), **found}, indent=1) + "\n")
    return 0 if found["in-process"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPO")
    parser.add_argument("--max-files", type=int, default=500, help="per repository (default 500)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


def compare(ort: Rendered, floor: Rendered) -> str:
    """How the floor relates to ort's result for one file."""
    if floor.text == ort.text:
        return "identical, in conflict" if ort.conflicts else "identical, clean"
    kinds = {0: "clean", 1: "in conflict"}
    there, here = kinds[min(1, ort.conflicts)], kinds[min(1, floor.conflicts)]
    return f"different: ort {there}, floor {here}"


def in_process(file: Changed) -> Rendered:
    """What tiebreak writes where it resolves nothing."""
    regions = merge_lines(file.base, file.ours, file.theirs, algorithm="histogram")
    return render(regions, labels=file.labels)


def merge_file(file: Changed) -> Rendered:
    """What the launcher puts in place: `driver/tiebreak-driver`, `text_merge`."""
    with tempfile.TemporaryDirectory(prefix="parity-") as scratch:
        names = ["ours", "base", "theirs"]
        for name, text in zip(names, (file.ours, file.base, file.theirs), strict=True):
            Path(scratch, name).write_bytes(text)
        labels = [word for label in file.labels for word in ("-L", label or "")]
        extra = ["--diff-algorithm=histogram"] if _version() >= HISTOGRAM_SINCE else []
        command = [GIT, "merge-file", "-p", "-q", *extra, *labels, *names]
        done = subprocess.run(command, cwd=scratch, capture_output=True, check=False)
    return Rendered(done.stdout, done.returncode)


def _changed(path: Path) -> Iterator[Changed]:
    with opened(path, Limits()) as (history, head), tempfile.TemporaryDirectory() as store:
        repository = pygit2.Repository(str(path))
        environment = {
            **os.environ,
            "GIT_OBJECT_DIRECTORY": store,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects_of(repository).resolve()),
        }
        repository.odb.add_disk_alternate(store)
        for merge in _progress(history, head, name_of(path)):
            yield from _of_merge(repository, merge, environment)


def _progress(history: History, head: pygit2.Oid, name: str) -> Iterator[pygit2.Oid]:
    merges = history.merges(head)
    for done, merge in enumerate(merges):
        if sys.stderr.isatty():
            print(f"\r{name}: merge {done} of {len(merges)}", end="", file=sys.stderr)
        yield merge


def _of_merge(
    repository: pygit2.Repository, merge: pygit2.Oid, environment: Mapping[str, str]
) -> Iterator[Changed]:
    parents = [parent.id for parent in repository[merge].peel(pygit2.Commit).parents]
    base = repository.merge_base(*parents)
    if base is None:
        return
    trees = [repository[oid].peel(pygit2.Tree) for oid in (base, *parents)]
    paths = _edited(trees[0], trees[1]) & _edited(trees[0], trees[2])
    contents = {path: _versions(trees, path) for path in sorted(paths)}
    wanted = {path: texts for path, texts in contents.items() if texts}
    if not wanted or not _only_base(repository, parents):
        return
    result = _ort(repository, parents, environment)
    if result is None:
        return
    merged, unmerged = result
    labels = Labels(str(parents[0]), str(base), str(parents[1]))
    for path, texts in wanted.items():
        if path in merged:
            ort = Rendered(merged[path].peel(pygit2.Blob).data, int(path in unmerged))
            yield Changed(path, texts[0], texts[1], texts[2], labels, ort)


def _only_base(repository: pygit2.Repository, parents: Sequence[pygit2.Oid]) -> bool:
    """Whether there is one merge base: with several, ort merges them first."""
    command = [GIT, "-C", repository.path, "merge-base", "--all", *map(str, parents)]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.count(b"\n") == 1


def _edited(old: pygit2.Tree, new: pygit2.Tree) -> set[str]:
    deltas = old.diff_to_tree(new).deltas
    return {d.new_file.path for d in deltas if d.status == DeltaStatus.MODIFIED}


def _versions(trees: Sequence[pygit2.Tree], path: str) -> list[bytes]:
    """The three texts of a file that both sides changed differently; empty for anything else."""
    blobs = [tree[path] for tree in trees]
    texts = [blob.data for blob in blobs if isinstance(blob, pygit2.Blob)]
    ordinary = len(texts) == len(blobs) and max(map(len, texts)) < LARGE
    if not ordinary or texts[1] == texts[2] or any(map(is_binary, texts)):
        return []
    return texts


def _ort(
    repository: pygit2.Repository, parents: Sequence[pygit2.Oid], environment: Mapping[str, str]
) -> tuple[pygit2.Tree, set[str]] | None:
    """The tree that ort leaves and the paths in conflict; None where git cannot merge at all."""
    command = [GIT, "-C", repository.path, "-c", "merge.conflictStyle=merge"]
    command += ["merge-tree", "--write-tree", "-z", "--no-messages", *map(str, parents)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode > 1:
        print(done.stderr.decode(errors="replace").strip(), file=sys.stderr)
        return None
    tree, *stages = done.stdout.decode(errors="surrogateescape").split("\0")
    found = repository[pygit2.Oid(hex=tree)].peel(pygit2.Tree)
    return found, {stage.partition("\t")[2] for stage in stages}


def _version() -> tuple[int, ...]:
    out = subprocess.run([GIT, "version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in out.split()[2].split(".")[:2])


def _show(found: Mapping[str, Counter[str]]) -> None:
    version = ".".join(map(str, _version()))
    title = f"Files that both sides changed: the floor against ort (git {version})"
    table = tables.blank(title, "outcome", [f"{name} {unit}" for name in found for unit in "n%"])
    for outcome in sorted(set().union(*found.values())):
        cells: list[str] = []
        for counts in found.values():
            cells += [str(counts[outcome]), tables.percent(counts[outcome], counts.total())]
        table.add_row(outcome, *cells)
    Console(width=tables.WIDTH).print(table)


if __name__ == "__main__":
    sys.exit(main())
