"""Layer swap: some layers are the second model's, all others the first's, byte for byte.

L. Bandarkar et al., "Layer swapping for zero-shot cross-lingual transfer in large language
models" (arXiv 2410.01335): the outer layers of a language expert in a model that is an expert of a
task, with averaged layers between them.

`layers` and `blend` are lists such as "0-3,28-31". A tensor belongs to the layer that its name
gives ("model.layers.12.mlp.up_proj.weight": 12); the others (embeddings, final norm) are as `rest`
says.
"""

from __future__ import annotations

import re
from typing import Final

from tiebreak.weights.methods.method import (
    Content,
    Each,
    Method,
    Parameter,
    Parameters,
    Terms,
    combined,
)

_LAYER: Final = re.compile(r"(?:^|\.)(?:layers?|h|blocks?|resblocks)\.(\d+)\.")
_RANGE: Final = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


def layer_of(name: str) -> int | None:
    """The number of the layer that a tensor's name gives."""
    found = _LAYER.search(name)
    return int(found[1]) if found else None


def layers(text: str) -> frozenset[int]:
    """The layers of a list such as "0-3, 28". Raises `ValueError`."""
    found: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f'expected layers such as "0-3,28-31", got {part!r}')
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return frozenset(found)


def prepare(terms: Terms, parameters: Parameters, each: Each) -> Content:
    """See `Method.prepare`."""
    side = _side(layer_of(terms.name), parameters)
    if side is not None and terms.sides[side].dtype == terms.dtype:
        return terms.sides[side].data
    if terms.same():
        return terms.sides[0].data
    chosen = terms.sides if side is None else (terms.sides[side],)
    sides = tuple(one._replace(weight=1 / len(chosen)) for one in chosen)
    return combined(terms, None, sides)


def _side(layer: int | None, parameters: Parameters) -> int | None:
    """Which model a layer comes from; None for the average."""
    if layer is None:
        return {"first": 0, "second": 1, "average": None}[str(parameters["rest"])]
    if layer in layers(str(parameters["blend"])):
        return None
    return int(layer in layers(str(parameters["layers"])))


METHOD: Final = Method(
    name="layer_swap",
    summary="whole layers of the second model in the first",
    parameters={
        "layers": Parameter(None, 'layers of the second model, such as "0-3,28-31"', check=layers),
        "blend": Parameter("", "layers that are averaged", check=layers),
        "rest": Parameter("first", "what is in no layer", choices=("first", "second", "average")),
    },
    prepare=prepare,
    needs_base=False,
    sides=(2, 2),
)
