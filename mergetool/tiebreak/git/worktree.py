"""Files of the work tree: the form git gives them, and writing them without losing anything."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.git.command import git, stream

if TYPE_CHECKING:
    from collections.abc import Sequence

_ASKED: Final = ("filter", "working-tree-encoding", "ident", "conflict-marker-size")
_UNSET: Final = ("unspecified", "unset")
_MARKER_SIZE: Final = 7  # git's default (gitattributes(5), "conflict-marker-size")


class Attributes(NamedTuple):
    """What matters of a path's attributes. `converted` says in words how its bytes are changed."""

    marker_size: int
    converted: str | None


def attributes(paths: Sequence[str], top: str) -> dict[str, Attributes]:
    """The attributes of many paths, in one process."""
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    if not names:
        return {}
    answer = git("check-attr", "-z", "--stdin", *_ASKED, cwd=top, stdin=names).paths
    values: dict[str, dict[str, str]] = {}
    for path, name, value in zip(answer[0::3], answer[1::3], answer[2::3], strict=True):
        values.setdefault(path, {})[name] = value
    return {path: _attributes(found) for path, found in values.items()}


def _attributes(found: dict[str, str]) -> Attributes:
    size = found["conflict-marker-size"]
    changed = [name for name in _ASKED[:3] if found[name] not in _UNSET]
    words = [name if found[name] == "set" else f"{name}={found[name]}" for name in changed]
    return Attributes(
        int(size) if size.isdigit() and int(size) > 0 else _MARKER_SIZE,
        f"its work-tree form is converted ({', '.join(words)})" if words else None,
    )


def beyond_link(path: str, top: str) -> bool:
    """Whether a folder on the way to a path is a symbolic link: git never writes through one."""
    folder = os.path.dirname(os.path.join(os.path.realpath(top), path))
    return os.path.realpath(folder) != folder


def read_file(path: str) -> bytes | None:
    """The bytes of a regular file; None when there is none (a link is none)."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise InputError(msg) from error


def writable(path: str) -> None:
    """Raise `InputError` where `write_file` would fail for want of permission."""
    folder = os.path.dirname(path)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(path, os.strerror(errno.EACCES))


def write_file(path: str, content: bytes, *, instead_of: bytes | None) -> None:
    """Replace a file at once, keeping its permissions, provided that it still is `instead_of`.

    Raises `InputError` when someone changed it in between; nothing is written then.
    """
    try:
        _replace(path, content, instead_of)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def _unwritable(path: str, why: str | None) -> InputError:
    return InputError(f"{path}: cannot be written: {why}")


def _replace(path: str, content: bytes, instead_of: bytes | None) -> None:
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{name[:32]}.", dir=folder)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _permissions(path))
        if read_file(path) != instead_of:
            msg = f"{path}: was changed by another program just now; nothing was written"
            raise InputError(msg)
        os.replace(temporary, path)
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)


def _permissions(path: str) -> int:
    """The mode of the file that is there, or what the user's umask gives a new one."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def work_tree_form(path: str, oid: str, top: str) -> bytes:
    """A blob as git would check it out at `path`: line ends and filters applied."""
    return git("cat-file", "--filters", f"--path={path}", oid, cwd=top).out


def write_blob_out(path: str, oid: str, top: str, scratch: str) -> None:
    """Write a blob at `path` in its work-tree form, in one step and never through memory.

    `scratch` is a folder for the file until it is whole: best on the same file system.
    """
    handle, temporary = tempfile.mkstemp(dir=scratch)
    target = os.path.join(top, path)
    try:
        with open(handle, "wb") as file:
            stream(("cat-file", "--filters", f"--path={path}", oid), file, cwd=top)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _permissions(target))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.move(temporary, target)
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)


def repository_form(path: str, top: str) -> str | None:
    """The blob that `git add` would make of the work-tree file; None when there is no such file."""
    if not os.path.isfile(os.path.join(top, path)):
        return None
    return git("hash-object", "--", path, cwd=top).line
