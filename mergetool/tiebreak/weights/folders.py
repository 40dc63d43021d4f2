"""Merging a checkpoint as a whole: all its shards, its index, and the files that name its tokens.

Three folders go in: the versions. Tensors are found by name, whichever shard a side keeps them in,
so one that moved to another shard is still one tensor. The result is in the shards of the side that
changed them (ours, where both did). Vocabularies that grew are joined by token where the recipe
says so; then the tokenizer's files and the configuration are part of the result, and it is written
only if `tiebreak.weights.verify` finds nothing in it that it does not find in a version.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.policy import COMMIT, LEAVE
from tiebreak.weights.conflict import Blend, Copy
from tiebreak.weights.digests import digests_of
from tiebreak.weights.engine import File, write_files
from tiebreak.weights.errors import CheckpointError
from tiebreak.weights.file import Verdict, judged, opened
from tiebreak.weights.layout import index_file, kept, lead_of, shards_of
from tiebreak.weights.threeway import NOBODY, Versions, merge_metadata, plan
from tiebreak.weights.verify import verify
from tiebreak.weights.vocabulary.joining import join_vocabularies
from tiebreak.weights.writing import THREADS, prepared, size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.conflict import Value
    from tiebreak.weights.file import Settings
    from tiebreak.weights.writing import Meter

COHERENCE: Final = "coherence"  # the kind of conflict of files that do not fit each other


class Folders(NamedTuple):
    """Where the versions are."""

    base: str
    ours: str
    theirs: str


class FolderMerge(NamedTuple):
    """The outcome. `files` has the result by file name, None for one that is not part of it.

    A file is in the output folder, or in that of the version whose bytes it has. `shards` says for
    each tensor of the result which file it is in, `digests` what was written of those that
    somebody changed.
    """

    verdicts: tuple[Verdict, ...]
    tensors: int
    written: bool
    unmerged: bool
    files: Mapping[str, str | None] = {}
    shards: Mapping[str, str] = {}
    digests: Mapping[str, str] = {}

    @property
    def conflicts(self) -> list[Verdict]:
        """What is not settled."""
        return [verdict for verdict in self.verdicts if verdict.open]


def merge_folders(
    path: str, folders: Folders, output: str | None, settings: Settings, meter: Meter | None = None
) -> FolderMerge:
    """Merge three versions of the folder at `path` into the new files of the folder `output`.

    Without an `output` nothing is written. Raises `CheckpointError`, which names the version.
    """
    with ExitStack() as stack:
        base, ours, theirs = (
            stack.enter_context(opened(side, folder))
            for side, folder in zip(Folders._fields, folders, strict=True)
        )
        versions = Versions(path, base, ours, theirs)
        steps = plan(versions)
        texts = merge_metadata(versions, settings.favor or settings.recipe.metadata)
        verdicts = judged(versions, steps, texts, settings)
        joined = join_vocabularies(versions, folders, verdicts, settings)
        index = index_file(versions, joined.verdicts)
        found = (*joined.verdicts, *index.conflicts)
        changed = tuple(verdict for verdict in found if verdict.by != NOBODY)
        if any(verdict.open for verdict in changed):
            return FolderMerge(changed, len(ours), written=False, unmerged=True)
        unmerged = any(verdict.action != COMMIT for verdict in changed)
        if output is None:
            return FolderMerge(changed, len(ours), written=False, unmerged=unmerged)
        settled = _Settled(versions, joined.verdicts, joined.files | index.files, texts.values)
        files, shards = _write_all(settled, output, meter)
        trouble = _trouble(folders, files, whole=bool(joined.files))
        if trouble:
            refused = Verdict("the files together", "", LEAVE, None, trouble, COHERENCE)
            return FolderMerge((*changed, refused), len(ours), written=False, unmerged=True)
        digests = _digests(files, shards, [verdict.name for verdict in changed])
        count = len(shards)
        return FolderMerge(changed, count, True, unmerged, files, shards, digests)  # noqa: FBT003


class _Settled(NamedTuple):
    """A merge in which nothing is left open: the tensors, the other files, texts of the header."""

    versions: Versions
    verdicts: Sequence[Verdict]
    texts: Mapping[str, bytes | None]
    metadata: Mapping[str, str] | None


def _write_all(
    settled: _Settled, output: str, meter: Meter | None
) -> tuple[dict[str, str | None], dict[str, str]]:
    """Write the result; gives its files, and for each tensor the file that it is in."""
    values = kept(settled.verdicts)
    shards = shards_of(settled.versions, values)
    planned = _plan_shards(settled.versions, shards, values, settled.metadata)
    files = _write(output, planned, meter)
    files |= _texts(output, settled.texts)
    files |= dict.fromkeys(_gone(settled.versions, files))
    return files, {name: shard for shard, names in shards.items() for name in names}


class _Shard(NamedTuple):
    """A file of the result: what to write, or the version's file that is the same already."""

    name: str
    values: Sequence[Value]
    metadata: Mapping[str, str] | None
    same: str | None


