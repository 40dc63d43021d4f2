"""The merges of a repository, and the files in conflict, replayed in memory by libgit2.

The repository is only read: libgit2 writes what it merges on the way (virtual merge bases, cleanly
merged files) into a temporary object store that borrows the repository's objects. Attributes and
configuration of the repository are not used. Recursion over several merge bases is libgit2's.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pygit2
from pygit2.enums import DeltaStatus, FileMode, SortMode

from tiebreak.git.lineage import Lineages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pygit2 import IndexEntry

    from tiebreak.lineage import Lineage

Entries = tuple["IndexEntry | None", "IndexEntry | None", "IndexEntry | None"]
REGULAR = {FileMode.BLOB, FileMode.BLOB_EXECUTABLE}
TWO = 2  # parents of an ordinary merge; octopus merges never leave conflicts
MANY = 20  # files of a commit: renamed, reformatted, generated
BINARY_PROBE = 8000  # bytes that git looks at for a NUL


class Limits(NamedTuple):
    """What is left out, so that no merge or file dominates."""

    since: int = 0  # seconds since 1970: older merges are left out
    max_merges: int = 0  # of a repository; 0: all
    max_file: int = 1_000_000  # bytes of the largest version
    only: frozenset[str] = frozenset()  # ids of the merges to replay; empty: all


class ConflictedFile(NamedTuple):
    """The three versions of a file in conflict, and what the people committed."""

    path: str
    base: bytes
    ours: bytes
    theirs: bytes
    committed: bytes
    lineage: Callable[[], Lineage | None] = lambda: None

    @property
    def whole(self) -> str:
        """The parent whose file was committed as it is: ``ours``, ``theirs``, or empty."""
        if self.committed == self.ours:
            return "ours"
        return "theirs" if self.committed == self.theirs else ""


class Change(NamedTuple):
    """What a commit made of a file; `older` is what its parent found, if that changed it."""

    path: str
    older: bytes | None
    before: bytes
    after: bytes


class History:
    """A repository opened for replay. `skipped` counts what is left out, by reason."""

    def __init__(self, repository: pygit2.Repository, limits: Limits, path: Path) -> None:
        """Take an opened repository that borrows from the one at `path`: see `opened`."""
        self._repository = repository
        self._path = str(path)
        self._limits = limits
        self.skipped: Counter[str] = Counter()

    def merges(self, head: pygit2.Oid) -> list[pygit2.Oid]:
        """The two-parent merges behind `head`, in the order of their ids.

        That order is random but for every run the same, so that a cap takes a fair sample.
        """
        return self._with_parents(TWO, head)

    def ordinary(self, head: pygit2.Oid) -> list[pygit2.Oid]:
        """The commits with one parent, in the same way."""
        return self._with_parents(1, head)

    def _with_parents(self, number: int, head: pygit2.Oid) -> list[pygit2.Oid]:
        walker = self._repository.walk(head, SortMode.TIME)
        found = sorted(
            str(commit.id)
            for commit in walker
            if len(commit.parent_ids) == number and commit.commit_time >= self._limits.since
        )
        if self._limits.only:
            found = [name for name in found if name in self._limits.only]
        return [pygit2.Oid(hex=name) for name in found[: self._limits.max_merges or None]]

    def time(self, merge: pygit2.Oid) -> int:
        """When a merge was committed, in seconds since 1970."""
        return self._commit(merge).commit_time

    def author(self, merge: pygit2.Oid) -> str:
        """Who made a merge."""
        return str(self._commit(merge).author.name)

    def changes(self, ordinary: pygit2.Oid) -> Iterator[Change]:
        """What a commit with one parent made of the files that both have; of few, or of none."""
        commit = self._commit(ordinary)
        (parent,) = commit.parents
        older = parent.parents[0].tree if len(parent.parent_ids) == 1 else None
        deltas = list(parent.tree.diff_to_tree(commit.tree).deltas)
        if len(deltas) > MANY:
            self.skipped["commits of many files"] += 1
            return
        for delta in deltas:
            if delta.status == DeltaStatus.MODIFIED and delta.new_file.mode in REGULAR:
                path = delta.new_file.path
                before, after = (_blob(tree, path) for tree in (parent.tree, commit.tree))
                if before and after and b"\0" not in before[:BINARY_PROBE]:
                    first = None if older is None else _blob(older, path)
                    yield Change(path, None if first == before else first, before, after)

    def conflicts(self, merge: pygit2.Oid) -> Iterator[ConflictedFile]:
        """The files in conflict of one merge that people then settled by editing."""
        commit = self._commit(merge)
        ours, theirs = commit.parents
        try:
            index = self._repository.merge_commits(ours, theirs)
        except pygit2.GitError:
            self.skipped["merges libgit2 cannot replay"] += 1
            return
        if index.conflicts is None:
            return
        if commit.tree_id in {ours.tree_id, theirs.tree_id}:
            # `git merge -s ours` and its like: no merge driver would have been asked.
            self.skipped["merges that took one parent's whole tree"] += 1
            return
        conflicts = sorted(index.conflicts, key=_path)
        paths = [_path(entries) for entries in conflicts]
        lineages = Lineages(str(ours.id), str(theirs.id), paths, self._path)
        for entries in conflicts:
            found = self._file(entries, commit.tree)
            if isinstance(found, str):
                self.skipped[found] += 1
            else:
                tips = [str(entry.id) for entry in entries[1:] if entry is not None]
                yield found._replace(lineage=partial(lineages.of, found.path, *tips))

    def _commit(self, oid: pygit2.Oid) -> pygit2.Commit:
        commit = self._repository[oid]
        assert isinstance(commit, pygit2.Commit)  # noqa: S101  (for the type checker)
        return commit

    def _file(self, entries: Entries, tree: pygit2.Tree) -> ConflictedFile | str:
        """The file behind a conflict's index entries, or why it is left out."""
        _, ours, theirs = entries
        if ours is None or theirs is None:
            return "files removed or renamed on one side"
        if not {entry.mode for entry in entries if entry is not None} <= REGULAR:
            return "files that are links or submodules"
        committed = self._committed(entries, tree)
        if committed is None:
            return "files that the merge removed or moved"
        versions = [b"" if entry is None else self._read(entry.id) for entry in entries]
        if max(map(len, [*versions, committed])) > self._limits.max_file:
            return "files too large"
        if any(b"\0" in version[:BINARY_PROBE] for version in versions):
            return "binary files"
        return ConflictedFile(str(ours.path), versions[0], versions[1], versions[2], committed)

    def _read(self, oid: pygit2.Oid) -> bytes:
        blob = self._repository[oid]
        assert isinstance(blob, pygit2.Blob)  # noqa: S101  (a regular file's entry)
        return blob.data

    def _committed(self, entries: Entries, tree: pygit2.Tree) -> bytes | None:
        for entry in (entries[1], entries[2]):
            if entry is not None and str(entry.path) in tree:
                return _blob(tree, str(entry.path))
        return None


