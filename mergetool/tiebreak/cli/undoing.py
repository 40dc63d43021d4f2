"""What `tiebreak undo` does: put git's own conflict back, in the index and in the work tree.

The same before and after the merge was committed: stages 1 to 3 in the index, and in the work tree
the file with the markers that git alone would have written. The automatic result stays recorded.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.cli import undoing_tensors
from tiebreak.errors import InputError
from tiebreak.git.command import git
from tiebreak.git.stages import (
    EXECUTABLE,
    REGULAR,
    Unmerged,
    Version,
    unmerged,
    unstage,
    write_blob,
)
from tiebreak.git.worktree import (
    beyond_link,
    read_file,
    repository_form,
    work_tree_form,
    writable,
    write_file,
)
from tiebreak.journal import TENSORS, TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.git.repository import Repository
    from tiebreak.journal import Entry, Journal, Texts


class Undone(NamedTuple):
    """One file's outcome: `refused` says why nothing was done, `saved` where copies went."""

    path: str
    refused: str = ""
    saved: tuple[str, ...] = ()


def latest(entries: Sequence[Entry]) -> list[Entry]:
    """Of every path the most recent entry that still stands, else its most recent one."""
    by_path: dict[str, Entry] = {}
    for entry in entries:
        known = by_path.get(entry.path)
        if known is None or (known.undone and not entry.undone):
            by_path[entry.path] = entry
    return list(by_path.values())


def undo(entry: Entry, journal: Journal, repository: Repository, *, force: bool) -> Undone:
    """Take one resolution back; with `force` also where the file was changed, keeping copies."""
    top = repository.top
    if top is None:
        msg = "this repository is bare; there is no work tree to put a conflict into"
        raise InputError(msg)
    if entry.kind not in {TEXT, TENSORS}:
        return Undone(entry.path, f"it is of kind {entry.kind!r}, which cannot be undone yet")
    if beyond_link(entry.path, top):
        return Undone(entry.path, "a folder on the way to it is a symbolic link")
    if entry.undone and not force:
        return Undone(entry.path, "was undone already; --force does it again")
    if entry.kind == TENSORS:
        return _undo_tensors(entry, journal, repository, top, force=force)
    texts = journal.texts(entry)
    current = read_file(os.path.join(top, entry.path))
    changed = _changed(entry.path, texts, top)
    if changed and not force:
        return Undone(entry.path, _SINCE.format(changed))
    journal.writable()
    saved = _save(entry, current, repository, top) if changed else ()
    _put_back(entry.path, texts, current, top)
    journal.mark_undone(entry)
    return Undone(entry.path, "", saved)


_SINCE: Final = "{} since; --force keeps a copy and undoes it"


def _undo_tensors(
    entry: Entry, journal: Journal, repository: Repository, top: str, *, force: bool
) -> Undone:
    refused = undoing_tensors.refusal(entry, top)
    if refused:
        return Undone(entry.path, refused)
    staged = _staged(entry.path, top)
    changed = undoing_tensors.changed(entry, staged, top)
    if changed and not force:
        return Undone(entry.path, _SINCE.format(changed))
    journal.writable()
    saved = undoing_tensors.save(entry, repository, top) if changed else ()
    undoing_tensors.put_back(entry, staged, repository, top)
    journal.mark_undone(entry)
    return Undone(entry.path, "", saved)


def _changed(path: str, texts: Texts, top: str) -> str:
    """What was changed since the result was written, in words; empty when nothing was."""
    expected = git("hash-object", "--stdin", cwd=top, stdin=texts.result).line
    if repository_form(path, top) != expected:
        return "was changed"
    staged = _staged(path, top)
    if staged is not None and staged.oid != expected:
        return "was staged with other contents"
    return ""


def _staged(path: str, top: str) -> Version | None:
    """The path's entry in the index; None when it is not there or unmerged."""
    listed = git("--literal-pathspecs", "ls-files", "-s", "-z", "--", path, cwd=top).paths
    for record in listed:
        mode, oid, stage = record.partition("\t")[0].split(" ")
        if stage == "0":
            return Version(mode, oid)
    return None


def _save(entry: Entry, current: bytes | None, repository: Repository, top: str) -> tuple[str, ...]:
    """Keep what is about to be replaced: the file, and what is staged if that is something else."""
    copies = {} if current is None else {"": current}
    staged = _staged(entry.path, top)
    if staged is not None and staged.oid != repository_form(entry.path, top):
        copies[".staged"] = git("cat-file", "blob", staged.oid, cwd=top).out
    folder = os.path.join(repository.common_dir, "tiebreak", "saved")
    os.makedirs(folder, exist_ok=True)
    return tuple(
        _new_file(folder, os.path.basename(entry.path) + suffix, content)
        for suffix, content in copies.items()
    )


def _new_file(folder: str, name: str, content: bytes) -> str:
    """Write a file under the first of ``name``, ``name.1``, ``name.2`` … that is free."""
    number = 0
    while True:
        path = os.path.join(folder, f"{name}.{number}" if number else name)
        try:
            with open(path, "xb") as file:
                file.write(content)
        except FileExistsError:
            number += 1
        else:
            return path


def _put_back(path: str, texts: Texts, current: bytes | None, top: str) -> None:
    """The index first: an unmerged path cannot be committed with markers by mistake.

    Where the file cannot be written neither is touched.
    """
    target = os.path.join(top, path)
    writable(target)
    if not unmerged(top, [f":(top,literal){path}"]):
        unstage([_conflict(path, texts, top)], top)
    floor = write_blob(texts.floor, top)
    write_file(target, work_tree_form(path, floor, top), instead_of=current)


def _conflict(path: str, texts: Texts, top: str) -> Unmerged:
    """The three stages. A driver is not told whether an empty base was a file: taken for none."""
    staged = _staged(path, top)
    runs = os.access(os.path.join(top, path), os.X_OK)
    mode = staged.mode if staged is not None else (EXECUTABLE if runs else REGULAR)
    versions = [
        Version(mode, write_blob(text, top)) for text in (texts.base, texts.ours, texts.theirs)
    ]
    return Unmerged(path, versions[0] if texts.base else None, versions[1], versions[2])
