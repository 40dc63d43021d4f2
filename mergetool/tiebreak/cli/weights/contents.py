"""Blobs of the repository as files: copied out once each, LFS objects where they lie."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.git.blobs import save
from tiebreak.git.command import git
from tiebreak.git.spawn import fetch_lfs
from tiebreak.git.stages import object_sizes
from tiebreak.weights.lfs import LONGEST_POINTER, Store, parse_pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tiebreak.git.repository import Repository
    from tiebreak.weights.lfs import Pointer

SPARE: Final = 64 << 20  # bytes that a disk is to have beyond what is copied


class Content(NamedTuple):
    """A blob's content: a file, and the pointer if it is an object of Git LFS."""

    path: str
    pointer: Pointer | None


class Contents:
    """The blobs that one command needs. `folder` is temporary, and the caller's."""

    def __init__(self, repository: Repository, folder: str, *, fetching: bool = True) -> None:
        """Nothing is copied yet. Without `fetching`, LFS objects that are not here stay there."""
        self.store = lfs_store(repository)
        self.top = repository.top or repository.git_dir
        self._folder, self._fetching = folder, fetching
        self._files: dict[str, str] = {}
        self._found: dict[str, Content] = {}

    def known(self, oid: str, path: str) -> None:
        """A file that has the content of a blob already."""
        self._files.setdefault(oid, path)

    def check_room(self, oids: Iterable[str]) -> None:
        """Raise `InputError` when the blobs do not fit beside the repository."""
        wanted = sorted(set(oids) - set(self._found) - set(self._files))
        needed = sum(object_sizes(wanted, self.top).values()) + SPARE
        free = shutil.disk_usage(self._folder).free
        if needed > free:
            raise InputError(
                f"{self._folder}: {needed:,} bytes are needed for copies of the versions, "
                f"{free:,} are free there"
            )

    def __getitem__(self, oid: str) -> Content:
        """The content of a blob. Raises `InputError` for an LFS object that nobody has."""
        if oid not in self._found:
            path = self._files.get(oid) or os.path.join(self._folder, oid)
            if oid not in self._files:
                save(oid, path, self.top)
            self._found[oid] = self._followed(path)
        return self._found[oid]

    def _followed(self, path: str) -> Content:
        with open(path, "rb") as file:
            pointer = parse_pointer(file.read(LONGEST_POINTER + 1))
        if pointer is None:
            return Content(path, None)
        if self.store.find(pointer) is None and self._fetching:
            fetch_lfs(path)
        found = self.store.find(pointer)
        if found is None:
            oid = pointer.oid[:12]
            tried = ", and git lfs cannot get it" if self._fetching else "; git lfs pull gets it"
            raise InputError(f"the Git LFS object {oid} is not here{tried}")
        return Content(found, pointer)

    def new(self, name: str) -> str:
        """A path for a file that is to be written."""
        return os.path.join(self._folder, f"new-{name}")

    def folder(self, name: str, files: Mapping[str, str]) -> str:
        """A new folder with these files, given by name and blob."""
        path = os.path.join(self._folder, name)
        os.mkdir(path)
        for file, oid in files.items():
            os.symlink(os.path.abspath(self[oid].path), os.path.join(path, file))
        return path


def lfs_store(repository: Repository) -> Store:
    """Where this repository keeps the objects of Git LFS."""
    setting = ("config", "--type=path", "--get", "lfs.storage")
    around = repository.top or repository.git_dir
    storage = git(*setting, cwd=around, accept=(0, 1)).line
    return Store(repository.common_dir, storage or "lfs")