def _plan_shards(
    versions: Versions,
    shards: Mapping[str, Sequence[str]],
    values: Mapping[str, Value],
    metadata: Mapping[str, str] | None,
) -> list[_Shard]:
    lead = lead_of(versions)
    own = {os.path.basename(shard.path): shard.header.metadata for shard in lead.layout}
    found = []
    for name, names in shards.items():
        said = own.get(name, lead.metadata)
        texts = metadata if said == lead.metadata else said
        held = [values[tensor] for tensor in names]
        same = _same(versions.ours, name, held, texts) or _same(versions.theirs, name, held, texts)
        found.append(_Shard(name, held, texts, same))
    return found


def _same(
    version: Checkpoint, name: str, held: Sequence[Value], metadata: Mapping[str, str] | None
) -> str | None:
    """The file of a version that holds just these tensors, as they are there."""
    for shard in version.layout:
        if os.path.basename(shard.path) != name or shard.header.metadata != metadata:
            continue
        copied = [v.tensor for v in held if isinstance(v, Copy) and v.tensor.checkpoint is version]
        if len(copied) == len(held) and [t.info for t in copied] == list(shard.header.tensors):
            return shard.path
    return None


def _write(output: str, shards: Sequence[_Shard], meter: Meter | None) -> dict[str, str | None]:
    """Write what is not the same as in a version; gives every file of the result."""
    new = [shard for shard in shards if shard.same is None]
    outputs = prepared([value for shard in new for value in shard.values])
    by_name = {output.name: output for output in outputs}
    written = [
        File(os.path.join(output, s.name), [by_name[_name(v)] for v in s.values], s.metadata)
        for s in new
    ]
    progress = meter(sum(map(size, outputs))) if meter is not None else None
    write_files(written, min(os.cpu_count() or 1, THREADS), progress)
    return {s.name: s.same or os.path.join(output, s.name) for s in shards}


def _name(value: Value) -> str:
    if isinstance(value, Copy):
        return value.tensor.name
    return value.conflict.name if isinstance(value, Blend) else value.name


def _texts(output: str, files: Mapping[str, bytes | None]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, content in files.items():
        found[name] = None
        if content is not None:
            found[name] = os.path.join(output, name)
            with open(os.path.join(output, name), "wb") as file:
                file.write(content)
    return found


def _gone(versions: Versions, files: Mapping[str, str | None]) -> list[str]:
    """Files of the checkpoint in some version that are not in the result."""
    known = set()
    for version in (versions.base, versions.ours, versions.theirs):
        if version is not None:
            known |= {os.path.basename(shard.path) for shard in version.layout}
            known |= {os.path.basename(version.index.path)} if version.index else set()
    return sorted(known - set(files))


def _trouble(folders: Folders, files: Mapping[str, str | None], *, whole: bool) -> str:
    """What is wrong with the result that is not wrong with a version of it.

    Unless the result is `whole`, its settings and tokenizer are git's to merge, and are not looked
    at: only whether the shards fit each other and their index.
    """
    before = {str(finding) for folder in folders for finding in _findings(folder)}
    with tempfile.TemporaryDirectory(prefix="tiebreak-") as together:
        names: dict[str, str | None] = dict(files)
        if whole:
            names = {n: os.path.join(folders.ours, n) for n in os.listdir(folders.ours)}
            names.update(files)
        for name, file in names.items():
            if file is not None:
                os.symlink(os.path.abspath(file), os.path.join(together, name))
        new = [f for f in _findings(together) if str(f) not in before]
    more = f"; and {len(new) - 1} more" if new[1:] else ""
    return f"{new[0]}{more}" if new else ""


def _findings(folder: str) -> Sequence[object]:
    try:
        return verify(folder)
    except CheckpointError as error:
        return [error]


def _digests(
    files: Mapping[str, str | None], places: Mapping[str, str], names: Sequence[str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for shard in sorted(set(places.values())):
        file = files[shard]
        if file is not None:
            found |= digests_of(file, [name for name in names if places.get(name) == shard])
    return found
