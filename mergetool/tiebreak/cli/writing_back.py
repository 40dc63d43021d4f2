"""Puts the result of a merge of checkpoints into the index and the work tree.

Everything is recorded before the first file is touched, and each entry names what was there by
git's own blobs, so that `tiebreak undo` finds it. A file is written by git from the index, through
whatever filter it has.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.cli.limits import unlimited
from tiebreak.cli.scratch import scratch
from tiebreak.cli.tensor_entries import ABSENT, Terms, tensor_entry
from tiebreak.errors import InputError
from tiebreak.git.stages import (
    REGULAR,
    Version,
    blob_of,
    check_out,
    object_sizes,
    stage_blobs,
)
from tiebreak.git.worktree import beyond_link, read_file, repository_form, write_blob_out
from tiebreak.journal import TENSORS, Term, entry_key
from tiebreak.text.markers import has_markers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.git.repository import Repository
    from tiebreak.git.stages import Unmerged
    from tiebreak.journal import Decision, Entry, Journal
    from tiebreak.weights.lfs import Store


class State(NamedTuple):
    """A path as git left it: its versions, by blob, and what is in the work tree.

    A path that is not unmerged has only `ours`. `floor` is "" where there is no file, and None for
    a text with git's markers, which is no version.
    """

    path: str
    base: str
    ours: str
    theirs: str
    floor: str | None

    @staticmethod
    def of(conflict: Unmerged) -> State:
        """What git leaves of a conflict: ours, or theirs where only they have it."""
        base, ours, theirs = (
            "" if version is None else version.oid
            for version in (conflict.base, conflict.ours, conflict.theirs)
        )
        marked = conflict.path.endswith(".json") and base + theirs
        return State(conflict.path, base, ours, theirs, None if marked else ours or theirs)

    def holds(self, oid: str) -> bool:
        """Whether git merged the path, and to this blob."""
        return not self.base and not self.theirs and self.floor == oid

    @property
    def key(self) -> str:
        """The name of its journal entry."""
        return entry_key(TENSORS, self.path, self.base, self.ours, self.theirs)


class Change(NamedTuple):
    """A file to be written (`file` has its content) or to be removed (None).

    `oid` is the blob, where it is known already; else `pointer` says that the content goes to the
    store of LFS. `mode` is None for a file that was not there.
    """

    state: State
    file: str | None
    decisions: tuple[Decision, ...]
    pointer: bool = False
    oid: str | None = None
    mode: str | None = None


def changed_since(state: State, top: str) -> str:
    """Why a path is not as git left it, in words; empty when it is."""
    if beyond_link(state.path, top):
        return "a folder on the way to it is a symbolic link"
    found = repository_form(state.path, top)
    if state.floor is None:
        text = read_file(os.path.join(top, state.path)) or b""
        known = found in {state.base, state.ours, state.theirs} or has_markers(text, 7)
        return "" if known else "edited since the merge"
    if (found or "") != state.floor:
        return "not in the work tree" if found is None else "changed since the merge"
    return ""


class Writer(NamedTuple):
    """Records and writes changes."""

    repository: Repository
    journal: Journal
    store: Store

    def write(self, changes: Sequence[Change], *, stage: bool) -> list[Entry]:
        """With `stage` the paths are merged then, else they stay as they were in the index."""
        top = self.repository.top or ""
        unlimited()
        blobs = {change.state.path: _blob(change, self.store, top) for change in changes}
        changes = [c for c in changes if not c.state.holds(blobs[c.state.path])]
        entries = [_entry(change, blobs[change.state.path], top) for change in changes]
        for entry in entries:
            self.journal.record(entry, {})
        if stage:
            stage_blobs(((c.state.path, _version(c, blobs[c.state.path])) for c in changes), top)
            check_out([change.state.path for change in changes if change.file is not None], top)
        else:
            self._write_out(changes, blobs, top)
        for change in changes:
            if change.file is None:
                _remove(os.path.join(top, change.state.path))
        return entries

    def _write_out(self, changes: Sequence[Change], blobs: Mapping[str, str], top: str) -> None:
        with scratch(self.repository.git_dir) as folder:
            for change in changes:
                path = change.state.path
                if blobs[path]:
                    write_blob_out(path, blobs[path], top, folder)


def _blob(change: Change, store: Store, top: str) -> str:
    """The blob of a change's result, stored; "" for a file that goes."""
    if change.file is None:
        return ""
    if change.oid is not None:
        return change.oid
    if not change.pointer:
        return blob_of(change.file, top)
    pointer = store.store_file(change.file, move=True)
    with open(change.file, "xb") as file:
        file.write(pointer.text)
    return blob_of(change.file, top)


def _version(change: Change, oid: str) -> Version | None:
    return None if change.file is None else Version(change.mode or REGULAR, oid)


def _entry(change: Change, oid: str, top: str) -> Entry:
    state = change.state
    floor = state.floor if state.floor is not None else _as_it_is(state, top)
    names = (state.base, state.ours, state.theirs, floor, oid)
    sizes = object_sizes(sorted({name for name in names if name}), top)
    terms = [Term(name, sizes.get(name, 0)) if name else ABSENT for name in names]
    return tensor_entry(state.path, Terms(*terms), change.decisions, "solve")


def _as_it_is(state: State, top: str) -> str:
    """Keep a text with markers as a blob, for undoing."""
    file = os.path.join(top, state.path)
    return blob_of(file, top) if os.path.isfile(file) else ""


def _remove(file: str) -> None:
    try:
        os.unlink(file)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{file}: cannot be removed: {error.strerror}") from error
