"""The Fisher and Gram files that `tiebreak solve` merges with: each is beside its own version.

In a folder whose commits are known it is in that commit's folder. Of a file alone only its stages
are known; then it is looked for as the merge driver does.
"""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Final

from tiebreak.cli.drive_fisher import branches, fisher_blob
from tiebreak.errors import InputError
from tiebreak.weights.checkpoint import find_checkpoint, open_checkpoint
from tiebreak.weights.fishers import Fishers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tiebreak.cli.weights.contents import Contents
    from tiebreak.git.commits import File
    from tiebreak.git.stages import Unmerged
    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.importance import Kind

_SIDES: Final = ("HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD", "REVERT_HEAD", "stash")


def of_folder(
    folders: Mapping[str, str], trees: Mapping[str, Mapping[str, File]], contents: Contents
) -> closing[Fishers]:
    """Finds them in the trees that the versions of a folder are of, both given by side."""

    def find(side: str, kind: Kind) -> str:
        name = kind.beside(os.path.basename(find_checkpoint(folders[side])))
        if name not in trees[side]:
            raise InputError(f"its commit has no {name}; {kind.make}")
        return trees[side][name].oid

    return _opening(find, contents)


def of_file(conflict: Unmerged, contents: Contents) -> closing[Fishers]:
    """Finds them in the commits that have the stages of a file."""
    stages = {"ours": conflict.ours, "theirs": conflict.theirs}

    def find(side: str, kind: Kind) -> str:
        version = stages[side]
        oid = "" if version is None else version.oid
        return fisher_blob(kind, conflict.path, oid, [*_SIDES, *branches()])

    return _opening(find, contents)


def _opening(find: Callable[[str, Kind], str], contents: Contents) -> closing[Fishers]:
    def opened(side: str, kind: Kind) -> Checkpoint:
        oid = find(side, kind)
        contents.check_room([oid])
        return open_checkpoint(contents[oid].path)

    return closing(Fishers(opened))
