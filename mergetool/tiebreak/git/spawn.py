"""What the merge driver needs of git, without `subprocess`, whose import outlasts most merges.

One process reads all configuration, so that ``git -c name=value`` and includes count as they do for
git itself. The git directory is found as git's setup.c does, without a process: a driver is run at
the top of the work tree, or in the git directory of a bare repository.
"""

from __future__ import annotations

import os

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})


def capture(args: tuple[str, ...]) -> tuple[int, bytes]:
    """Run a command of PATH with nothing on its input; its exit status and standard output."""
    reading, writing = os.pipe()
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, writing, 1),
    ]
    try:
        child = os.posix_spawnp(args[0], args, os.environ, file_actions=actions)
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        out = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), out


def read_config(pattern: str) -> dict[str, str]:
    """The configuration keys that match a regular expression, each with its last value.

    Names are as git gives them, section and key in lower case. A key without ``=`` is "true".
    """
    _, out = capture(("git", "config", "-z", "--get-regexp", pattern))
    entries = (os.fsdecode(entry).partition("\n") for entry in out.split(b"\0") if entry)
    return {name: value if given else "true" for name, given, value in entries}


def as_bool(value: str) -> bool:
    """A boolean of git's configuration (git-config(1), "Values"). Raises `ValueError`."""
    word = value.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    msg = f"expected true or false, got {value!r}"
    raise ValueError(msg)


def git_dir() -> str | None:
    """The git directory (gitrepository-layout(5)); None outside a repository."""
    named = os.environ.get("GIT_DIR")
    if named:
        return named
    if os.path.isdir(".git"):
        return ".git"
    if os.path.isfile(".git"):
        return _read(".git").removeprefix("gitdir: ")
    return "." if os.path.isfile("HEAD") and os.path.isdir("objects") else None


def common_dir(directory: str) -> str:
    """What linked work trees share: the git directory of the main one."""
    named = os.environ.get("GIT_COMMON_DIR")
    if named:
        return named
    shared = os.path.join(directory, "commondir")
    return os.path.join(directory, _read(shared)) if os.path.isfile(shared) else directory


def _read(name: str) -> str:
    with open(name, "rb") as file:
        return os.fsdecode(file.read()).rstrip("\n")


def fetch_lfs(pointer: str) -> None:
    """Let git-lfs put an object into the store, as a checkout would."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, pointer, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    environment = {**os.environ, "GIT_LFS_SKIP_SMUDGE": "0"}
    child = os.posix_spawnp("git", ("git", "lfs", "smudge"), environment, file_actions=actions)
    os.waitpid(child, 0)  # whether it came shows in the store
