"""Files of a commit, by name; their content goes to a file and never through memory."""

from __future__ import annotations

import os
from typing import NamedTuple

from tiebreak.errors import InputError
from tiebreak.git.command import git, stream
from tiebreak.git.commits import object_of


class Blob(NamedTuple):
    """A file's name within its folder, and its object."""

    name: str
    oid: str


def blob(name: str) -> Blob | None:
    """The file that ``REV:PATH`` names; None if it is a folder. Raises `InputError` for neither."""
    oid = object_of(name)
    if oid is None:
        raise InputError(f"{ascii(name)[1:-1]}: there is no such file or folder in that revision")
    kind = git("cat-file", "-t", oid).line
    path = name.partition(":")[2]
    return Blob(os.path.basename(path), oid) if kind == "blob" else None


def tree(name: str) -> list[Blob]:
    """The files directly in the folder that ``REV:PATH`` names."""
    found = []
    for entry in git("ls-tree", "-z", "--end-of-options", name).paths:
        about, _, path = entry.partition("\t")
        _mode, kind, oid = about.split(" ")
        if kind == "blob":
            found.append(Blob(path, oid))
    return found


def save(oid: str, path: str, cwd: str | None = None) -> None:
    """Write an object's content to a new file."""
    with open(path, "xb") as file:
        stream(("cat-file", "blob", oid), file, cwd=cwd)
