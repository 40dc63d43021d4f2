"""Two checkpoints side by side: how far apart they are, tensor by tensor and layer by layer.

With a base the question is what each side *changed*: norms, cosine and signs are then those of
``A - BASE`` and ``B - BASE``. Everything reported of a layer follows from sums over its tensors,
and the sums of a tensor from its blocks, so a checkpoint of any size is read and never held.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import starmap
from operator import add
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tiebreak.weights.dtypes import DTYPES, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from tiebreak.weights.checkpoint import Checkpoint

    Doubles = NDArray[np.float64]
    View = memoryview | bytes

SAME: Final = "same"
CHANGED: Final = "changed"
DTYPE: Final = "dtype"
SHAPE: Final = "shape"
ONLY_A: Final = "only in A"
ONLY_B: Final = "only in B"

_BLOCK: Final = 1 << 16  # elements; a few arrays of them stay in a core's cache
_BYTES: Final = 1 << 22


class Sums(NamedTuple):
    """What adds up: over the blocks of a tensor, the tensors of a layer, the layers of a model.

    Entries that are not finite count in `nonfinite` and in `changed`, and in nothing else.
    """

    elements: int = 0
    changed: int = 0  # entries whose bits differ between A and B
    nonfinite: int = 0  # entries that are NaN or infinite in A or B
    a: float = 0.0  # squares
    b: float = 0.0
    distance: float = 0.0  # squares of A - B
    product: float = 0.0
    moved: int = 0  # entries that are not zero on either side,
    agree: int = 0  # and those of them with the same sign

    def plus(self, other: Sums) -> Sums:
        """The sums of both together."""
        return Sums(*map(add, self, other))

    @property
    def changed_share(self) -> float:
        """The share of entries whose bits differ."""
        return self.changed / self.elements if self.elements else 0.0

    @property
    def cosine(self) -> float | None:
        """The cosine between both sides; None where one of them is zero."""
        size = math.sqrt(self.a) * math.sqrt(self.b)
        return max(-1.0, min(1.0, self.product / size)) if size else None

    @property
    def sign_agreement(self) -> float | None:
        """Of the entries that both sides have (or changed), the share with the same sign."""
        return self.agree / self.moved if self.moved else None


class Row(NamedTuple):
    """One tensor. `sums` is None where the values cannot be compared one by one."""

    name: str
    kind: str
    dtype: str
    shape: tuple[int, ...]
    sums: Sums | None


class Layer(NamedTuple):
    """The tensors that share a prefix up to their first number."""

    name: str
    rows: tuple[Row, ...]
    sums: Sums


def compare(a: Checkpoint, b: Checkpoint, base: Checkpoint | None = None) -> list[Row]:
    """All tensors: those of A in their order, then those that only B has."""
    names = [*a.names, *(name for name in b.names if name not in a)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(partial(_row, a, b, base), names))


def by_layer(rows: Iterable[Row]) -> list[Layer]:
    """The rows by layer, in the order in which the layers first occur."""
    layers: dict[str, list[Row]] = {}
    for row in rows:
        layers.setdefault(layer_of(row.name), []).append(row)
    return [Layer(name, tuple(found), total(found)) for name, found in layers.items()]


def total(rows: Iterable[Row]) -> Sums:
    """The sums over all tensors that can be compared."""
    sums = Sums()
    for row in rows:
        sums = sums.plus(row.sums or Sums())
    return sums


def layer_of(name: str) -> str:
    """The layer of a tensor: ``model.layers.3.mlp.up_proj.weight`` is in ``model.layers.3``.

    Without a number in the name it is the module: ``lm_head.weight`` is in ``lm_head``.
    """
    parts = name.split(".")
    for position, part in enumerate(parts[:-1], 1):
        if part.isdecimal():
            return ".".join(parts[:position])
    return ".".join(parts[:-1]) or name


def same_bytes(a: View, b: View) -> bool:
    """Whether two tensors are equal, bit by bit; stops at the first block that differs."""
    if len(a) != len(b):
        return False
    return all(starmap(np.array_equal, _pairs(a, b)))


def _pairs(a: View, b: View) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    for start in range(0, len(a), _BYTES):
        end = start + _BYTES
        yield np.frombuffer(a[start:end], np.uint8), np.frombuffer(b[start:end], np.uint8)


class _Side(NamedTuple):
    """One tensor's bytes, block by block. Complex numbers count as one and come as two values."""

    raw: memoryview
    dtype: str

    @classmethod
    def of(cls, checkpoint: Checkpoint, name: str) -> _Side:
        return cls(checkpoint.raw(name), checkpoint.info(name).dtype)

    def block(self, start: int) -> memoryview:
        width = DTYPES[self.dtype].bits // 8
        return self.raw[start * width : (start + _BLOCK) * width]

    def bits(self, start: int) -> NDArray[Any]:
        return np.frombuffer(self.block(start), f"<u{DTYPES[self.dtype].bits // 8}")

    def values(self, start: int) -> Doubles:
        return decode(self.block(start), self.dtype).astype(np.float64)


