"""Hooks: a few lines in the repository's folder of hooks, beside whatever is there already.

A hook that is there is moved aside, run after tiebreak's, and put back by `uninstall`, byte for
byte. Where hooks come from somewhere else (core.hooksPath: a hook manager, or all repositories of a
user) nothing is written, and the message says what to add there.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from tiebreak.errors import InputError
from tiebreak.git.command import git
from tiebreak.git.install import for_shell, launcher_path, run_path
from tiebreak.git.repository import config

HOOKS: Final = {"pre-merge-commit": "--merge", "pre-push": "--push"}
_MARK: Final = (
    "# Written by `tiebreak install --hooks`; `tiebreak uninstall` puts back what was here."
)
_ASIDE: Final = ".before-tiebreak"
_CONTENT: Final = """#!/bin/sh
{mark}
before=$0{aside} hook={hook}
if test -x "$hook"; then exec "$hook" {python} {program} "$before" "$@"; fi
if test -x "$before"; then exec "$before" "$@"; fi
"""


def hooks_folder() -> str:
    """The folder with the hooks that `install` registers."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    checkout = os.path.dirname(os.path.dirname(package))
    for directory in (os.path.join(package, "_hooks"), os.path.join(checkout, "hooks")):
        if os.path.isfile(os.path.join(directory, "pre-push")):
            return directory
    msg = f"{package} holds no hooks: the installation is incomplete; reinstall tiebreak"
    raise InputError(msg)


def check_hooks() -> None:
    """Raise `InputError` where hooks cannot be added without taking over somebody else's place."""
    elsewhere = config("core.hooksPath")
    if elsewhere is not None:
        lines = "; ".join(f"{name}: tiebreak weights verify {o}" for name, o in HOOKS.items())
        raise InputError(
            f"hooks of this repository come from core.hooksPath ({elsewhere}); add there, {lines}"
        )
    for name in HOOKS:
        file = os.path.join(_folder(), name)
        if os.path.lexists(file) and not _is_ours(file) and os.path.lexists(file + _ASIDE):
            raise InputError(
                f"{file}: another hook came after tiebreak's, and {name}{_ASIDE} is the one before;"
                " make one of them"
            )


def install_hooks() -> list[str]:
    """Register the hooks; gives a line for each."""
    check_hooks()
    written = []
    os.makedirs(_folder(), exist_ok=True)
    for name in HOOKS:
        file = os.path.join(_folder(), name)
        if os.path.lexists(file) and not _is_ours(file):
            os.rename(file, file + _ASIDE)
        _write(file, _content(name))
        after = f", before the one that was there ({name}{_ASIDE})"
        written.append(f"{file}: hook{after if os.path.lexists(file + _ASIDE) else ''}")
    return written


def uninstall_hooks() -> list[str]:
    """Remove the hooks and put back those that were there; gives a line for each."""
    removed = []
    for name in HOOKS:
        file = os.path.join(_folder(), name)
        if not _is_ours(file):
            continue
        if os.path.lexists(file + _ASIDE):
            os.replace(file + _ASIDE, file)
            removed.append(f"{file}: hook (the one before it is back)")
        else:
            os.unlink(file)
            removed.append(f"{file}: hook")
    return removed


def broken_hooks() -> list[str]:
    """Registered hooks that are not this installation's, or not as they were written."""
    files = {name: os.path.join(_folder(), name) for name in HOOKS}
    return [
        file
        for name, file in files.items()
        if _is_ours(file) and (_read(file) != _content(name) or not os.access(file, os.X_OK))
    ]


def _folder() -> str:
    shared = git("rev-parse", "--path-format=absolute", "--git-common-dir").line
    return os.path.join(shared, "hooks")


def _content(name: str) -> str:
    paths = (os.path.join(hooks_folder(), name), sys.executable, run_path(launcher_path()))
    hook, python, program = map(for_shell, paths)
    return _CONTENT.format(mark=_MARK, aside=_ASIDE, hook=hook, python=python, program=program)


def _is_ours(file: str) -> bool:
    return _MARK in _read(file).splitlines()[:2]


def _read(file: str) -> str:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as opened:
            return opened.read()
    except OSError:
        return ""


def _write(file: str, content: str) -> None:
    temporary = f"{file}.tiebreak-new"
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as opened:
        opened.write(content)
    os.chmod(temporary, 0o755)  # noqa: S103  (as git's own hooks are)
    os.replace(temporary, file)
