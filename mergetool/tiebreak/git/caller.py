"""Which git command is merging, and what it was told that git does not pass to a merge driver.

``-X ours`` and ``--conflict=diff3`` never reach a driver, and nothing says whether the result will
be kept or only shown. All three are read from the command line of the git process above the driver,
where the system lets one read it (/proc). `Call` is pure: words in, answers out.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NAMED: Final = "GITHEAD_"
_GENERATIONS: Final = 8  # shells between the driver and git: two; more with a wrapper of the user's
_ALIASES: Final = 8  # an alias may name an alias
_WITH_VALUE: Final = frozenset(
    ("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env", "--attr-source")
)
_LOOKING: Final = frozenset(("merge-tree", "replay", "rerere", "log", "show", "diff-tree"))
_MERGING: Final = frozenset(("merge", "pull", "rebase", "cherry-pick", "revert", "merge-tree"))
_CHECKING_OUT: Final = frozenset(("checkout", "restore", "switch"))


class Call(NamedTuple):
    """A git command and its arguments. Empty where it is not known."""

    command: str = ""
    args: tuple[str, ...] = ()

    @property
    def only_looks(self) -> bool:
        """Whether the merge is for showing only: nothing is to be recorded."""
        return self.command in _LOOKING

    @property
    def favor(self) -> str | None:
        """``ours`` or ``theirs`` of ``-X``, which git merges by but does not pass on."""
        if self.command not in _MERGING:
            return None
        asked = [v for v in self._values("-X", "--strategy-option") if v in {"ours", "theirs"}]
        return asked[-1] if asked else None

    @property
    def style(self) -> str | None:
        """The style of ``git checkout --conflict=STYLE``."""
        asked = list(self._values("", "--conflict")) if self.command in _CHECKING_OUT else []
        return asked[-1] if asked else None

    def recreates(self, label_ours: str, prefix: str) -> bool:
        """Whether this is ``git checkout -m PATHS``, by which one asks for the conflict itself.

        git 2.44 says so by its labels; before, an argument that names a file has to do.
        """
        if self.command not in _CHECKING_OUT or label_ours != "ours":
            return False
        named = [arg for arg in self.args if not arg.startswith("-")]
        return any(os.path.lexists(os.path.join(prefix, arg)) for arg in named)

    def _values(self, short: str, long: str) -> Iterator[str]:
        """The values of an option in its four spellings."""
        words = iter(self.args)
        for word in words:
            if word == "--":
                return
            if word in {short, long}:
                yield next(words, "")
            elif word.startswith(f"{long}="):
                yield word[len(long) + 1 :]
            elif short and word.startswith(short):
                yield word[len(short) :]


def parse(words: Sequence[str], aliases: Mapping[str, str]) -> Call:
    """The call that a git process's command line makes; aliases are by their configuration key."""
    if not words:
        return Call()
    name = os.path.basename(words[0])
    rest = list(words[1:])
    if name.startswith("git-"):
        return Call(name.removeprefix("git-"), tuple(rest))
    for _ in range(_ALIASES):
        rest = _without_global_options(rest)
        alias = aliases.get(f"alias.{rest[0].lower()}") if rest else None
        if alias is None or alias.startswith("!"):
            break
        rest = [*alias.split(), *rest[1:]]
    return Call(rest[0], tuple(rest[1:])) if rest else Call()


def _without_global_options(words: list[str]) -> list[str]:
    position = 0
    while position < len(words) and words[position].startswith("-"):
        position += 2 if words[position] in _WITH_VALUE else 1
    return words[position:]


def saved_favor(git_dir: str, call: Call) -> str | None:
    """``-X`` of a rebase or cherry-pick that was stopped: ``--continue`` does not repeat it."""
    file = {
        "rebase": "rebase-merge/strategy_opts",
        "cherry-pick": "sequencer/opts",
        "revert": "sequencer/opts",
    }.get(call.command)
    try:
        with open(os.path.join(git_dir, file or os.devnull), "rb") as opened:
            words = opened.read().replace(b"'", b" ").replace(b"--", b"").split()
    except OSError:
        return None
    asked = [word.decode() for word in words if word in {b"ours", b"theirs"}]
    return asked[-1] if asked else None


def git_above() -> list[str]:
    """The command line of the nearest git process above this one; empty where it cannot be read."""
    process = os.getppid()
    for _ in range(_GENERATIONS):
        words = _read(process, "cmdline").rstrip("\0").split("\0")
        name = os.path.basename(words[0])
        if name == "git" or name.startswith("git-"):
            return words
        # proc(5): the process, its name in parentheses (it may hold any), its state, its parent
        fields = _read(process, "stat").rpartition(")")[2].split()
        if len(fields) < 2:  # noqa: PLR2004
            break
        process = int(fields[1])
    return []


def _read(process: int, name: str) -> str:
    try:
        with open(f"/proc/{process}/{name}", "rb") as file:
            return os.fsdecode(file.read())
    except OSError:
        return ""


def named_heads() -> list[str]:
    """The commits that ``git merge`` merges, by the environment (builtin/merge.c)."""
    return [name.removeprefix(_NAMED) for name in os.environ if name.startswith(_NAMED)]
