"""A checkpoint in which some tensors are others: moved rows, an output that was tied."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.weights.checkpoint import Checkpoint, Shard

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tiebreak.weights.safetensors import TensorInfo


class Held(NamedTuple):
    """A tensor that is not in the file: its dtype and shape, and its bytes."""

    info: TensorInfo
    raw: memoryview


class Overlay(Checkpoint):
    """The checkpoint `under`, with `held` in place of its tensors or besides, and without others.

    A tensor that `under` lacks comes last in its last file. It is as open as `under` is, and
    closing it is for whoever opened that.
    """

    __slots__ = ("_held", "under")

    def __init__(
        self, under: Checkpoint, held: Mapping[str, Held], without: Collection[str] = ()
    ) -> None:
        """Nothing is read or copied."""
        self.under, self._held = under, dict(held)
        self.path, self.metadata = under.path, under.metadata
        shards = [_shard(shard, held, without) for shard in under.layout]
        more = [one.info for name, one in held.items() if name not in under]
        shards[-1] = _with(shards[-1], (*shards[-1].header.tensors, *more))
        self.layout = tuple(shards)
        self._places = {t.name: (shard, t) for shard in shards for t in shard.header.tensors}
        self.names = tuple(self._places)
        self.index = under.index
        if under.index is not None:
            known = [*under.index.weight_map, *(one.name for one in more)]
            places = {n: os.path.basename(self.shard(n).path) for n in known if n in self}
            self.index = under.index._replace(weight_map=places)

    def raw(self, name: str) -> memoryview:
        """See `Checkpoint.raw`."""
        if name in self._held:
            return self._held[name].raw
        return self.under.raw(name)


def _shard(shard: Shard, held: Mapping[str, Held], without: Collection[str]) -> Shard:
    kept = (tensor for tensor in shard.header.tensors if tensor.name not in without)
    tensors = tuple(held[t.name].info if t.name in held else t for t in kept)
    return shard if tensors == shard.header.tensors else _with(shard, tensors)


def _with(shard: Shard, tensors: tuple[TensorInfo, ...]) -> Shard:
    return shard._replace(header=shard.header._replace(tensors=tensors))
