"""Git LFS as its files are: pointers, and objects named by the SHA-256 of their content.

Objects are read where they lie and written as git-lfs writes them: streamed into a temporary file
of the store while they are hashed, then renamed. An object is never changed in place, because it
may be a hard link shared with another repository.
Sources: docs/spec.md (the pointer) and docs/man/git-lfs-config (lfs.storage) of git-lfs.
"""

from __future__ import annotations

import itertools
import os
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.weights.errors import CheckpointError, shown

if TYPE_CHECKING:
    from typing import BinaryIO

LONGEST_POINTER: Final = 1024  # bytes; git-lfs takes anything longer for content

_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\n"
    rb"size (0|[1-9][0-9]{0,18})\n"
)
_CHUNK: Final = 1 << 20
_NUMBERS: Final = itertools.count()  # threads may store at once


class Pointer(NamedTuple):
    """What is committed in place of a content."""

    oid: str
    size: int

    @property
    def text(self) -> bytes:
        """The canonical pointer, which git-lfs would write for the same content."""
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.oid}\nsize {self.size}\n"
        ).encode()


def parse_pointer(data: bytes) -> Pointer | None:
    """The pointer that `data` is, None if it is content.

    Only the canonical form is one: a pointer with extensions names a content that a program of the
    user's has still to transform.
    """
    found = _POINTER.fullmatch(data) if len(data) <= LONGEST_POINTER else None
    return Pointer(found[1].decode(), int(found[2])) if found else None


class Store:
    """The objects of one repository.

    `storage` is the setting lfs.storage, relative to the common git directory; `references` are
    further stores to read from (of the repositories in objects/info/alternates).
    """

    __slots__ = ("_directories", "directory")

    directory: str

    def __init__(
        self, common_git_dir: str, storage: str = "lfs", references: tuple[str, ...] = ()
    ) -> None:
        """Nothing is opened or created."""
        self.directory = os.path.join(common_git_dir, storage or "lfs")
        self._directories = (self.directory, *references)

    def object_path(self, oid: str) -> str:
        """Where the object of this name is, or would be, in the repository's own store."""
        return _object_path(self.directory, oid)

    def find(self, pointer: Pointer) -> str | None:
        """The file that holds the content, None if it is not here or has another size."""
        for directory in self._directories:
            path = _object_path(directory, pointer.oid)
            if _holds(path, pointer.size):
                return path
        return None

    def store_file(self, path: str, *, move: bool = False) -> Pointer:
        """Put a file's content into the store. With `move` the file itself becomes the object.

        An object that is there already stays as it is.
        """
        try:
            if move:
                return self._place(path, pointer_to(path))
            return self._copy(path)
        except OSError as error:
            where = shown(path, 400)
            raise CheckpointError(f"{where}: not stored for Git LFS: {error.strerror}") from error

    def temporary(self, name: str) -> str:
        """A path for a file that `store_file` can move, on the same file system as the objects."""
        folder = os.path.join(self.directory, "tmp")
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, f"tiebreak-{os.getpid()}-{name}")

    def _copy(self, path: str) -> Pointer:
        copy = self.temporary(f"object-{next(_NUMBERS)}")
        try:
            with open(path, "rb") as source, open(copy, "wb") as target:
                pointer = _stream(source, target)
                target.flush()
                os.fsync(target.fileno())
            return self._place(copy, pointer)
        finally:
            if os.path.exists(copy):
                os.unlink(copy)

    def _place(self, path: str, pointer: Pointer) -> Pointer:
        place = self.object_path(pointer.oid)
        if _holds(place, pointer.size):
            os.unlink(path)
        else:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.replace(path, place)
        return pointer


def pointer_to(path: str) -> Pointer:
    """The pointer for a file's content, which is read once from end to end."""
    with open(path, "rb") as file:
        return _stream(file)


def _stream(source: BinaryIO, target: BinaryIO | None = None) -> Pointer:
    digest, size = sha256(), 0
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if target is not None:
            target.write(chunk)
    return Pointer(digest.hexdigest(), size)


def _object_path(directory: str, oid: str) -> str:
    return os.path.join(directory, "objects", oid[:2], oid[2:4], oid)


def _holds(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size == size
    except OSError:
        return False
