"""The index of an unfinished merge: what is unmerged, its versions, and how to write both back.

Everything is read in two processes however many files there are: ``git ls-files -u`` and one
``git cat-file --batch``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import GitError
from tiebreak.git.command import git

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tiebreak.git.command import Output

EXECUTABLE: Final = "100755"
REGULAR: Final = "100644"
_TEXT_MODES: Final = (REGULAR, EXECUTABLE)
_KINDS: Final = {"120000": "a symbolic link", "160000": "a submodule"}


class Version(NamedTuple):
    """One stage of a path: its mode and its blob."""

    mode: str
    oid: str


class Unmerged(NamedTuple):
    """An unmerged path, relative to the top of the work tree, and its stages 1, 2 and 3."""

    path: str
    base: Version | None
    ours: Version | None
    theirs: Version | None

    @property
    def obstacle(self) -> str | None:
        """Why this is no conflict of two texts, in words; None when it is one."""
        if self.ours is None or self.theirs is None:
            return self._one_sided()
        for version in (self.ours, self.theirs, self.base):
            if version is not None and version.mode not in _TEXT_MODES:
                return f"{_KINDS.get(version.mode, 'not a file')} in one of the versions"
        return None

    def _one_sided(self) -> str:
        if self.base is None:
            return f"added by {'them' if self.ours is None else 'us'} only (a rename, or a folder)"
        if self.ours is None and self.theirs is None:
            return "deleted by both"
        who = ("us", "them") if self.ours is None else ("them", "us")
        return f"deleted by {who[0]}, changed by {who[1]}"

    @property
    def disagrees_on_mode(self) -> bool:
        """Whether the sides want different modes and neither is the base's: git cannot choose."""
        ours, theirs = self.ours, self.theirs
        if ours is None or theirs is None or ours.mode == theirs.mode:
            return False
        return self.base is None or self.base.mode not in {ours.mode, theirs.mode}


def merged_mode(conflict: Unmerged) -> str:
    """The mode of a result: of the side that changed it, else ours."""
    base, ours, theirs = conflict.base, conflict.ours, conflict.theirs
    if ours is None or theirs is None:
        side = ours or theirs or base
        return side.mode if side is not None else REGULAR
    return theirs.mode if base is not None and base.mode == ours.mode else ours.mode


def unmerged(cwd: str, pathspecs: Sequence[str] = ()) -> list[Unmerged]:
    """The unmerged paths below `cwd`, or those that match `pathspecs`, in the index's order."""
    return _staged(git("ls-files", "-u", "-z", "--full-name", "--", *pathspecs, cwd=cwd))


def settled(cwd: str) -> list[Unmerged]:
    """The paths that were in conflict and were added since, as they were before."""
    return _staged(git("ls-files", "--resolve-undo", "-z", "--full-name", cwd=cwd))


def _staged(listed: Output) -> list[Unmerged]:
    stages: dict[str, dict[str, Version]] = {}
    for record in listed.paths:
        facts, _, path = record.partition("\t")
        mode, oid, stage = facts.split(" ")
        stages.setdefault(path, {})[stage] = Version(mode, oid)
    return [
        Unmerged(path, found.get("1"), found.get("2"), found.get("3"))
        for path, found in stages.items()
    ]


def object_sizes(names: Sequence[str], cwd: str) -> dict[str, int]:
    """The sizes of objects, in one process; what is missing is left out."""
    if not names:
        return {}
    asked = "".join(f"{name}\n" for name in names).encode()
    check = "--batch-check=%(objectname) %(objectsize)"
    answers = git("cat-file", check, cwd=cwd, stdin=asked).line.splitlines()
    found = (answer.split(" ") for answer in answers)
    return {name: int(size) for name, size in found if size.isdigit()}


