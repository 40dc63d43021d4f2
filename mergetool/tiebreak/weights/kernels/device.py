"""The kernels with torch, on any device that it knows: the operations of portable.py, in its order.

Everything is computed in float64 and rounded once, as in the other two, and no two operations are
fused, so a device that keeps to IEEE 754 gives the same bytes. What only reads (comparing, naming
contents), what sorts and the types that C does not know either stay with the kernels of the host.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch

from tiebreak.errors import UsageError
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.kernels.constants import INFINITE, LOWER, QUIET, UPPER

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from tiebreak.weights.kernels import Bytes, Kernels, Run, Side, Thinning

TYPES: Final = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
}

_BITS: Final = {  # of the one NaN that stands for all: its type, and how it is stored
    "BF16": (torch.int16, 0x7FC0),
    "F16": (torch.int16, 0x7E00),
    "F32": (torch.int32, QUIET),
    "F64": (torch.int64, 0x7FF8000000000000),
}
_SIZES: Final = 0x7FFFFFFF  # of a float32: all but the sign


def _signed(number: int) -> int:
    """The int64 with these bits; torch computes with no uint64."""
    return number - (1 << 64) if number >> 63 else number


GOLDEN: Final = _signed(0x9E3779B97F4A7C15)
_FIRST: Final = _signed(0xBF58476D1CE4E5B9)
_SECOND: Final = _signed(0x94D049BB133111EB)


def device_named(name: str) -> torch.device:
    """The device of that name. Raises `UsageError`, in one line, for one that is not here."""
    try:
        device = torch.device(name)
        torch.zeros(1, dtype=torch.float64, device=device)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        line = next(iter(str(error).splitlines()), "")
        raise UsageError(f"torch has no device {name!r} to compute on: {line}") from error
    return device


class Device:
    """The kernels of one device; `host` are those of the processor."""

    __slots__ = ("_device", "_host", "_local")

    def __init__(self, name: str, host: Kernels) -> None:
        """Raises `UsageError` where there is no such device."""
        self._device = device_named(name)
        self._host = host
        self._local = threading.local()

    def combine(self, run: Run, base: Side | None, sides: tuple[Side, ...], scale: float) -> None:
        """See `Kernels.combine`."""
        if not _known(run, *sides, *(() if base is None else (base,))):
            self._host.combine(run, base, sides, scale)
            return
        with self._stream():
            origin = None if base is None else self._values(base, run.start, run.stop)
            total = self._weighted(sides[0], origin, run)
            for side in sides[1:]:
                total = total + self._weighted(side, origin, run)
            self._store(run, _moved(origin, total * scale))

    def elect(
        self, run: Run, base: Side, sides: tuple[Side, ...], scale: float, *, mean: bool
    ) -> None:
        """See `Kernels.elect`."""
        if not _known(run, base, *sides):
            self._host.elect(run, base, sides, scale, mean=mean)
            return
        with self._stream():
            origin = self._values(base, run.start, run.stop)
            plus, minus, heavy, light, first, bad = torch.zeros_like(origin).expand(6, -1).clone()
            for side in sides:
                term = self._weighted(side, origin, run)
                weight = abs(side.weight)
                up, down = term > 0, term < 0
                plus += torch.where(up, term, 0.0)
                heavy += up.to(torch.float64) * weight
                minus += torch.where(down, term, 0.0)
                light += down.to(torch.float64) * weight
                first = torch.where(first == 0, term, first)
                bad += torch.where(term.isnan(), term, 0.0)
            positive = (plus > -minus) | ((plus == -minus) & (first > 0))
            total = torch.where(positive, plus, minus)
            if mean:
                parts = total / torch.where(positive, heavy, light)
                total = torch.where(total == 0, 0.0, parts)
            self._store(run, _moved(origin, total * scale + bad))

    def weigh(
        self,
        run: Run,
        sides: tuple[Side, ...],
        importances: tuple[Side, ...],
        floors: tuple[float, ...],
    ) -> None:
        """See `Kernels.weigh`."""
        if not _known(run, *sides, *importances):
            self._host.weigh(run, sides, importances, floors)
            return
        with self._stream():
            shares = [self._share(run, *one) for one in zip(importances, floors, strict=True)]
            mass = sum(shares[1:], start=shares[0])
            first = low = high = self._values(sides[0], run.start, run.stop)
            total = first * (shares[0] / mass)
            for side, share in zip(sides[1:], shares[1:], strict=True):
                values = self._values(side, run.start, run.stop)
                low = torch.where(values < low, values, low)
                high = torch.where(values > high, values, high)
                total = total + values * (share / mass)
            mean = torch.where(mass == 0, first, total)
            mean = torch.where(mean < low, low, mean)
            self._store(run, torch.where(mean > high, high, mean))

    def magnitudes(self, base: Side, side: Side, start: int, count: int) -> NDArray[np.uint32]:
        """See `Kernels.magnitudes`."""
        if not _types(base, side):
            return self._host.magnitudes(base, side, start, count)
        with self._stream():
            return _numbers(self._magnitudes(base, side, start, count))

    def histogram(
        self, base: Side, side: Side, start: int, count: int, prefix: int | None
    ) -> NDArray[np.uint32]:
        """See `Kernels.histogram`."""
        if not _types(base, side):
            return self._host.histogram(base, side, start, count, prefix)
        with self._stream():
            keys = self._magnitudes(base, side, start, count)
            upper = keys >> LOWER
            if prefix is None:
                return _numbers(torch.bincount(upper, minlength=UPPER))
            lower = keys[upper == prefix] & ((1 << LOWER) - 1)
            return _numbers(torch.bincount(lower, minlength=1 << LOWER))

    def thin(
        self, base: Side, side: Side, start: int, rows: tuple[int, int], how: Thinning
    ) -> NDArray[np.float64]:
        """See `Kernels.thin`."""
        return self._host.thin(base, side, start, rows, how)

    def fingerprint(self, data: memoryview, start: int, size: int) -> int:
        """See `Kernels.fingerprint`."""
        return self._host.fingerprint(data, start, size)

    def equal(self, one: Bytes, other: Bytes) -> bool:
        """See `Kernels.equal`."""
        return self._host.equal(one, other)

    def finite(self, data: memoryview, dtype: str) -> bool:
        """See `Kernels.finite`."""
        return self._host.finite(data, dtype)

    def _stream(self) -> AbstractContextManager[Any]:
        """Each thread has a queue of its own, so that copying and computing overlap."""
        if self._device.type != "cuda":
            return nullcontext()
        if not hasattr(self._local, "stream"):
            self._local.stream = torch.cuda.Stream(self._device)
        return cast("AbstractContextManager[Any]", torch.cuda.stream(self._local.stream))

    def _room(self, size: int) -> Tensor:
        """This thread's own memory, from which a device copies fastest; used again and again."""
        room: Tensor | None = getattr(self._local, "room", None)
        if room is None or len(room) < size:
            pinned = self._device.type == "cuda"
            room = self._local.room = torch.empty(size, dtype=torch.uint8, pin_memory=pinned)
        return room[:size]

    def _values(self, side: Side, start: int, stop: int) -> Tensor:
        width = DTYPES[side.dtype].bits // 8
        room = self._room((stop - start) * width)
        room.numpy()[:] = np.frombuffer(side.data[start * width : stop * width], np.uint8)
        copy = room.to(self._device, copy=True)
        return copy.view(TYPES[side.dtype]).to(torch.float64)

    def _share(self, run: Run, importance: Side, floor: float) -> Tensor:
        values = self._values(importance, run.start, run.stop)
        return torch.where(values < floor, floor, values) * importance.weight

    def _magnitudes(self, base: Side, side: Side, start: int, count: int) -> Tensor:
        values, origin = (self._values(one, start, start + count) for one in (side, base))
        return _sizes(values - origin)

    def _weighted(self, side: Side, origin: Tensor | None, run: Run) -> Tensor:
        """The weighted delta; 0 where it is trimmed or dropped, which a NaN never is."""
        delta = self._values(side, run.start, run.stop)
        if origin is not None and not side.changes:
            delta = delta - origin
        if side.threshold:
            delta = torch.where(_sizes(delta) >= side.threshold, delta, 0.0)
        if side.ceiling:
            sizes = _sizes(delta)
            delta = torch.where((sizes <= side.ceiling) | (sizes > INFINITE), delta, 0.0)
        if side.drop:
            places = torch.arange(run.start, run.stop, dtype=torch.int64, device=self._device)
            numbers = _shifted(_mix(places * GOLDEN + _signed(side.key)), 32)
            delta = torch.where((numbers >= side.drop) | delta.isnan(), delta, 0.0)
        return delta * side.weight

    def _store(self, run: Run, values: Tensor) -> None:
        """Round once; one NaN stands for all of them."""
        kind, bits = _BITS[run.dtype]
        rounded = values if run.dtype in {"F32", "F64"} else _odd(values)
        stored = rounded.to(TYPES[run.dtype]).view(kind)
        stored = torch.where(values.isnan(), bits, stored)
        run.out[:] = stored.cpu().numpy().tobytes()


