"""The index of shards against the shards: every tensor in exactly one, and the total."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from tiebreak.weights.errors import shown
from tiebreak.weights.verifying.folder import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.weights.verifying.folder import Folder

_NUMBERED: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.safetensors")


def shards(folder: Folder) -> Iterator[Finding]:
    """Tensors that are missing, twice, elsewhere than the index says, or not in it."""
    index = folder.index
    if index is None:
        yield from _without_index(folder)
        return
    file = os.path.basename(index.path)
    named = set(index.weight_map.values())
    places: dict[str, list[str]] = {}
    for shard, tensor in folder.entries():
        if shard in named or _NUMBERED.fullmatch(shard):
            places.setdefault(tensor.name, []).append(shard)
    for shard in sorted(named - set(folder.names)):
        held = sum(value == shard for value in index.weight_map.values())
        yield Finding(file, f"names {shown(shard)}, which is not here ({held} tensors)", _RESTORE)
    for name in sorted(index.weight_map.keys() | places.keys()):
        found = _misplaced(name, index.weight_map.get(name), places.get(name, []), folder)
        if found is not None:
            yield Finding(file, *found)


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


def _without_index(folder: Folder) -> Iterator[Finding]:
    """Numbered shards mean nothing to a loader without their index."""
    if folder.broken_json:
        return
    for name in folder.names:
        if _NUMBERED.fullmatch(name):
            yield Finding(name, "is a shard, and no index names it", "restore the index json")
            return


def totals(folder: Folder) -> Iterator[Finding]:
    """``metadata.total_size`` is the sum of the tensors' bytes, each name once."""
    index = folder.index
    if index is None or "total_size" not in index.metadata:
        return
    if not set(index.weight_map.values()) <= set(folder.shards):
        return
    tensors = (folder.tensors[name][1] for name in index.weight_map if name in folder.tensors)
    total, said = sum(tensor.nbytes for tensor in tensors), index.metadata["total_size"]
    if said != total:
        what = f"total_size is {shown(repr(said))}, the tensors have {total} bytes"
        yield Finding(os.path.basename(index.path), what, f"set total_size to {total}")
