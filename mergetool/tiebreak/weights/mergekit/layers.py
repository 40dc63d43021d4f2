"""Layers by the names of tensors: no list of architectures.

The first number that stands between dots in a name is a layer's, and what is before it names the
stack: ``model.layers.12.mlp.up_proj.weight`` is in layer 12 of the stack ``model.layers``. A model
for text alone has one stack; others have more (an encoder and a decoder, a vision tower).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LAYER: Final = re.compile(r"(.+?)\.(\d{1,6})\.(.+)", re.DOTALL)

# What stands before the first layer; all other tensors outside of layers come after the last one
_BEFORE: Final = re.compile(
    r"(^|[._])(w[tp]e|shared|\w*embed(?!_out)\w*|\w*emb|\w*_pre|relative_pe|\w*conv\d*)([._]|$)"
)


class Layered(NamedTuple):
    """A name taken apart."""

    stack: str
    number: int
    rest: str

    def at(self, number: int) -> str:
        """The name of the same tensor in another layer."""
        return f"{self.stack}.{number}.{self.rest}"


class Stack(NamedTuple):
    """The layers of one stack: what is in each, by number."""

    name: str
    layers: Mapping[int, frozenset[str]]

    @property
    def length(self) -> int:
        """How many layers it has, if none is missing between others."""
        return max(self.layers) + 1

    def gap(self) -> int | None:
        """The first layer that is missing between others."""
        return next((n for n in range(self.length) if n not in self.layers), None)

    def depth(self, number: int) -> float:
        """Where a layer is: 0 the first, 1 the last; 1 where there is only one."""
        return number / (self.length - 1) if self.length > 1 else 1.0


def layered(name: str) -> Layered | None:
    """The layer of a tensor; None outside of layers."""
    found = _LAYER.fullmatch(name)
    return Layered(found[1], int(found[2]), found[3]) if found else None


def is_before(name: str) -> bool:
    """Whether a tensor outside of layers belongs before them: embeddings do, heads do not."""
    return _BEFORE.search(name) is not None


def stacks_of(names: Iterable[str]) -> dict[str, Stack]:
    """The stacks of a model, by name."""
    found: dict[str, dict[int, set[str]]] = {}
    for name in names:
        place = layered(name)
        if place is not None:
            found.setdefault(place.stack, {}).setdefault(place.number, set()).add(place.rest)
    return {
        stack: Stack(stack, {n: frozenset(layers[n]) for n in sorted(layers)})
        for stack, layers in found.items()
    }
