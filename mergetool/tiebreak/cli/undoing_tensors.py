"""What `tiebreak undo` does for a checkpoint: ours in the work tree, all three in the index.

Nothing is read into memory and nothing was stored with the entry: the versions are git's own blobs
(LFS pointers, mostly), and git writes the work-tree file itself, through whatever filter it has.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tiebreak.git.command import git
from tiebreak.git.stages import EXECUTABLE, REGULAR, Unmerged, Version, unmerged, unstage
from tiebreak.git.worktree import repository_form

if TYPE_CHECKING:
    from tiebreak.git.repository import Repository
    from tiebreak.journal import Entry, Term


def refusal(entry: Entry, top: str) -> str:
    """Why it cannot be undone at all, in words; empty when it can."""
    if entry.result == entry.floor:
        return "nothing was written: ours was kept, in conflict"
    for side, term in (("ours", entry.ours), ("theirs", entry.theirs)):
        if not _exists(term, top):
            return f"git does not have {side} any more (blob {term.digest[:12]})"
    return ""


def changed(entry: Entry, staged: Version | None, top: str) -> str:
    """What was changed since the result was written, in words; empty when nothing was."""
    if repository_form(entry.path, top) != entry.result.digest:
        return "was changed"
    if staged is not None and staged.oid != entry.result.digest:
        return "was staged with other contents"
    return ""


def save(entry: Entry, repository: Repository, top: str) -> tuple[str, ...]:
    """Keep a copy of the file that is about to be replaced."""
    file = os.path.join(top, entry.path)
    if not os.path.isfile(file):
        return ()
    folder = os.path.join(repository.common_dir, "tiebreak", "saved")
    os.makedirs(folder, exist_ok=True)
    name = os.path.join(folder, os.path.basename(entry.path))
    copy, number = name, 0
    while os.path.lexists(copy):
        number += 1
        copy = f"{name}.{number}"
    shutil.copyfile(file, copy)
    return (copy,)


def put_back(entry: Entry, staged: Version | None, top: str) -> None:
    """The index first, then the file, from the index."""
    if not unmerged(top, [f":(top,literal){entry.path}"]):
        runs = os.access(os.path.join(top, entry.path), os.X_OK)
        mode = staged.mode if staged is not None else (EXECUTABLE if runs else REGULAR)
        base = Version(mode, entry.base.digest) if _is_version(entry.base, top) else None
        sides = [Version(mode, term.digest) for term in (entry.ours, entry.theirs)]
        unstage([Unmerged(entry.path, base, *sides)], top)
    git("--literal-pathspecs", "checkout", "--ours", "--", entry.path, cwd=top)


def _is_version(base: Term, top: str) -> bool:
    """A driver gets an empty file where there is no base, and may get one that git did not keep."""
    return base.size > 0 and _exists(base, top)


def _exists(term: Term, top: str) -> bool:
    return git("cat-file", "-e", term.digest, cwd=top, accept=(0, 1, 128)).status == 0