def _blob(tree: pygit2.Tree, path: str) -> bytes | None:
    try:
        found = tree[path]
    except KeyError:
        return None
    return found.data if isinstance(found, pygit2.Blob) else None


def _path(entries: Entries) -> str:
    return next(str(entry.path) for entry in entries if entry is not None)


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[tuple[History, pygit2.Oid]]:
    """The history of the repository at `path` (bare or not) and the commit at its HEAD."""
    source = pygit2.Repository(str(path))
    with tempfile.TemporaryDirectory(prefix="replay-") as scratch:
        borrowing = pygit2.init_repository(scratch, bare=True)
        borrowing.odb.add_disk_alternate(str(objects_of(source)))
        yield History(borrowing, limits, path), source.head.peel(pygit2.Commit).id


def objects_of(repository: pygit2.Repository) -> Path:
    """The object store of a repository; a linked worktree's is its main repository's."""
    git = Path(repository.path)
    common = git / "commondir"
    if common.exists():
        git = (git / common.read_text(encoding="utf-8").strip()).resolve()
    return git / "objects"


def name_of(path: Path) -> str:
    """The name a repository goes by: its directory, less ``.git``; ``owner+name`` is owner/name."""
    parts = [part for part in path.resolve().parts if part not in {".git", "repo"}]
    return parts[-1].removesuffix(".git").replace("+", "/")