def _known(run: Run, *operands: Side) -> bool:
    return run.dtype in TYPES and _types(*operands)


def _types(*operands: Side) -> bool:
    return all(operand.dtype in TYPES for operand in operands)


def _numbers(counts: Tensor) -> NDArray[np.uint32]:
    return cast("NDArray[np.uint32]", counts.cpu().numpy().astype(np.uint32))


def _sizes(delta: Tensor) -> Tensor:
    bits = delta.to(torch.float32).view(torch.int32) & _SIZES
    return torch.where(bits > INFINITE, QUIET, bits)


def _odd(values: Tensor) -> Tensor:
    """Float64 as float32 rounded to odd: see `tiebreak.weights.dtypes`."""
    near = values.to(torch.float32)
    back = near.to(torch.float64)
    inexact = (back != values) & ~values.isnan()
    over = inexact & (back.abs() > values.abs())
    return ((near.view(torch.int32) - over.int()) | inexact.int()).view(torch.float32)


def _shifted(numbers: Tensor, bits: int) -> Tensor:
    """To the right, as numbers without a sign are."""
    return (numbers >> bits) & ((1 << (64 - bits)) - 1)


def _mix(numbers: Tensor) -> Tensor:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014)."""
    mixed = (numbers ^ _shifted(numbers, 30)) * _FIRST
    mixed = (mixed ^ _shifted(mixed, 27)) * _SECOND
    return mixed ^ _shifted(mixed, 31)


def _moved(origin: Tensor | None, delta: Tensor) -> Tensor:
    """What does not move keeps its bits: -0.0 + 0.0 would be 0.0."""
    return delta if origin is None else torch.where(delta == 0, origin, origin + delta)
