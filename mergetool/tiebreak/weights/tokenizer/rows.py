"""The tables of one model in the order of the result: gathered in stretches, never as floats.

What a model has itself, and what it takes from one of the same type, is copied bit by bit. A row of
another type is rounded to the model's own; a mean is taken in float64 and rounded once. The rows go
into an unnamed file that is mapped, so memory holds one stretch of them.
"""

from __future__ import annotations

import mmap
import tempfile
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

import numpy as np

from tiebreak.errors import InputError
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import shown
from tiebreak.weights.safetensors import TensorInfo
from tiebreak.weights.tokenizer.overlay import Held
from tiebreak.weights.tokenizer.plan import AVERAGE, NONE, ZERO
from tiebreak.weights.tokenizer.tables import length, resized
from tiebreak.weights.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.tokenizer.plan import Numbers, Plan

    Bytes = NDArray[np.uint8]

STRETCH: Final = 4 << 20  # bytes of rows at a time


class _Table(NamedTuple):
    """One model's table: its rows as bytes, one line for each."""

    dtype: str
    lines: Bytes

    def values(self, numbers: Numbers) -> NDArray[np.float64]:
        """Rows as numbers."""
        raw = np.ascontiguousarray(self.lines[numbers])
        flat = decode(raw.data.cast("B"), self.dtype).astype(np.float64)
        return flat.reshape(len(numbers), -1)

    def total(self) -> NDArray[np.float64]:
        """The sum of all rows."""
        total: NDArray[np.float64] = self.values(np.arange(len(self.lines))).sum(axis=0)
        return total


def gathered(
    name: str, models: Sequence[Checkpoint], number: int, plan: Plan, scratch: str
) -> Held:
    """The table of model `number` with a row for each id of the plan. All models must have it."""
    tables = [_table(model, name) for model in models]
    info = models[number].info(name)
    _check_widths(name, models)
    try:
        with tempfile.TemporaryFile(dir=scratch, prefix="tiebreak-rows-") as file:
            _write(file, tables, number, plan, name)
            file.flush()
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        why = f"the rows of {shown(name)} cannot be kept there: {error.strerror}"
        raise InputError(f"{shown(scratch, 400)}: {why}") from error
    shape = resized(info, plan.rows)
    return Held(TensorInfo(name, info.dtype, shape, 0, len(view)), view)


def _table(model: Checkpoint, name: str) -> _Table:
    info = model.info(name)
    rows = length(info)
    if info.nbytes % rows:
        raise InputError(f"{shown(name)}: rows of {info.dtype} end within a byte")
    raw = np.frombuffer(model.raw(name), np.uint8)
    return _Table(info.dtype, raw.reshape(rows, info.nbytes // rows))


def _check_widths(name: str, models: Sequence[Checkpoint]) -> None:
    first = models[0].info(name)
    for model in models[1:]:
        info = model.info(name)
        if resized(info, 1) != resized(first, 1):
            raise InputError(
                f"{shown(model.path)}: tensor {shown(name)!r} is {info.dtype} {list(info.shape)}, "
                f"in {shown(models[0].path)} it is {first.dtype} {list(first.shape)}"
            )


def _write(file: BinaryIO, tables: Sequence[_Table], number: int, plan: Plan, name: str) -> None:
    own, width = plan.own[number], tables[number].lines.shape[1]
    step = max(STRETCH // max(width, 1), 1)
    later = np.flatnonzero((own == NONE) & (plan.donor == AVERAGE))
    tokens = np.zeros(plan.rows, bool)
    tokens[list(plan.tokens.values())] = True
    total: NDArray[np.float64] | float = 0.0
    for start in range(0, plan.rows, step):
        ids = np.arange(start, min(start + step, plan.rows))
        out = np.zeros((len(ids), width), np.uint8)
        has = own[ids] != NONE
        out[has] = tables[number].lines[own[ids[has]]]
        for donor in np.unique(plan.donor[ids[~has]]).tolist():
            where = ~has & (plan.donor[ids] == donor)
            out[where] = _stand_in(tables, number, plan, (ids[where], donor), name)
        file.write(out.data)
        if len(later):
            total = total + _Table(tables[number].dtype, out[tokens[ids]]).total()
    for place in later.tolist():
        file.seek(place * width)
        file.write(_lines(np.atleast_2d(total) / max(len(plan.tokens), 1), tables[number]).data)


def _stand_in(
    tables: Sequence[_Table], number: int, plan: Plan, wanted: tuple[Numbers, int], name: str
) -> Bytes | int:
    """The lines for ids that model `number` has no row for, with the donor that they have."""
    ids, donor = wanted
    own = tables[number]
    if donor in {ZERO, AVERAGE}:  # an average is written when all are known
        return 0
    if donor >= 0 and tables[donor].dtype == own.dtype:
        return tables[donor].lines[plan.donor_row[ids]]
    if not DTYPES[own.dtype].is_float:
        raise InputError(f"{shown(name)}: rows of {own.dtype} are copied, never computed")
    if donor >= 0:
        return _lines(tables[donor].values(plan.donor_row[ids]), own)
    return _lines(_mean(tables, plan, ids), own)


def _mean(tables: Sequence[_Table], plan: Plan, ids: Numbers) -> NDArray[np.float64]:
    """The mean over the models that have a row, model by model in their order."""
    total: NDArray[np.float64] | None = None
    count = np.zeros(len(ids))
    for table, own in zip(tables, plan.own, strict=True):
        has = own[ids] != NONE
        if not has.any():
            continue
        values = table.values(np.where(has, own[ids], 0))
        values[~has] = 0
        total = values if total is None else total + values
        count += has
    assert total is not None  # noqa: S101  (some model has it: that is what MEAN says)
    return total / count[:, None]


def _lines(values: NDArray[np.float64], like: _Table) -> Bytes:
    return np.frombuffer(encode(values, like.dtype), np.uint8).reshape(-1, like.lines.shape[1])
