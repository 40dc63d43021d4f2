"""The exceptions a user may meet, and the exit codes they end in.

    TiebreakError            one clear line: what is wrong, and what to do
    +-- UsageError           the command line or a setting is wrong
    +-- InputError           a file, revision or repository cannot be used as it is
    +-- GitError             a git command that had to succeed failed

An unresolved conflict is no exception: it is a value (`tiebreak.conflict.Resolution`).
"""

from __future__ import annotations

import errno

_OF_THE_SYSTEM = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE)
)
"""Errors of the system that are no defect of ours, wherever they come from."""

OK = 0  # everything asked for was done; no conflict is left
CONFLICTS = 1  # conflicts are left, or (`doctor`, `check`) something was found
USAGE = 2  # bad input: the command line, a setting, a file or the repository cannot be used
BUG = 3  # a defect of tiebreak; nothing was changed
INTERRUPTED = 130  # Ctrl-C; nothing was left half-written


class TiebreakError(Exception):
    """An error shown to the user as one line. `exit_code` is what the process ends with."""

    exit_code = USAGE


class UsageError(TiebreakError):
    """The command line or a setting is wrong."""


class InputError(TiebreakError):
    """A file, revision or repository cannot be used as it is."""


class GitError(TiebreakError):
    """A git command that had to succeed failed; the message holds git's own reason."""


def of_the_system(error: Exception) -> str | None:
    """What the system refused, in words: no permission, no space; None where that was not it."""
    if not isinstance(error, OSError) or error.errno not in _OF_THE_SYSTEM:
        return None
    said = error.strerror or repr(error)
    return f"{error.filename}: {said}" if error.filename else said


def line_of(error: Exception) -> str:
    r"""The first line of what an exception says; some libraries' fill a page.

    >>> line_of(ImportError("\n\nno such symbol\nsee also ...")), line_of(ValueError())
    ('no such symbol', 'ValueError()')
    """
    said = str(error).strip()
    return said.splitlines()[0] if said else repr(error)
