"""Which journal entries are of one operation: those of a merge, of all commits of a rebase, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.git.command import git
from tiebreak.git.stages import read_objects
from tiebreak.journal import TEXT, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.journal import Entry

PAUSE: Final = 3600.0  # seconds; an operation may wait as long for its user between two files
DEEP: Final = 50  # commits back from HEAD in which an operation is looked for
UNBORN: Final = 128  # git's status where HEAD is no commit yet
_MANY_COMMITS: Final = ("rebase", "cherry-pick", "revert", "am", "pull")
_SERIES: Final = ("rebase", "am", "pull")  # each commit of them is merged into the one before
_ANY: Final = "solve"


class Operation(NamedTuple):
    """Its entries, the most recent first, and how many commits were made since, if that is known.

    None are (0) while it is under way; its own commit counts.
    """

    entries: list[Entry]
    commits: int | None = None


def last_operation(entries: Sequence[Entry], top: str | None) -> Operation:
    """The operation that the most recent entry belongs to.

    The files of one merge come close together in time and carry its name; a rebase names every
    commit differently; what `solve` did belongs to the operation that stopped before it. Of other
    operations than a rebase all files were merged into one commit: in that they are as ours was.
    """
    taken = _together(entries)
    of_series = any(_verb(entry.operation) in _SERIES for entry in taken)
    return Operation(taken) if of_series or top is None else _of_one_commit(taken, top)


def _together(entries: Sequence[Entry]) -> list[Entry]:
    taken: list[Entry] = []
    family = _ANY
    for entry in entries:
        if taken and taken[-1].when - entry.when > PAUSE:
            break
        own = _family(entry.operation)
        if _ANY not in {own, family} and own != family:
            break
        family = own if family == _ANY else family
        taken.append(entry)
    return taken


def _of_one_commit(taken: list[Entry], top: str) -> Operation:
    telling = [e for e in taken if e.kind == TEXT and "\n" not in e.path]
    changed = next((e for e in telling if e.result.digest != e.ours.digest), None)
    if changed is None:  # a result that is ours is there before and after
        return Operation(taken)
    back = ("rev-list", "--first-parent", f"-n{DEEP}", "HEAD")
    commits = git(*back, cwd=top, accept=(0, UNBORN)).out.decode().split()
    versions = read_objects([f"{commit}:{changed.path}" for commit in commits], top)
    depth = next((d for d, text in enumerate(versions) if _merged(changed, text)), None)
    if depth is None:
        return Operation(taken)
    there = read_objects([f"{commits[depth]}:{entry.path}" for entry in telling], top)
    others = {
        entry.key
        for entry, text in zip(telling, there, strict=True)
        if text is not None and not _merged(entry, text)  # a renamed file has another name there
    }
    return Operation([entry for entry in taken if entry.key not in others], depth)


def _merged(entry: Entry, text: bytes | None) -> bool:
    """Whether this text is what was merged, on either side."""
    return text is not None and digest(text) in {entry.ours.digest, entry.theirs.digest}


def _family(operation: str) -> str:
    verb = _verb(operation)
    return verb if verb in _MANY_COMMITS else operation


def _verb(operation: str) -> str:
    return operation.partition(" ")[0]
