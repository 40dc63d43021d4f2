"""The index of shards against the shards: every tensor in exactly one, and the total."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from tiebreak.weights.errors import shown
from tiebreak.weights.verifying.folder import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.weights.checkpoint import Index
    from tiebreak.weights.verifying.folder import Folder

_NUMBERED: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.safetensors")


def shards(folder: Folder) -> Iterator[Finding]:
    """Tensors that are missing, twice, elsewhere than the index says, or not in it."""
    for index in folder.indexes:
        yield from _against(index, folder)
    if not folder.indexes and not folder.broken_json:
        for name in folder.names:
            if _NUMBERED.fullmatch(name):  # means nothing to a loader without its index
                yield Finding(name, "is a shard, and no index names it", "restore the index json")
                return


def _against(index: Index, folder: Folder) -> Iterator[Finding]:
    file, named = os.path.basename(index.path), set(index.weight_map.values())
    for shard in sorted(named - set(folder.names)):
        held = sum(value == shard for value in index.weight_map.values())
        yield Finding(file, f"names {shown(shard)}, which is not here ({held} tensors)", _RESTORE)
    places: dict[str, list[str]] = {}
    for shard in sorted(named | _forgotten(named, folder)):
        for tensor in folder.shards[shard].header.tensors if shard in folder.shards else ():
            places.setdefault(tensor.name, []).append(shard)
    for name in sorted(index.weight_map.keys() | places.keys()):
        found = _misplaced(name, index.weight_map.get(name), places.get(name, []), folder)
        if found is not None:
            yield Finding(file, *found)


def _forgotten(named: set[str], folder: Folder) -> set[str]:
    """Shards that are called like those of an index, and that no index names."""
    stems = {match[1] for name in named if (match := _NUMBERED.fullmatch(name))}
    elsewhere = {name for index in folder.indexes for name in index.weight_map.values()}
    alike = {n for n in folder.shards if (match := _NUMBERED.fullmatch(n)) and match[1] in stems}
    return alike - elsewhere


_RESTORE: Final = "restore the shard, or take the index and all shards from one side"
_REWRITE: Final = "take the index and all shards from one side, or merge folders"


def _misplaced(
    name: str, said: str | None, held: list[str], folder: Folder
) -> tuple[str, str] | None:
    """What is wrong with one tensor, and what to do."""
    tensor = f"tensor {shown(name)!r}"
    where = " and ".join(map(shown, held))
    if len(held) > 1:
        return f"{tensor} is in {where}", f"remove it from all but one; {_REWRITE}"
    if said is None:
        return f"{tensor} is in {where} but not in the index", f"add it to weight_map; {_REWRITE}"
    if said not in folder.shards:
        return None  # the shard itself was complained of
    if not held:
        return f"{tensor} should be in {shown(said)} and is nowhere", _REWRITE
    if held != [said]:
        return f"{tensor} is in {where}, not in {shown(said)}", "correct its entry in weight_map"
    return None


def totals(folder: Folder) -> Iterator[Finding]:
    """``metadata.total_size`` is the sum of the tensors' bytes, each name once."""
    sizes = {(file, tensor.name): tensor.nbytes for file, tensor in folder.entries()}
    for index in folder.indexes:
        if "total_size" not in index.metadata:
            continue
        if not set(index.weight_map.values()) <= set(folder.shards):
            continue  # what is missing was complained of, and the sum would follow from that
        total = sum(sizes.get((file, name), 0) for name, file in index.weight_map.items())
        said = index.metadata["total_size"]
        if said != total:
            what = f"total_size is {shown(repr(said))}, the tensors have {total} bytes"
            yield Finding(os.path.basename(index.path), what, f"set total_size to {total}")
