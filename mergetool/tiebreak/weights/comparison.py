"""Checkpoints side by side: how far apart they are, tensor by tensor and layer by layer.

With a base the question is what each side *changed*: norms, cosine and signs are then those of
``A - BASE`` and ``B - BASE``. Of more than two models every pair is compared. Everything reported
of a layer follows from sums over its tensors, and the sums of a tensor from its blocks, so a
checkpoint of any size is read and never held.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import combinations
from operator import add
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tiebreak.weights.blas import one_thread
from tiebreak.weights.directions import directions
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.kernels import host
from tiebreak.weights.values import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.directions import Directions

    Doubles = NDArray[np.float64]
    View = memoryview | bytes

SAME: Final = "same"
CHANGED: Final = "changed"
DTYPE: Final = "dtype"
SHAPE: Final = "shape"
ONLY_A: Final = "only in A"
ONLY_B: Final = "only in B"
MISSING: Final = "not in all"

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
    origin: float = 0.0  # squares of the base

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
    """One tensor.

    `pairs` has the sums of every pair of models (AB, AC, .., BC, ..), and nothing where the values
    cannot be compared one by one; `spectra` the directions of every model's change, or of A - B
    without a base, where they were asked for and the tensor is a matrix.
    """

    name: str
    kind: str
    dtype: str
    shape: tuple[int, ...]
    pairs: tuple[Sums, ...] = ()
    spectra: tuple[Directions | None, ...] = ()

    @property
    def sums(self) -> Sums | None:
        """The sums of A and B; None where there are none."""
        return self.pairs[0] if self.pairs else None


class Layer(NamedTuple):
    """The tensors that share a prefix up to their first number."""

    name: str
    rows: tuple[Row, ...]
    sums: Sums


def compare(
    models: Sequence[Checkpoint], base: Checkpoint | None = None, *, spectra: bool = False
) -> list[Row]:
    """All tensors: those of the first model in their order, then those that only others have."""
    names = dict.fromkeys(name for model in models for name in model.names)
    with one_thread(), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(partial(_row, models, base, spectra), names))


def by_layer(rows: Iterable[Row]) -> list[Layer]:
    """The rows by layer, in the order in which the layers first occur."""
    layers: dict[str, list[Row]] = {}
    for row in rows:
        layers.setdefault(layer_of(row.name), []).append(row)
    return [Layer(name, tuple(found), total(found)) for name, found in layers.items()]


def total(rows: Iterable[Row], pair: int = 0) -> Sums:
    """The sums of a pair of models over all tensors that can be compared."""
    sums = Sums()
    for row in rows:
        if row.pairs:
            sums = sums.plus(row.pairs[pair])
    return sums


def pairs_of(models: int) -> list[tuple[int, int]]:
    """The pairs of so many models, in the order of `Row.pairs`."""
    return list(combinations(range(models), 2))


def squares_of(sums: Sequence[Sums], models: int) -> list[float]:
    """The squared norm of every model, or of its change, from the sums of all pairs."""
    found = [0.0] * models
    for (one, two), pair in zip(pairs_of(models), sums, strict=True):
        found[one], found[two] = pair.a, pair.b
    return found


def layer_of(name: str) -> str:
    """The layer of a tensor: ``model.layers.3.mlp.up_proj.weight`` is in ``model.layers.3``.

    Without a number in the name it is the module: ``lm_head.weight`` is in ``lm_head``.
    """
    parts = name.split(".")
    for position, part in enumerate(parts[:-1], 1):
        if part.isdecimal():
            return ".".join(parts[:position])
    return ".".join(parts[:-1]) or name


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

    def stretch(self, start: int, stop: int) -> Doubles:
        width = DTYPES[self.dtype].bits // 8
        return decode(self.raw[start * width : stop * width], self.dtype).astype(np.float64)


def _row(models: Sequence[Checkpoint], base: Checkpoint | None, spectra: bool, name: str) -> Row:  # noqa: FBT001
    held = [model for model in models if name in model]
    first = held[0].info(name)
    if len(held) < len(models):
        return Row(name, _missing(models, held), first.dtype, first.shape)
    known = [base] if base is not None and name in base else []
    kind = _kind(models, name)
    used = [checkpoint.info(name) for checkpoint in (*models, *known)]
    # a base of another shape says nothing of what was changed
    if any(info.shape != first.shape or DTYPES[info.dtype].packed for info in used):
        return Row(name, kind, first.dtype, first.shape)
    sides = [_Side.of(side, name) for side in (models[:1] if kind == SAME else models)]
    under = _Side.of(known[0], name) if known else None
    sums = _sums(sides, under, first.elements)
    pairs = sums * len(pairs_of(len(models))) if kind == SAME else sums
    matrix = len(first.shape) == 2 and all(DTYPES[info.dtype].is_float for info in used)  # noqa: PLR2004
    found: tuple[Directions | None, ...] = ()
    if spectra and matrix and first.elements and (base is None or under is not None):
        found = _spectra(sides, under, (first.shape[0], first.shape[1]))
        found *= len(models) if under is not None and kind == SAME else 1
    return Row(name, kind, first.dtype, first.shape, pairs, found)


def _missing(models: Sequence[Checkpoint], held: Sequence[Checkpoint]) -> str:
    if len(models) > 2:  # noqa: PLR2004  (A and B)
        return MISSING
    return ONLY_A if held[0] is models[0] else ONLY_B


def _kind(models: Sequence[Checkpoint], name: str) -> str:
    infos = [model.info(name) for model in models]
    if len({info.shape for info in infos}) > 1:
        return SHAPE
    if len({info.dtype for info in infos}) > 1:
        return DTYPE
    first, *others = (model.raw(name) for model in models)
    return SAME if all(host().equal(first, other) for other in others) else CHANGED


def _spectra(
    sides: Sequence[_Side], base: _Side | None, shape: tuple[int, int]
) -> tuple[Directions | None, ...]:
    """Of every side's change; without a base, of the first side's difference from the second."""
    pairs = [(side, base) for side in sides] if base is not None else [(sides[0], sides[-1])]
    with one_thread():
        return tuple(directions(partial(_apart, one, two), shape) for one, two in pairs)


def _apart(one: _Side, two: _Side, start: int, stop: int) -> Doubles:
    return one.stretch(start, stop) - two.stretch(start, stop)


def _sums(sides: Sequence[_Side], base: _Side | None, elements: int) -> tuple[Sums, ...]:
    """The sums of one tensor, for every pair. One side alone stands for all, which are equal."""
    pairs = pairs_of(len(sides)) or [(0, 0)]
    sums = [Sums(elements)] * len(pairs)
    with np.errstate(all="ignore"):  # what is not finite is found afterwards
        for start in range(0, elements, _BLOCK):
            values = [side.values(start) for side in sides]
            changed = [_changed(sides, values, pair, start) for pair in pairs]
            origin = 0.0
            if base is not None:
                under = base.values(start)
                values = [value - under for value in values]
                origin = _finite_squares(under)
            sums = [
                one.plus(_block_sums(values[a], values[b])._replace(changed=number, origin=origin))
                for one, (a, b), number in zip(sums, pairs, changed, strict=True)
            ]
    return tuple(sums)


def _changed(
    sides: Sequence[_Side], values: Sequence[Doubles], pair: tuple[int, int], start: int
) -> int:
    one, two = pair
    if one == two:
        return 0
    a, b = sides[one], sides[two]
    if a.dtype == b.dtype:
        return int(np.count_nonzero(a.bits(start) != b.bits(start)))
    return int(np.count_nonzero(values[one] != values[two]))


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


def _finite_squares(values: Doubles) -> float:
    found = _squares(values)
    return found if math.isfinite(found) else _squares(values[np.isfinite(values)])


def _squares(values: Doubles) -> float:
    """Without BLAS, whose order of addition depends on the number of cores."""
    return float(np.einsum("i,i->", values, values))
