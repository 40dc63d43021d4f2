"""Where in a model a tensor is: at which depth of which stack of layers, and what kind it is.

``model.layers.3.mlp.experts.7.up_proj.weight`` is at depth 3 of ``model.layers``, of the kind
``mlp.experts.*.up_proj.weight``: experts are many tensors of one kind.
"""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """The stack, the depth in it, and the rest of the name."""

    stack: str
    depth: int
    kind: str


def place_of(name: str) -> Place | None:
    """The place of a tensor; None for one that is in no stack, such as an embedding."""
    parts = name.split(".")
    for position, part in enumerate(parts[1:-1], 1):
        if part.isdecimal():
            rest = ["*" if one.isdecimal() else one for one in parts[position + 1 :]]
            return Place(".".join(parts[:position]), int(part), ".".join(rest))
    return None
