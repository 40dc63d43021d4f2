"""An adapter as its files have it: pairs of factors, their scales, and tensors stored as a whole.

The names that an adapter does not explain are refused, so that nothing is lost in what is made of
it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import numpy as np

from tiebreak.errors import InputError
from tiebreak.weights.adapters.config import Config, read_config
from tiebreak.weights.adapters.lowrank import LowRank
from tiebreak.weights.adapters.names import FACTOR
from tiebreak.weights.checkpoint import Checkpoint, open_checkpoint
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import shown
from tiebreak.weights.values import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

WEIGHTS: Final = "adapter_model.safetensors"

_MATRIX: Final = 2  # dimensions


class Pair(NamedTuple):
    """The factors of one module, by the names of their tensors.

    A is rank x inputs (of a convolution: and the kernel's sizes), B is outputs x rank.
    """

    module: str
    a: str
    b: str
    rank: int
    scale: float
    embedding: bool


class Adapter(NamedTuple):
    """An opened adapter. `whole` are the tensors that replace one of the model's."""

    checkpoint: Checkpoint
    config: Config
    pairs: Mapping[str, Pair]
    whole: tuple[str, ...]

    @property
    def path(self) -> str:
        """The folder."""
        return os.path.dirname(self.config.path)

    def shape(self, module: str) -> tuple[int, int, tuple[int, ...]]:
        """Outputs, inputs, and the kernel's sizes of a convolution: those of the change."""
        pair = self.pairs[module]
        a = self.checkpoint.info(pair.a).shape
        return self.checkpoint.info(pair.b).shape[0], a[1], a[2:]

    def change(self, module: str, weight: float = 1.0) -> LowRank:
        """What it changes a module by, as outputs x inputs; a kernel is part of the inputs."""
        left, right = self.factors(module)
        return LowRank(left * (weight * self.pairs[module].scale), right)

    def factors(self, module: str) -> LowRank:
        """B and A, without the scale."""
        pair = self.pairs[module]
        a, b = (self._values(name) for name in (pair.a, pair.b))
        return LowRank(b.reshape(b.shape[0], pair.rank), a.reshape(pair.rank, -1))

    def _values(self, name: str) -> NDArray[np.float64]:
        info = self.checkpoint.info(name)
        values = decode(self.checkpoint.raw(name), info.dtype).astype(np.float64)
        if not np.isfinite(values).all():
            _refuse(self.checkpoint, f"tensor {shown(name)!r} holds NaN or infinity")
        return values.reshape(info.shape)


@contextmanager
def open_adapter(folder: str) -> Iterator[Adapter]:
    """Open the adapter in a folder. Raises `InputError`, which names what cannot be used."""
    if not os.path.isdir(folder):
        what = "an adapter is a folder with adapter_config.json and adapter_model.safetensors"
        raise InputError(f"{shown(folder, 400)}: {what}")
    config = read_config(folder)
    weights = os.path.join(folder, WEIGHTS)
    with open_checkpoint(weights if os.path.exists(weights) else folder) as checkpoint:
        yield adapter_of(checkpoint, config)


def adapter_of(checkpoint: Checkpoint, config: Config) -> Adapter:
    """The pairs of a checkpoint, checked."""
    found: dict[str, dict[str, str]] = {}
    whole = []
    for name in checkpoint.names:
        match = FACTOR.fullmatch(name)
        if match is not None:
            found.setdefault(match[1], {})[f"{match[2] or ''}{match[3]}"] = name
        elif ".lora_" in name or ".token_adapter." in name:
            _refuse(checkpoint, f"tensor {shown(name)!r} is no factor; what it means is not known")
        else:
            whole.append(name)
    pairs = {module: _pair(checkpoint, config, module, names) for module, names in found.items()}
    if not pairs:
        _refuse(checkpoint, "holds no factors (lora_A and lora_B); is it an adapter?")
    return Adapter(checkpoint, config, pairs, tuple(whole))


def _pair(checkpoint: Checkpoint, config: Config, module: str, names: Mapping[str, str]) -> Pair:
    kind = "embedding_" if {"embedding_A", "embedding_B"} & set(names) else ""
    if set(names) != {f"{kind}A", f"{kind}B"}:
        _refuse(checkpoint, f"{shown(module)} has {' and '.join(sorted(names))} of its factors")
    first, second = names[f"{kind}A"], names[f"{kind}B"]
    a, b = checkpoint.info(first), checkpoint.info(second)
    for info in (a, b):
        if not DTYPES[info.dtype].is_float:
            _refuse(checkpoint, f"tensor {shown(info.name)!r} is {info.dtype}, not floating point")
    fits = len(a.shape) >= _MATRIX and len(b.shape) >= _MATRIX and a.shape[0] == b.shape[1]
    if not fits or a.elements == 0 or b.elements != b.shape[0] * b.shape[1]:
        shapes = f"lora_A {list(a.shape)} and lora_B {list(b.shape)}"
        grouped = "; convolutions in groups are not merged" if a.shape[2:] else ""
        _refuse(checkpoint, f"{shown(module)}: {shapes} are no pair of factors{grouped}")
    return Pair(module, first, second, a.shape[0], config.scale(module, a.shape[0]), bool(kind))


def _refuse(checkpoint: Checkpoint, reason: str) -> NoReturn:
    raise InputError(f"{shown(checkpoint.path, 400)}: {reason}")
