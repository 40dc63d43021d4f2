"""Factors as the bytes of a file, and the settings that go with them."""

from __future__ import annotations

import json
import os
from collections import Counter
from math import prod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tiebreak.weights.adapters.adapter import WEIGHTS
from tiebreak.weights.adapters.config import CONFIG, setting
from tiebreak.weights.adapters.lowrank import LowRank
from tiebreak.weights.adapters.names import PREFIX
from tiebreak.weights.engine import File as Written
from tiebreak.weights.engine import Output, write_files
from tiebreak.weights.newfolder import new_folder
from tiebreak.weights.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METADATA: Final = {"format": "pt"}


class Place(NamedTuple):
    """Where the factors of a module go: the tensors' names and types, a convolution's kernel."""

    module: str
    a: str
    b: str
    dtypes: tuple[str, str]
    kernel: tuple[int, ...] = ()

    @classmethod
    def of(cls, module: str, dtype: str, kernel: tuple[int, ...] = (), *, table: bool) -> Place:
        """As PEFT names them."""
        stem = f"{PREFIX}{module}.lora_{'embedding_' if table else ''}"
        end = "" if table else ".weight"
        return cls(module, f"{stem}A{end}", f"{stem}B{end}", (dtype, dtype), kernel)


class Stored(NamedTuple):
    """The factors of a module as they are written, and what they lost of the change."""

    place: Place
    shape: tuple[int, int]  # of the change
    rank: int
    alpha: float
    a: bytes
    b: bytes
    norm: float = 0.0
    error: float = 0.0

    @property
    def change(self) -> LowRank:
        """What a reader makes of the factors."""
        b, a = (
            decode(raw, dtype).astype(np.float64)
            for raw, dtype in zip((self.b, self.a), reversed(self.place.dtypes), strict=True)
        )
        left = b.reshape(self.shape[0], self.rank) * (self.alpha / self.rank)
        return LowRank(left, a.reshape(self.rank, self.shape[1]))

    def outputs(self) -> tuple[Output, Output]:
        """A and B as tensors of the file."""
        place, (rows, columns) = self.place, self.shape
        kernel = place.kernel
        inputs = columns // prod(kernel)
        a = Output(place.a, place.dtypes[0], (self.rank, inputs, *kernel), memoryview(self.a))
        ones = (1,) * len(kernel)
        b = Output(place.b, place.dtypes[1], (rows, self.rank, *ones), memoryview(self.b))
        return a, b


def store(place: Place, factors: LowRank, scale: float = 1.0) -> Stored:
    """The factors, rounded to the types of their place; alpha is what makes them count `scale`."""
    shape = len(factors.left), int(factors.right.shape[1])
    a, b = (
        encode(np.ascontiguousarray(values), dtype)
        for values, dtype in zip((factors.right, factors.left), place.dtypes, strict=True)
    )
    return Stored(place, shape, factors.rank, scale * factors.rank, a, b)


def settings_for(stored: Sequence[Stored]) -> dict[str, Any]:
    """The rank and alpha, with patterns for the modules that differ from most."""
    of = {one.place.module: (one.rank, one.alpha) for one in stored}
    (rank, alpha), _ = Counter(of.values()).most_common(1)[0]
    odd = {module: pair for module, pair in of.items() if pair != (rank, alpha)}
    found = _patterns(rank, alpha, odd)
    if any(_read(found, module) != pair for module, pair in of.items()):
        found = _patterns(rank, alpha, of)  # a name is the end of another's
    return {"peft_type": "LORA", "use_rslora": False, "init_lora_weights": True, **found}


def _patterns(rank: int, alpha: float, odd: Mapping[str, tuple[int, float]]) -> dict[str, Any]:
    """Longer names first: a reader takes the first that a module's name ends in."""
    names = sorted(odd, key=lambda name: (-len(name), name))
    return {
        "r": rank,
        "lora_alpha": _plain(alpha),
        "rank_pattern": {name: odd[name][0] for name in names},
        "alpha_pattern": {name: _plain(odd[name][1]) for name in names},
    }


def _read(settings: Mapping[str, Any], module: str) -> tuple[object, object]:
    rank = setting(settings, "rank_pattern", "r", module)
    return rank, setting(settings, "alpha_pattern", "lora_alpha", module)


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number


def write_adapter(
    path: str,
    tensors: Sequence[Output],
    settings: Mapping[str, Any],
    others: Mapping[str, str | bytes],
    threads: int = 0,
) -> None:
    """Write a new folder with the tensors, the settings, and other files."""
    text = json.dumps(dict(sorted(settings.items())), indent=2) + "\n"
    with new_folder(path, {**others, CONFIG: text.encode()}) as folder:
        file = Written(os.path.join(folder, WEIGHTS), tensors, METADATA)
        write_files([file], threads)
