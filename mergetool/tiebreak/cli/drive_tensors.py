"""The merge driver's Python half for checkpoints, started instead of git's text merge.

The file holds ours, which is what stays unless every tensor is settled. Each version may be the
checkpoint itself or a Git LFS pointer to it; the result is of the kind that ours is. Nothing here
holds a whole file: versions are mapped, the result is streamed beside the target.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.cli import drive
from tiebreak.cli.drive import NO_CHECKPOINT, RESOLVED, UNRESOLVED, say
from tiebreak.errors import InputError
from tiebreak.git import settings
from tiebreak.git.spawn import common_dir, fetch_lfs
from tiebreak.weights.errors import NEEDS_NUMPY
from tiebreak.weights.lfs import LONGEST_POINTER, Pointer, Store, parse_pointer

if TYPE_CHECKING:
    from tiebreak.cli.drive import Context, Request
    from tiebreak.weights.file import CheckpointMerge, Settings
    from tiebreak.weights.writing import Meter


_SHOWN: Final = 3  # tensors that are named in the one line


class Version(NamedTuple):
    """One of git's three files: what is in it, and the file that holds the tensors."""

    side: str
    file: str
    content: str
    pointer: Pointer | None
    known: bool  # empty, a pointer, or begins as safetensors do


def merge(request: Request, context: Context) -> int:
    """Merge a checkpoint, and give the status to end with."""
    if context.call.only_looks and context.call.command not in _WRITE_TREES:
        return UNRESOLVED  # a merge for showing is not worth gigabytes
    found = [
        _look(*side)
        for side in zip(_SIDES, (request.base, request.ours, request.theirs), strict=True)
    ]
    if not any(version.known and _size(version.file) for version in found):
        return NO_CHECKPOINT
    store = _store(context)
    base, ours, theirs = (_fetched(version, store) for version in found)
    output = f"{request.target}.result"
    outcome = _merge(request, context, (base, ours, theirs), output)
    if outcome.conflicts:
        from tiebreak.cli.moved import with_shards

        outcome = outcome._replace(verdicts=with_shards(request, outcome.verdicts))
    if outcome.written and ours.pointer is not None:
        _write_pointer(output, store)
    if not drive.awaited(request):
        drive.withdraw(request)
        return UNRESOLVED
    if not context.call.only_looks:
        _record(request, context, (base, ours, theirs), outcome)
    if outcome.written:
        os.replace(output, request.target)
    if not context.call.only_looks:
        say(request.path, _summary(outcome))
    return UNRESOLVED if outcome.unmerged else RESOLVED


_SIDES: Final = ("base", "ours", "theirs")
_WRITE_TREES: Final = frozenset({"merge-tree", "replay"})


def _look(side: str, file: str) -> Version:
    """What a file is, by its content."""
    with open(file, "rb") as opened:
        head = opened.read(LONGEST_POINTER + 1)
    pointer = parse_pointer(head)
    known = not head or pointer is not None or head[8:9] == b"{"
    return Version(side, file, file, pointer, known)


def _size(file: str) -> int:
    return os.stat(file).st_size


def _store(context: Context) -> Store:
    common = common_dir(context.git_dir or os.curdir)
    return Store(common, context.config.get("lfs.storage", "lfs"))


def _fetched(version: Version, store: Store) -> Version:
    """A version with its content at hand. Asks git-lfs for an object that is not here."""
    if version.pointer is None:
        return version
    content = store.find(version.pointer)
    if content is None:
        fetch_lfs(version.file)
        content = store.find(version.pointer)
    if content is None:
        oid = version.pointer.oid[:12]
        msg = f"{version.side}: the Git LFS object {oid} is not here, and git lfs cannot get it"
        raise InputError(f"{msg}; ours is kept")
    return version._replace(content=content)


def _merge(
    request: Request, context: Context, versions: tuple[Version, Version, Version], output: str
) -> CheckpointMerge:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else it reserves memory for every core
    from tiebreak.cli.drive_fisher import fishers
    from tiebreak.weights.file import Files, merge_checkpoints

    base, ours, theirs = versions
    files = Files(_bases(base, _store(context)), ours.content, theirs.content)
    try:
        with fishers(request, context) as found:
            settings = _settings(request, context)._replace(importances=found)
            return merge_checkpoints(request.path, files, output, settings, _meter(request))
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise InputError(f"{NEEDS_NUMPY}; ours is kept") from error


