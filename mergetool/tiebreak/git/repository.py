"""Where things are: the top of the work tree, the git directory, git's version."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.errors import InputError
from tiebreak.git.command import git

if TYPE_CHECKING:
    from collections.abc import Iterator


class Repository(NamedTuple):
    """A repository as seen from the current directory. `top` is None in a bare one."""

    top: str | None
    git_dir: str
    common_dir: str

    @property
    def attributes_file(self) -> str:
        """The attributes that are this repository's alone (gitattributes(5))."""
        return os.path.join(self.common_dir, "info", "attributes")


def find_repository(start: str | None = None) -> Repository:
    """The repository around `start` (the current directory). Raises `InputError` without one."""
    asked = git(
        "rev-parse", "--is-bare-repository", "--absolute-git-dir", cwd=start, accept=(0, 128)
    )
    if asked.status:
        msg = "not in a git repository; run this inside one"
        raise InputError(msg)
    bare, git_dir = asked.line.split("\n", 1)  # one path at a time: it may hold newlines
    common_dir = git("rev-parse", "--path-format=absolute", "--git-common-dir", cwd=start).line
    top = None if bare == "true" else git("rev-parse", "--show-toplevel", cwd=start).line
    return Repository(top, git_dir, common_dir)


def git_version() -> tuple[int, int]:
    """Git's version, major and minor: ``git version 2.39.5 (Apple Git-154)`` is (2, 39)."""
    words = git("version").line.split()
    numbers = [part for part in words[2].split(".") if part.isdigit()]
    return int(numbers[0]), int(numbers[1])


def config(name: str, *scope: str, path: bool = False) -> str | None:
    """The last value of a configuration key, None where it is not set."""
    kind = ("--type=path",) if path else ()
    asked = git("config", *scope, *kind, "-z", "--get", name, accept=(0, 1))
    return os.fsdecode(asked.out.removesuffix(b"\0")) if asked.status == 0 else None


def config_section(pattern: str, *scope: str) -> Iterator[tuple[str, str]]:
    """Every key that matches a regular expression, and its value, in git's order."""
    asked = git("config", *scope, "-z", "--get-regexp", pattern, accept=(0, 1))
    for entry in asked.out.split(b"\0"):
        if entry:
            name, _, value = os.fsdecode(entry).partition("\n")
            yield name, value
