"""Adapters in the model that they were trained for: base + sum_i w_i * scale_i * B_i @ A_i.

Only tensors that an adapter is about change; all others are copied, byte for byte. What changes is
computed in float64, in stretches, and rounded once to the type that it has in the model.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.adapters.lowrank import LowRank, stacked
from tiebreak.weights.adapters.model import OUTPUTS, is_tied, tied_table
from tiebreak.weights.adapters.names import tensor_of_model, whole
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import Output
from tiebreak.weights.errors import shown
from tiebreak.weights.kernels import Side, host
from tiebreak.weights.threeway import is_token_table
from tiebreak.weights.values import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.adapters.adapter import Adapter
    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.methods.method import Content, Each


class Weighted(NamedTuple):
    """An adapter, and how much of it is added."""

    adapter: Adapter
    weight: float = 1.0


class _Change(NamedTuple):
    """What one adapter adds to one tensor; `turned` if the model stores inputs x outputs."""

    given: Weighted
    module: str
    turned: bool

    def factors(self) -> LowRank:
        found = self.given.adapter.change(self.module, self.given.weight)
        return LowRank(found.right.T, found.left.T) if self.turned else found


def apply_adapters(base: Checkpoint, given: Sequence[Weighted]) -> list[list[Output]]:
    """The tensors of the model with the adapters in it, for each of its shards.

    Nothing is computed yet: `tiebreak.weights.whole.write_models` writes it, beside the
    configuration of the base, or `Output.content` gives one tensor. The checkpoints have to stay
    open until then. Raises `InputError` where an adapter does not fit the model.
    """
    changes: dict[str, list[_Change]] = {}
    replaced: dict[str, tuple[Adapter, str]] = {}
    for one in given:
        for module in one.adapter.pairs:
            name = tensor_of_model(base, f"{module}.weight")
            changes.setdefault(name, []).append(_change(base, one, module, name))
        for name in one.adapter.whole:
            known = replaced.setdefault(_replaced(base, one, name), (one.adapter, name))
            _check_same(known, (one.adapter, name))

    def output(name: str) -> Output:
        source, own = replaced.get(name, (None, name))
        origin = source.checkpoint if source else base
        info = base.info(name)
        start = Side(origin.raw(own), origin.info(own).dtype)
        if name not in changes and start.dtype == info.dtype:
            return Output(name, info.dtype, info.shape, start.data)
        prepare = partial(_prepare, start, info.dtype, changes.get(name, ()))
        return Output(name, info.dtype, info.shape, prepare)

    return [[output(tensor.name) for tensor in shard.header.tensors] for shard in base.layout]


def _prepare(start: Side, dtype: str, changes: Sequence[_Change], each: Each) -> Content:
    """See `Method.prepare`."""
    added = stacked([change.factors() for change in changes]) if changes else None
    idle = added is None or not (added.left.any() and added.right.any())
    if idle and start.dtype == dtype:
        return start.data

    def fill(begin: int, end: int, out: memoryview) -> None:
        values = start.values(begin, end)
        if added is not None and not idle:
            columns = added.right.shape[1]
            first, last = begin // columns, -(-end // columns)
            rows = (added.left[first:last] @ added.right).ravel()
            values += rows[begin - first * columns : end - first * columns]
        out[:] = encode(values, dtype)

    return fill


def _change(base: Checkpoint, one: Weighted, module: str, name: str) -> _Change:
    """Which way round the change goes, if it fits at all."""
    info, adapter = base.info(name), one.adapter
    outputs, inputs, kernel = adapter.shape(module)
    straight, turned = (outputs, inputs, *kernel), (inputs, outputs)
    where = f"{shown(adapter.path, 400)}: {shown(module)}"
    if not DTYPES[info.dtype].is_float:
        raise InputError(f"{where}: {shown(name)!r} is {info.dtype}; apply it to unpacked weights")
    if adapter.pairs[module].embedding:
        if info.shape == turned:
            _check_tied(base, one.adapter, name)
            return _Change(one, module, turned=True)
    elif info.shape == turned and not kernel and (adapter.config.transposed or outputs != inputs):
        if not adapter.config.transposed and info.shape != straight:
            raise InputError(f"{where}: {shown(name)!r} is inputs x outputs; set fan_in_fan_out")
        return _Change(one, module, turned=True)
    if info.shape != straight:
        seen = f"the change is {list(straight)}, {shown(name)!r} of the model {list(info.shape)}"
        raise InputError(f"{where}: {seen}; is it the model that the adapter was trained for?")
    return _Change(one, module, turned=False)


def _replaced(base: Checkpoint, one: Weighted, name: str) -> str:
    """The tensor of the model in whose place one of the adapter's stands."""
    adapter, wanted_name = one.adapter, whole(name)
    tied = tied_table(base) if wanted_name.endswith(OUTPUTS) else None
    own = tied or tensor_of_model(base, wanted_name)
    wanted, found = base.info(own), adapter.checkpoint.info(name)
    if wanted.shape != found.shape:
        sizes = f"is {list(found.shape)}, in the model {list(wanted.shape)}"
        hint = "; resize the model first" if is_token_table(own) else ""
        raise InputError(f"{shown(adapter.path, 400)}: {shown(name)!r} {sizes}{hint}")
    both = wanted.dtype == found.dtype or all(DTYPES[i.dtype].is_float for i in (wanted, found))
    _check_tied(base, adapter, own)
    if not both:
        types = f"is {found.dtype}, in the model {wanted.dtype}"
        raise InputError(f"{shown(adapter.path, 400)}: {shown(name)!r} {types}")
    return own


def _check_tied(base: Checkpoint, adapter: Adapter, name: str) -> None:
    """An adapter that changes the input does not change the output, unless it replaces both."""
    both = any(whole(own).endswith(OUTPUTS) for own in adapter.whole)
    if is_tied(base, name) and not both:
        raise InputError(
            f"{shown(adapter.path, 400)}: {shown(name)!r} of the model is the output table as "
            "well, which the adapter does not change; untie them in the model first"
        )


def _check_same(known: tuple[Adapter, str], other: tuple[Adapter, str]) -> None:
    """Two adapters may replace a tensor by the same one only."""
    one, two = (adapter.checkpoint.raw(name) for adapter, name in (known, other))
    if not host().equal(one, two):
        raise InputError(
            f"{shown(other[0].path, 400)}: replaces {shown(other[1])!r} by another tensor than "
            f"{shown(known[0].path, 400)} does; apply one of them"
        )
