"""Folders of checkpoints that a merge or a push touches, and what is wrong with them since.

A folder is looked at as the index or a commit has it: its work-tree files where they are the same,
objects of Git LFS where they lie, and only else copied out of the repository. What is wrong in a
version that it was made from as well is nobody's news, and does not count.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.cli.scratch import scratch
from tiebreak.cli.weights.contents import Contents
from tiebreak.errors import InputError
from tiebreak.git.command import git
from tiebreak.git.commits import files_of
from tiebreak.git.install import CHECKPOINTS
from tiebreak.git.stages import staged_in
from tiebreak.weights.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tiebreak.git.repository import Repository
    from tiebreak.weights.verifying.folder import Finding

_PARTS: Final = (CHECKPOINTS, ".json")
_LISTING: Final = ("ls-tree", "-r", "--name-only", "-z")
_NOTHING: Final = "0"  # what an object name consists of where there is no object


class Touched(NamedTuple):
    """What was made, and from what: commits, or None for the index."""

    result: str | None
    origins: tuple[str, ...]


class Looked(NamedTuple):
    """What is wrong with a folder; `problem` says why it was not looked at."""

    folder: str
    findings: tuple[Finding, ...] = ()
    problem: str = ""


def of_merge(top: str) -> Touched:
    """The merge that is about to be committed: its heads are in the environment (git-merge(1))."""
    named = (name.removeprefix("GITHEAD_") for name in os.environ if name.startswith("GITHEAD_"))
    heads = git("rev-parse", "--verify", "--quiet", "MERGE_HEAD", cwd=top, accept=(0, 1)).line
    return Touched(None, ("HEAD", *sorted(named), *heads.split()))


def of_push(refs: Iterable[str], top: str) -> Iterator[Touched]:
    """The tips that are pushed, by git's lines on standard input (githooks(5), pre-push)."""
    for line in refs:
        words = line.split()
        if len(words) != 4 or not words[1].strip(_NOTHING):  # noqa: PLR2004  (two names each)
            continue
        tip, there = words[1], words[3]
        known = there.strip(_NOTHING) and _is_here(there, top)
        yield Touched(tip, (there,) if known else _boundary(tip, top))


def _boundary(tip: str, top: str) -> tuple[str, ...]:
    """Where what no remote has begins; nothing where that is the whole history."""
    asked = git("rev-list", "--boundary", tip, "--not", "--remotes", cwd=top).line
    return tuple(line[1:] for line in asked.splitlines() if line.startswith("-"))


def _is_here(commit: str, top: str) -> bool:
    return git("cat-file", "-e", f"{commit}^{{commit}}", cwd=top, accept=(0, 1, 128)).status == 0


def look(repository: Repository, touched: Touched) -> list[Looked]:
    """Verify the folders that differ from the first origin."""
    top = repository.top or repository.git_dir
    found = []
    with scratch(repository.git_dir) as temporary:
        for number, folder in enumerate(_folders(touched, top)):
            view = _View(repository, os.path.join(temporary, str(number)), folder)
            found.append(view.look(touched))
    return found


def _folders(touched: Touched, top: str) -> list[str]:
    """Folders of checkpoints with a changed file."""
    of = ("--cached",) if touched.result is None else ()
    result = () if touched.result is None else (touched.result,)
    if touched.origins:
        command = ("diff", *of, "--no-renames", "--name-only", "-z", touched.origins[0], *result)
    else:
        command = _LISTING + result
    changed = git(*command, cwd=top).paths
    listed = ("ls-files", "-z") if touched.result is None else _LISTING + result
    known = {os.path.dirname(p) for p in git(*listed, cwd=top).paths if p.endswith(CHECKPOINTS)}
    return sorted(known & {os.path.dirname(path) for path in changed if path.endswith(_PARTS)})


class _View:
    """One folder, in several versions."""

    def __init__(self, repository: Repository, place: str, folder: str) -> None:
        """`place` is where its folders go."""
        os.mkdir(place)
        self._folder, self._top = folder, repository.top
        self._contents = Contents(repository, place, fetching=False)
        self._index: dict[str, str] = {}
        if self._top is not None:
            self._know_work_tree(self._top)

    def _know_work_tree(self, top: str) -> None:
        """Files that are as the index has them need not be copied."""
        self._index = {
            os.path.basename(c.path): c.ours.oid
            for c in staged_in(self._folder, top)
            if c.ours is not None and c.base is None and c.theirs is None
        }
        pathspec = f":(top,literal){self._folder}" if self._folder else ":(top)"
        dirty = set(git("diff-files", "--name-only", "-z", "--", pathspec, cwd=top).paths)
        for name, oid in self._index.items():
            path = os.path.join(self._folder, name)
            if path not in dirty and os.path.isfile(os.path.join(top, path)):
                self._contents.known(oid, os.path.join(top, path))

    def look(self, touched: Touched) -> Looked:
        """What is wrong with the result and with none of its origins."""
        try:
            found = self._findings("result", self._files(touched.result))
            if not found:
                return Looked(self._folder)
            before: set[str] = set()
            for number, origin in enumerate(touched.origins):
                before |= set(map(str, self._findings(str(number), self._files(origin))))
        except InputError as error:
            return Looked(self._folder, (), str(error))
        return Looked(self._folder, tuple(f for f in found if str(f) not in before))

    def _files(self, commit: str | None) -> dict[str, str]:
        if commit is None:
            return self._index
        top = self._top or self._contents.top
        return {name: file.oid for name, file in files_of(commit, self._folder, top).items()}

    def _findings(self, name: str, files: dict[str, str]) -> Sequence[Finding]:
        parts = {file: oid for file, oid in files.items() if file.endswith(_PARTS)}
        if not any(file.endswith(CHECKPOINTS) for file in parts):
            return ()
        self._contents.check_room(parts.values())
        return verify(self._contents.folder(name, parts))
