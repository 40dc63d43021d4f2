"""The one place of the command line that starts git. Bytes in, bytes out, paths ended by NUL.

The merge driver does not come through here: see `tiebreak.git.spawn`.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from typing import BinaryIO

Argument = str | bytes


class Output(NamedTuple):
    """How a git process ended."""

    status: int
    out: bytes
    err: bytes

    @property
    def line(self) -> str:
        """Standard output as text, without the newline at its end."""
        return os.fsdecode(self.out.removesuffix(b"\n"))

    @property
    def paths(self) -> list[str]:
        """Standard output of a command run with ``-z``."""
        return [os.fsdecode(path) for path in self.out.split(b"\0") if path]


def git(
    *args: Argument,
    cwd: str | os.PathLike[str] | None = None,
    stdin: bytes = b"",
    accept: Container[int] = (0,),
    env: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> Output:
    """Run ``git ARGS`` and give its output; a status not in `accept` raises `GitError`.

    So does a command that takes longer than `seconds`; it is ended then.

    >>> git("rev-parse", "--show-toplevel").line  # doctest: +SKIP
    '/home/me/project'
    """
    try:
        done = subprocess.run(
            ("git", "--no-pager", *args),
            cwd=cwd,
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, **env} if env else None,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        msg = f"git {' '.join(map(os.fsdecode, args))}: took longer than {seconds:g} s"
        raise GitError(msg) from error
    except FileNotFoundError as error:
        msg = "git was not found on PATH; install git 2.38 or newer"
        raise GitError(msg) from error
    if done.returncode not in accept:
        raise GitError(_complaint(args, done.returncode, done.stderr))
    return Output(done.returncode, done.stdout, done.stderr)


def stream(args: Iterable[str], out: BinaryIO, cwd: str | None = None) -> None:
    """Run ``git ARGS`` with its standard output going to a file, however long it is."""
    command = ("git", "--no-pager", *args)
    done = subprocess.run(command, cwd=cwd, stdout=out, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise GitError(_complaint(command[2:], done.returncode, done.stderr))


def _complaint(args: Iterable[Argument], status: int, err: bytes) -> str:
    lines = os.fsdecode(err).strip().splitlines() or [f"ended with status {status}"]
    # What went wrong comes after warnings and before advice.
    said = next((line for line in lines if line.startswith(("fatal: ", "error: "))), lines[-1])
    command = " ".join(os.fsdecode(arg) for arg in args)
    return f"git {command}: {said}"