def _row(a: Checkpoint, b: Checkpoint, base: Checkpoint | None, name: str) -> Row:
    if name not in a or name not in b:
        info, kind = (a.info(name), ONLY_A) if name in a else (b.info(name), ONLY_B)
        return Row(name, kind, info.dtype, info.shape, None)
    used = [c.info(name) for c in (a, b, base) if c is not None and name in c]
    ours = used[0]
    kind = _kind(a, b, name)
    sums = None
    # a base of another shape says nothing of what was changed
    if all(info.shape == ours.shape and not DTYPES[info.dtype].packed for info in used):
        sides = [_Side.of(side, name) for side in ((a,) if kind == SAME else (a, b))]
        under = _Side.of(base, name) if base is not None and name in base else None
        sums = _sums(sides, under, ours.elements)
    return Row(name, kind, ours.dtype, ours.shape, sums)


def _kind(a: Checkpoint, b: Checkpoint, name: str) -> str:
    ours, theirs = a.info(name), b.info(name)
    if ours.shape != theirs.shape:
        return SHAPE
    if ours.dtype != theirs.dtype:
        return DTYPE
    return SAME if same_bytes(a.raw(name), b.raw(name)) else CHANGED


def _sums(sides: list[_Side], base: _Side | None, elements: int) -> Sums:
    """The sums of one tensor. One side alone stands for two that are equal."""
    sums = Sums(elements)
    with np.errstate(all="ignore"):  # what is not finite is found afterwards
        for start in range(0, elements, _BLOCK):
            values = [side.values(start) for side in sides]
            changed = _changed(sides, values, start)
            if base is not None:
                under = base.values(start)
                values = [value - under for value in values]
            sums = sums.plus(_block_sums(values[0], values[-1])._replace(changed=changed))
    return sums


def _changed(sides: list[_Side], values: list[Doubles], start: int) -> int:
    if len(sides) == 1:
        return 0
    a, b = sides
    if a.dtype == b.dtype:
        return int(np.count_nonzero(a.bits(start) != b.bits(start)))
    return int(np.count_nonzero(values[0] != values[1]))


def _block_sums(a: Doubles, b: Doubles) -> Sums:
    product = a * b
    sums = Sums(
        a=_squares(a),
        b=_squares(b),
        distance=0.0 if a is b else _squares(a - b),
        product=float(product.sum()),
        moved=int(np.count_nonzero(product)),
        agree=int(np.count_nonzero(product > 0)),
    )
    if math.isfinite(sums.a + sums.b):
        return sums
    finite = np.isfinite(a) & np.isfinite(b)
    wrong = int(finite.size - np.count_nonzero(finite))
    return _block_sums(a[finite], b[finite])._replace(nonfinite=wrong) if wrong else sums


def _squares(values: Doubles) -> float:
    """Without BLAS, whose order of addition depends on the number of cores."""
    return float(np.einsum("i,i->", values, values))
