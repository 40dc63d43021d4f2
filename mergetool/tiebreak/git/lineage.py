"""Where the sides of a merge come from, file by file: git's log between them, and the blobs.

All files are asked for together, in one ``git log``, once: where it takes too long, nothing is
known of any of them. A partial clone is left alone, whose blobs git would fetch one by one.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import GitError
from tiebreak.git.caller import named_heads
from tiebreak.git.command import git
from tiebreak.git.commits import merged_heads
from tiebreak.git.stages import object_sizes, read_objects
from tiebreak.lineage import Branch, Lineage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERSIONS: Final = 60  # of a file on one side, the newest
LARGEST: Final = 1_000_000  # bytes of a version
_COMMIT: Final = "\1"
_OURS: Final = "<"
_PARTIAL: Final = r"^extensions\.partialclone$|^remote\..*\.promisor$"  # older git, newer git
_LOG: Final = (
    "--left-right", "--raw", "--no-abbrev", "--no-renames", "-z", "--format=%x01%m%ct %ae",
    "--no-follow", "--no-show-signature",  # which log.follow and log.showSignature may ask for
)  # fmt: skip


class _Change(NamedTuple):
    """One commit's change of a file."""

    time: int
    author: str
    oid: str  # of the file after it; all zeros where it was removed


class Lineages:
    """The lineages of some files of a merge of two commits; git is asked with the first of them."""

    def __init__(
        self,
        ours: str,
        theirs: str,
        paths: Sequence[str],
        cwd: str,
        seconds: float | None = None,
    ) -> None:
        """Take two commits, and paths from the top of the work tree, which is `cwd`.

        `seconds` is how long git may look through the history.
        """
        self._sides, self._cwd, self._seconds = (ours, theirs), cwd, seconds
        self._paths = [p for p in paths if not {"\n", "\r"} & set(p)]  # git is told them by lines
        self._changes: dict[str, tuple[list[_Change], list[_Change]]] | None = None

    def of(self, path: str, ours: str, theirs: str) -> Lineage | None:
        """The lineage of one of the files, with its blobs at the tips; None if git cannot tell."""
        try:
            if self._changes is None:
                self._changes = {}  # which stays, should the time for this file end meanwhile
                self._changes = self._read()
            return self._lineage(path, (ours, theirs))
        except GitError:
            self._changes = {}
            return None

    def _read(self) -> dict[str, tuple[list[_Change], list[_Change]]]:
        partial = git("config", "--get-regexp", _PARTIAL, cwd=self._cwd, accept=(0, 1))
        if partial.status == 0 or not self._paths:
            return {}
        asked = "\n".join(["...".join(self._sides), "--", *self._paths, ""])
        out = git(
            "--literal-pathspecs",
            "log",
            *_LOG,
            "--stdin",
            cwd=self._cwd,
            stdin=os.fsencode(asked),
            seconds=self._seconds,
        ).paths
        found: dict[str, tuple[list[_Change], list[_Change]]] = defaultdict(lambda: ([], []))
        for path, right, change in _changes(out):
            found[path][right].append(change)
        return {path: found[path] for path in self._paths}

    def _lineage(self, path: str, tips: tuple[str, str]) -> Lineage | None:
        both = (self._changes or {}).get(path)
        if both is None:
            return None
        wanted = [_versions(side, tip) for side, tip in zip(both, tips, strict=True)]
        sizes = object_sizes(sorted({oid for oids in wanted for oid in oids}), self._cwd)
        small = [name for name, size in sizes.items() if size < LARGEST]
        texts = dict(zip(small, read_objects(small, self._cwd), strict=True))
        return Lineage(*(_branch(both, side, wanted[side], tips, texts) for side in (0, 1)))


def _branch(
    both: Sequence[Sequence[_Change]],
    side: int,
    wanted: Sequence[str],
    tips: Sequence[str],
    texts: dict[str, bytes | None],
) -> Branch:
    changes = both[side]
    versions = (texts.get(oid) for oid in wanted)
    return Branch(
        len(changes),
        len({change.author for change in changes}),
        changes[0].time if changes else 0,
        tuple(version for version in versions if version is not None),
        any(change.oid == tips[1 - side] for change in changes),
    )


def _versions(changes: Sequence[_Change], tip: str) -> list[str]:
    """The blobs on the way to the tip."""
    oids = dict.fromkeys(c.oid for c in changes if c.oid != tip and c.oid.strip("0"))
    return list(oids)[:VERSIONS]


def _changes(tokens: Sequence[str]) -> Iterator[tuple[str, bool, _Change]]:
    r"""Each changed path, whether theirs changed it, and how.

    ``git log --raw -z`` gives "\1<TIME AUTHOR" for a commit, and for each of its files
    ":MODE MODE OID OID STATUS" and the path, the first after an end of line.
    """
    right, time, author = False, 0, ""
    rest = iter(tokens)
    for token in rest:
        if token.startswith(_COMMIT):
            right = not token.startswith(_COMMIT + _OURS)
            stamp, _, author = token[2:].partition(" ")
            time = int(stamp) if stamp.isdigit() else 0  # a commit may have no date that is one
        elif token.lstrip("\n").startswith(":"):
            oid = token.split(" ")[3]
            yield next(rest), right, _Change(time, author, oid)


def merge_heads(git_dir: str) -> tuple[str, str] | None:
    """The two commits of an unfinished ``git merge``; None of anything else.

    What picks single commits (rebase, cherry-pick) has other histories than merges have.
    """
    return _two(merged_heads(git_dir) or ())


def merge_heads_of_driver() -> tuple[str, str] | None:
    """The same inside a merge driver: ``git merge`` names what it merges in the environment."""
    return _two(named_heads())


def _two(heads: Sequence[str]) -> tuple[str, str] | None:
    return ("HEAD", heads[0]) if len(heads) == 1 else None