def read_objects(names: Sequence[str], cwd: str) -> list[bytes | None]:
    """The contents of objects, by anything that names one, in order; None for what is missing."""
    if not names:
        return []
    asked = "".join(f"{name}\n" for name in names)
    answer = git("cat-file", "--batch", cwd=cwd, stdin=os.fsencode(asked)).out
    contents: list[bytes | None] = []
    at = 0
    for name in names:
        end = answer.index(b"\n", at)
        header = answer[at:end].split(b" ")
        at = end + 1
        if header[-1] == b"missing":
            contents.append(None)
            continue
        if len(header) < 3 or not header[-1].isdigit():  # noqa: PLR2004  (object, type, size)
            msg = f"git cat-file: {os.fsdecode(answer[:end])} for {name}"
            raise GitError(msg)
        size = int(header[-1])
        contents.append(answer[at : at + size])
        at += size + 1
    return contents


def staged_in(folder: str, top: str) -> list[Unmerged]:
    """What the index has directly in a folder: merged files as ours alone, at stage 2."""
    listed = git("--literal-pathspecs", "ls-files", "-s", "-z", "--", folder or ".", cwd=top).paths
    stages: dict[str, dict[str, Version]] = {}
    for record in listed:
        facts, _, path = record.partition("\t")
        mode, oid, number = facts.split(" ")
        if os.path.dirname(path) == folder:
            stages.setdefault(path, {})["2" if number == "0" else number] = Version(mode, oid)
    return [
        Unmerged(path, found.get("1"), found.get("2"), found.get("3"))
        for path, found in stages.items()
    ]


def stage_blobs(blobs: Iterable[tuple[str, Version | None]], top: str) -> None:
    """Put blobs into the index as merged, in one step; None takes a path out of it."""
    blank = b"0" * len(write_blob(b"", top))
    lines = []
    for path, version in blobs:
        lines.append(b"0 %s 0\t%s\0" % (blank, os.fsencode(path)))
        if version is not None:
            facts = f"{version.mode} {version.oid} 0".encode()
            lines.append(facts + b"\t" + os.fsencode(path) + b"\0")
    if lines:
        git("update-index", "-z", "--index-info", cwd=top, stdin=b"".join(lines))


def check_out(paths: Iterable[str], top: str) -> None:
    """Write files as the index has them, in place of what is there, as ``git checkout`` does."""
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    if names:
        git("checkout-index", "-f", "-u", "-z", "--stdin", cwd=top, stdin=names)


def blob_of(file: str, top: str) -> str:
    """Store a file as a blob, as it is: no filter sees it. Gives the object's name."""
    return git("hash-object", "-w", "--no-filters", "--", os.path.abspath(file), cwd=top).line


def committed_files(folder: str, ending: str, cwd: str) -> list[tuple[str, bytes]]:
    """The files below a folder of ``HEAD`` whose names end so; none before the first commit."""
    listed = git("ls-tree", "-r", "-z", "--name-only", "HEAD", folder, cwd=cwd, accept=(0, 128))
    names = [name for name in listed.paths if name.endswith(ending) and "\n" not in name]
    contents = read_objects([f"HEAD:{name}" for name in names], cwd)
    return [(n, text) for n, text in zip(names, contents, strict=True) if text is not None]


def stage(paths: Iterable[str], top: str) -> None:
    """``git add`` for paths that are in the index already: one process, names and no patterns."""
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    if names:
        git("update-index", "-z", "--stdin", cwd=top, stdin=names)


def unstage(conflicts: Iterable[Unmerged], top: str) -> None:
    """Put conflicts into the index: stages 1 to 3 in place of whatever is there for their paths."""
    records = b"".join(_index_info(conflict) for conflict in conflicts)
    if records:
        git("update-index", "-z", "--index-info", cwd=top, stdin=records)


def _index_info(conflict: Unmerged) -> bytes:
    versions = enumerate((conflict.base, conflict.ours, conflict.theirs), start=1)
    present = [(number, version) for number, version in versions if version is not None]
    blank = "0" * len(present[0][1].oid)
    lines = [f"0 {blank} 0", *(f"{v.mode} {v.oid} {number}" for number, v in present)]
    path = os.fsencode(conflict.path)
    return b"".join(line.encode() + b"\t" + path + b"\0" for line in lines)


def write_blob(content: bytes, cwd: str) -> str:
    """Store bytes as they are and give the object's name."""
    return git("hash-object", "-w", "--stdin", cwd=cwd, stdin=content).line