def _meter(request: Request) -> Meter | None:
    """Progress, where somebody sees it: what git shows or logs otherwise gets one line."""
    if not sys.stderr.isatty():
        return None
    from functools import partial

    from tiebreak.cli import meter

    return partial(meter.Meter, label=f"tiebreak: {drive.shown(request.path)}: ")


def _bases(base: Version, store: Store) -> list[str]:
    """The base's content; two where git merged the pointers of two merge bases by lines."""
    if base.known:
        return [base.content] if _size(base.content) else []
    from tiebreak.text.markers import parse_markers

    with open(base.file, "rb") as file:
        parts = parse_markers(file.read(_LONGEST_MERGE), _INNER)
    sides = (
        [part if isinstance(part, bytes) else part.ours for part in parts],
        [part if isinstance(part, bytes) else part.theirs for part in parts],
    )
    pointers = [parse_pointer(b"".join(side)) for side in sides]
    found = [store.find(pointer) for pointer in pointers if pointer is not None]
    contents = [content for content in found if content is not None]
    return contents if len(contents) == len(sides) else []


_INNER: Final = 9  # characters of a marker in a merge of merge bases (merge-ort.c, call_depth)
_LONGEST_MERGE: Final = 4 * LONGEST_POINTER


def _settings(request: Request, context: Context) -> Settings:
    from tiebreak.recipe import load_recipe
    from tiebreak.weights.file import Settings
    from tiebreak.weights_recipe import WeightsRecipe

    recipe = load_recipe(".")
    favor = drive.favor(context)
    return Settings(
        recipe.policy_for(request.path, settings.allowed(context.config)),
        (recipe.weights or WeightsRecipe()).for_path(request.path),
        favor if favor in {"ours", "theirs"} else None,
    )


def _write_pointer(output: str, store: Store) -> None:
    """Put the result into the store of Git LFS, and its pointer in its place."""
    pointer = store.store_file(output, move=True)
    with open(output, "wb") as file:
        file.write(pointer.text)
        file.flush()
        os.fsync(file.fileno())


def _record(
    request: Request,
    context: Context,
    versions: tuple[Version, Version, Version],
    outcome: CheckpointMerge,
) -> None:
    from tiebreak.cli.tensor_entries import Terms, blob_term, decisions, tensor_entry
    from tiebreak.journal import Journal

    if context.git_dir is None:
        return
    hasher = context.config.get("extensions.objectformat", "sha1")
    base, ours, theirs = (blob_term(version.file, hasher) for version in versions)
    result = blob_term(f"{request.target}.result", hasher) if outcome.written else ours
    terms = Terms(base, ours, theirs, ours, result)
    done = decisions(outcome.verdicts, outcome.digests, used=outcome.written)
    entry = tensor_entry(request.path, terms, done, drive.operation(request, context))
    Journal(common_dir(context.git_dir)).record(entry, {})


def _summary(outcome: CheckpointMerge) -> str:
    """``2 of 9 changed tensors in conflict, ours is kept: lm_head.weight (...)``."""
    left = outcome.conflicts
    if left:
        named = "; ".join(f"{v.name} ({v.why})" for v in left[:_SHOWN])
        more = f"; {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        total = len(outcome.verdicts)
        found = f"{len(left)} of {total} changed tensors in conflict, ours is kept"
        return f"{found}: {named}{more} (tiebreak review)"
    by = Counter(verdict.by for verdict in outcome.verdicts)
    parts = ", ".join(f"{number} {_BY.get(name, f'by {name}')}" for name, number in by.items())
    review = ", left unmerged for review" if outcome.unmerged else ""
    return f"{outcome.tensors} tensors merged: {parts}{review} (tiebreak review)"


_BY: Final = {"ours": "from ours", "theirs": "from theirs", "both": "changed alike"}
