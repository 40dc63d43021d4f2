"""Which commits an unfinished merge is between, as far as git's own files say.

A merge has them in MERGE_HEAD; what picks one commit has it in CHERRY_PICK_HEAD, REBASE_HEAD or
REVERT_HEAD (gitrevisions(7)). Several heads, several merge bases and stashes have no such triple.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.git.command import git

if TYPE_CHECKING:
    from collections.abc import Sequence


class Commits(NamedTuple):
    """Commits, by the names git has for the versions of a file."""

    base: str
    ours: str
    theirs: str


class File(NamedTuple):
    """A file of a commit: its mode and its blob."""

    mode: str
    oid: str


def merging(git_dir: str, top: str) -> Commits | None:
    """The commits of what is under way; None where they are not a base and two sides."""
    ours = commit("HEAD", top)
    if ours is None:
        return None
    heads = merged_heads(git_dir)
    if heads is not None:
        return _merge(ours, heads, top)
    for name in _PICKED:
        picked = commit(name, top) if os.path.exists(os.path.join(git_dir, name)) else None
        if picked is not None:
            parents = git("rev-list", "--parents", "-n", "1", picked, cwd=top).line.split()[1:]
            if len(parents) != 1:
                return None
            sides = (picked, parents[0]) if name == _REVERTED else (parents[0], picked)
            return Commits(sides[0], ours, sides[1])
    return None


_REVERTED: Final = "REVERT_HEAD"
_PICKED: Final = ("CHERRY_PICK_HEAD", "REBASE_HEAD", _REVERTED)


def merged_heads(git_dir: str) -> list[str] | None:
    """The commits that an unfinished ``git merge`` merges into HEAD; None without one."""
    try:
        with open(os.path.join(git_dir, "MERGE_HEAD"), encoding="ascii") as file:
            return file.read().split()
    except FileNotFoundError:
        return None


def _merge(ours: str, heads: Sequence[str], top: str) -> Commits | None:
    bases = git("merge-base", "--all", ours, *heads[:1], cwd=top, accept=(0, 1)).line.split()
    if len(heads) != 1 or len(bases) != 1:
        return None
    return Commits(bases[0], ours, heads[0])


def commit(name: str, top: str) -> str | None:
    """The id of the commit that a revision names; None where it names none."""
    return object_of(f"{name}^{{commit}}", top)


def object_of(name: str, top: str | None = None) -> str | None:
    """The id of the object that a name stands for (gitrevisions(7)); None where it is none."""
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", name)
    found = git(*asked, cwd=top, accept=(0, 1, 128))
    return found.line if found.status == 0 else None


def files_of(tree: str, folder: str, top: str) -> dict[str, File]:
    """The files directly in a folder of a commit (or tree), by name; "" is the top."""
    asked = git("ls-tree", "-z", f"{tree}:{folder}", cwd=top, accept=(0, 128))
    found = {}
    for entry in asked.paths if asked.status == 0 else ():
        about, _, name = entry.partition("\t")
        mode, kind, oid = about.split(" ")
        if kind == "blob":
            found[name] = File(mode, oid)
    return found
