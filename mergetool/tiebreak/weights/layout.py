"""Which tensor goes into which shard, and the index that says so.

A side that moved tensors decides over the files; where both did, ours. What only the other side
has goes into the file of the tensor before it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.policy import LEAVE
from tiebreak.weights.conflict import METADATA, Removed
from tiebreak.weights.file import Verdict
from tiebreak.weights.settings_files import dump, merge_json
from tiebreak.weights.threeway import in_order
from tiebreak.weights.writing import value_size

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.conflict import Value
    from tiebreak.weights.threeway import Versions

TOTAL: Final = "total_size"


class IndexFile(NamedTuple):
    """The index of the result, by its name; nothing without shards."""

    files: dict[str, bytes | None]
    conflicts: tuple[Verdict, ...]


def lead_of(versions: Versions) -> Checkpoint:
    """The side whose files the result has."""
    base = versions.base
    if base is not None and _moved(base, versions.theirs) and not _moved(base, versions.ours):
        return versions.theirs
    return versions.ours


def shards_of(versions: Versions, names: Collection[str]) -> dict[str, list[str]]:
    """The tensors of each file, in order."""
    lead = lead_of(versions)
    other = versions.ours if lead is versions.theirs else versions.theirs
    found: dict[str, list[str]] = {_file(lead, name): [] for name in lead.names}
    place = next(iter(found), os.path.basename(lead.layout[0].path))
    for name in in_order(lead.names, other.names):
        place = _file(lead, name) if name in lead else place
        if name in names:
            found.setdefault(place, []).append(name)
    return {file: held for file, held in found.items() if held}


def index_file(versions: Versions, verdicts: Sequence[Verdict]) -> IndexFile:
    """The index in the form of the leading side's, with the total that the tensors have."""
    lead = lead_of(versions)
    if lead.index is None:
        return IndexFile({}, ())
    of = [v.index.metadata if v is not None and v.index else {} for v in versions[1:4]]
    before, one, other = ({k: v for k, v in found.items() if k != TOTAL} for found in of)
    merged = merge_json(before, one, other, "metadata")
    name = os.path.basename(lead.index.path)
    conflicts = tuple(
        Verdict(f"{name}.{where}", "", LEAVE, None, why, METADATA)
        for where, why in merged.conflicts
    )
    values = {
        v.name: v.value
        for v in verdicts
        if v.value is not None and not isinstance(v.value, Removed)
    }
    shards = shards_of(versions, values)
    places = {tensor: file for file, held in shards.items() for tensor in held}
    metadata = dict(merged.value)
    if any(TOTAL in found for found in of):
        metadata = {TOTAL: sum(map(value_size, values.values()))} | metadata
    known = [tensor for tensor in lead.index.weight_map if tensor in places]
    order = in_order(known, list(places))
    content = {"metadata": metadata, "weight_map": {tensor: places[tensor] for tensor in order}}
    with open(lead.index.path, "rb") as file:
        like = file.read()
    return IndexFile({name: dump(content, like)}, conflicts)


def kept(verdicts: Sequence[Verdict]) -> dict[str, Value]:
    """The tensors of the result."""
    return {
        v.name: v.value
        for v in verdicts
        if v.value is not None and not isinstance(v.value, Removed)
    }


def _moved(base: Checkpoint, side: Checkpoint) -> bool:
    """Whether a side keeps a tensor in another file than the base."""
    return any(name in side and _file(base, name) != _file(side, name) for name in base.names)


def _file(checkpoint: Checkpoint, name: str) -> str:
    return os.path.basename(checkpoint.shard(name).path)
