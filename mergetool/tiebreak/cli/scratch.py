"""Folders for what takes much room, beside the repository's objects, that do not outlive their use.

A process that was killed cannot remove its own. Each is locked while it is used, and the next
command that needs one removes those that are not.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK: Final = "lock"
_YOUNG: Final = 60.0  # seconds in which a new folder may not have its lock yet


@contextmanager
def scratch(git_dir: str) -> Iterator[str]:
    """An empty folder, on the file system of the git directory."""
    root = os.path.join(git_dir, "tiebreak", "scratch")
    os.makedirs(root, exist_ok=True)
    _sweep(root)
    with (
        tempfile.TemporaryDirectory(dir=root) as folder,
        open(os.path.join(folder, _LOCK), "wb") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        inner = os.path.join(folder, "files")
        os.mkdir(inner)
        yield inner


def _sweep(root: str) -> None:
    """Remove what nobody uses any more."""
    for name in os.listdir(root):
        folder = os.path.join(root, name)
        if not _in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: str) -> bool:
    try:
        with open(os.path.join(folder, _LOCK), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return _age(folder) < _YOUNG
    except OSError:  # locked, or not ours
        return True
    return False


def _age(folder: str) -> float:
    try:
        return time.time() - os.stat(folder).st_mtime
    except OSError:
        return 0.0
