"""Where the Fisher files of a merge are: in the commits that hold its two versions of the model.

Git tells a merge driver which contents it merges, not which commits they are from. So every commit
that may be a side is asked whether it has this very version at this path, and the first that has it
and a Fisher file beside it gives the file.
"""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from tiebreak.errors import InputError
from tiebreak.git.caller import named_heads
from tiebreak.git.spawn import common_dir
from tiebreak.weights.fishers import Fishers
from tiebreak.weights.lfs import LONGEST_POINTER, Pointer, Store, parse_pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tiebreak.cli.drive import Context, Request
    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.importance import Kind


def fishers(request: Request, context: Context) -> closing[Fishers]:
    """Finds the Fisher of both sides, for the time of the ``with`` statement."""
    versions = {"ours": request.ours, "theirs": request.theirs}
    return closing(Fishers(lambda side, kind: _opened(kind, request, versions[side], context)))


def _opened(kind: Kind, request: Request, version: str, context: Context) -> Checkpoint:
    """The Fisher file that a commit has beside this version of the model.

    Its content is written to where the result will be, of which nothing is left whatever happens.
    """
    from tiebreak.git.blobs import save
    from tiebreak.weights.checkpoint import open_checkpoint

    copy = f"{request.target}.result"
    save(_blob(kind, request.path, version, context), copy)
    try:
        with open(copy, "rb") as file:
            pointer = parse_pointer(file.read(LONGEST_POINTER + 1))
        return open_checkpoint(copy if pointer is None else _object(kind, pointer, context))
    finally:
        os.unlink(copy)


def _object(kind: Kind, pointer: Pointer, context: Context) -> str:
    storage = context.config.get("lfs.storage", "lfs")
    found = Store(common_dir(context.git_dir or os.curdir), storage).find(pointer)
    if found is None:
        oid = pointer.oid[:12]
        raise InputError(
            f"the Git LFS object {oid} of its {kind.word} is not here; run: git lfs fetch"
        )
    return found


def _blob(kind: Kind, path: str, version: str, context: Context) -> str:
    """The object that is the Fisher file of a version."""
    from tiebreak.git.command import git

    oid = git("hash-object", "--no-filters", "--", os.path.abspath(version)).line
    return fisher_blob(kind, path, oid, _commits(context))


def fisher_blob(kind: Kind, path: str, oid: str, commits: Iterable[str]) -> str:
    """The Fisher file of the first commit that has this blob at this path, and one beside it.

    Names that are no commits are passed over. Raises `InputError` that says what is missing.
    """
    from tiebreak.git.command import git

    known = [commit for commit in dict.fromkeys(commits) if "\n" not in commit]
    names = [f"{commit}:{name}" for commit in known for name in (path, kind.beside(path))]
    asked = git("cat-file", "--batch-check", stdin=os.fsencode("\n".join(names)))
    lines = os.fsdecode(asked.out).splitlines()
    found = [
        fisher.split()
        for model, fisher in zip(lines[::2], lines[1::2], strict=False)
        if model.startswith(f"{oid} ")
    ]
    if not found:
        raise InputError(
            f"no known commit has this version at this path, so its {kind.word} is unknown"
        )
    blobs = [words[0] for words in found if words[1:2] == ["blob"]]
    if not blobs:
        raise InputError(f"its commit has no {kind.beside(path)}; {kind.make}")
    return blobs[0]


def _commits(context: Context) -> list[str]:
    """What may be a side: what git says, what the command says, and the tips of all branches."""
    words = [word for word in context.call.args if not word.startswith("-")]
    return ["HEAD", *named_heads(), *_picked(context.git_dir), *words, "stash", *branches()]


def branches() -> list[str]:
    """The tips of all branches, here and of remotes."""
    from tiebreak.git.command import git

    return git("for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes").line.split()


def _picked(git_dir: str | None) -> Iterator[str]:
    """The commit that a rebase or a cherry-pick of several is at (its own list of commands)."""
    for name, place in (("rebase-merge/done", -1), ("sequencer/todo", 0)):
        try:
            with open(os.path.join(git_dir or os.devnull, name), encoding="utf-8") as file:
                words = file.read().splitlines()[place].split()
        except (OSError, ValueError, IndexError):
            continue
        yield from words[1:2]
