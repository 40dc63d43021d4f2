"""What `tiebreak undo` does for a checkpoint: ours in the work tree, all three in the index.

Nothing is read into memory and nothing was stored with the entry: the versions are git's own blobs
(LFS pointers, mostly), and git writes the work-tree file itself, through whatever filter it has.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tiebreak.cli.scratch import scratch
from tiebreak.git.command import git
from tiebreak.git.stages import (
    EXECUTABLE,
    REGULAR,
    Unmerged,
    Version,
    stage_blobs,
    unmerged,
    unstage,
)
from tiebreak.git.worktree import repository_form, write_blob_out

if TYPE_CHECKING:
    from tiebreak.git.repository import Repository
    from tiebreak.journal import Entry, Term


def refusal(entry: Entry, top: str) -> str:
    """Why it cannot be undone at all, in words; empty when it can."""
    if entry.result == entry.floor and not entry.resolved:
        return "nothing was written: ours was kept, in conflict"
    wanted = {"ours": entry.ours, "theirs": entry.theirs, "what was there": entry.floor}
    for what, term in wanted.items():
        if term.digest and not _exists(term, top):
            return f"git does not have {what} any more (blob {term.digest[:12]})"
    return ""


def changed(entry: Entry, staged: Version | None, top: str) -> str:
    """What was changed since the result was written, in words; empty when nothing was."""
    if (repository_form(entry.path, top) or "") != entry.result.digest:
        return "was changed"
    if staged is not None and staged.oid != entry.result.digest and not _was_merged(entry):
        return "was staged with other contents"
    return ""


def _was_merged(entry: Entry) -> bool:
    """Whether the path was not in conflict: git had merged it before it was corrected."""
    return not entry.base.digest and not entry.theirs.digest


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


def put_back(entry: Entry, staged: Version | None, repository: Repository, top: str) -> None:
    """The index first, then the file."""
    runs = os.access(os.path.join(top, entry.path), os.X_OK)
    mode = staged.mode if staged is not None else (EXECUTABLE if runs else REGULAR)
    ours, theirs = (
        Version(mode, term.digest) if term.digest else None for term in (entry.ours, entry.theirs)
    )
    base = Version(mode, entry.base.digest) if _is_version(entry.base, top) else None
    if _was_merged(entry):
        stage_blobs([(entry.path, ours)], top)
    elif not unmerged(top, [f":(top,literal){entry.path}"]):
        unstage([Unmerged(entry.path, base, ours, theirs)], top)
    if entry.floor.digest:
        with scratch(repository.git_dir) as folder:
            write_blob_out(entry.path, entry.floor.digest, top, folder)
    elif os.path.lexists(os.path.join(top, entry.path)):
        os.unlink(os.path.join(top, entry.path))


def _is_version(base: Term, top: str) -> bool:
    """A driver gets an empty file where there is no base, and may get one that git did not keep."""
    return base.size > 0 and _exists(base, top)


def _exists(term: Term, top: str) -> bool:
    return git("cat-file", "-e", term.digest, cwd=top, accept=(0, 1, 128)).status == 0
