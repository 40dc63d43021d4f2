"""A merge as it was made, or is being made: the files that both sides changed, in four versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tiebreak.errors import InputError
from tiebreak.git.command import git
from tiebreak.git.stages import read_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

PARENTS = 2  # of a merge that can be looked at


class Commits(NamedTuple):
    """What was merged. `merged` names the result for ``git cat-file``: a commit, or the index."""

    base: str
    ours: str
    theirs: str
    merged: str


class MergedFile(NamedTuple):
    """A file that both sides changed, and what became of it."""

    path: str
    base: bytes
    ours: bytes
    theirs: bytes
    merged: bytes


def commits_of(commit: str | None, cwd: str) -> Commits:
    """The merge `commit`; without one the merge that is under way, else that at ``HEAD``."""
    head = git("rev-parse", "-q", "--verify", "MERGE_HEAD", cwd=cwd, accept=(0, 1, 128))
    if commit is None and head.status == 0:
        return Commits(_base("HEAD", head.line, cwd), "HEAD", head.line, "")
    name = commit or "HEAD"
    found = git("rev-list", "--parents", "-n", "1", name, "--", cwd=cwd).line.split()
    if len(found) != PARENTS + 1:
        raise InputError(f"{name} is no merge of two commits, and no merge is under way")
    merged, ours, theirs = found
    return Commits(_base(ours, theirs, cwd), ours, theirs, merged)


def _base(ours: str, theirs: str, cwd: str) -> str:
    found = git("merge-base", ours, theirs, cwd=cwd, accept=(0, 1)).line
    if not found:
        raise InputError(f"{ours} and {theirs} have no common history")
    return found


def merged_files(commits: Commits, cwd: str) -> Iterator[MergedFile]:
    """The files that both sides changed and that are there in all versions."""
    mine, other = (
        set(git("diff", "--name-only", "--no-renames", "-z", commits.base, side, cwd=cwd).paths)
        for side in (commits.ours, commits.theirs)
    )
    paths = sorted(path for path in mine & other if "\n" not in path)
    names = [f"{version}:{path}" for path in paths for version in commits]
    contents = read_objects(names, cwd)
    for index, path in enumerate(paths):
        four = [text for text in contents[4 * index : 4 * index + 4] if text is not None]
        if len(four) == len(commits):
            yield MergedFile(path, *four)
