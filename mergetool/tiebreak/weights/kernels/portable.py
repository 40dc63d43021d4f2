"""The kernels with numpy: the reference for the compiled ones, and the fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from tiebreak.weights.kernels.constants import INFINITE, LOWER, NUMBERS, QUIET, UPPER
from tiebreak.weights.values import decode, encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tiebreak.weights.kernels import Bytes, Run, Side, Thinning

    Doubles = NDArray[np.float64]
    Words = NDArray[np.uint64]

GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)

_PIECE: Final = 1 << 20  # bytes; a multiple of every element's size

QUIETLY: Final[dict[str, Any]] = {"over": "ignore", "invalid": "ignore", "divide": "ignore"}


def combine(run: Run, base: Side | None, sides: tuple[Side, ...], scale: float) -> None:
    """See `Kernels.combine`."""
    with np.errstate(**QUIETLY):
        origin = None if base is None else base.values(run.start, run.stop)
        total = weighted(sides[0], origin, run.start, run.stop)
        for side in sides[1:]:
            total = total + weighted(side, origin, run.start, run.stop)
        store(run, moved(origin, total * scale))


def elect(run: Run, base: Side, sides: tuple[Side, ...], scale: float, *, mean: bool) -> None:
    """See `Kernels.elect`."""
    with np.errstate(**QUIETLY):
        origin = base.values(run.start, run.stop)
        plus, minus, heavy, light, first, bad = (np.zeros(run.elements) for _ in range(6))
        for side in sides:
            term = weighted(side, origin, run.start, run.stop)
            weight = abs(side.weight)
            up, down = term > 0, term < 0
            plus += np.where(up, term, 0.0)
            heavy += np.where(up, weight, 0.0)
            minus += np.where(down, term, 0.0)
            light += np.where(down, weight, 0.0)
            first = np.where(first == 0, term, first)
            bad += np.where(np.isnan(term), term, 0.0)
        positive = (plus > -minus) | ((plus == -minus) & (first > 0))
        total = np.where(positive, plus, minus)
        if mean:
            total = np.where(total == 0, 0.0, total / np.where(positive, heavy, light))
        store(run, moved(origin, total * scale + bad))


def weigh(
    run: Run, sides: tuple[Side, ...], importances: tuple[Side, ...], floors: tuple[float, ...]
) -> None:
    """See `Kernels.weigh`."""
    with np.errstate(**QUIETLY):
        shares = [_share(run, *one) for one in zip(importances, floors, strict=True)]
        mass = sum(shares[1:], start=shares[0])
        first = low = high = sides[0].values(run.start, run.stop)
        total = first * (shares[0] / mass)
        for side, share in zip(sides[1:], shares[1:], strict=True):
            values = side.values(run.start, run.stop)
            low = np.where(values < low, values, low)
            high = np.where(values > high, values, high)
            total = total + values * (share / mass)
        mean = np.where(mass == 0, first, total)
        mean = np.where(mean < low, low, mean)
        store(run, np.where(mean > high, high, mean))


def _share(run: Run, importance: Side, floor: float) -> Doubles:
    found = importance.values(run.start, run.stop)
    return np.where(found < floor, floor, found) * importance.weight


def magnitudes(base: Side, side: Side, start: int, count: int) -> NDArray[np.uint32]:
    """See `Kernels.magnitudes`."""
    with np.errstate(**QUIETLY):
        return _magnitudes(side.values(start, start + count) - base.values(start, start + count))


def histogram(
    base: Side, side: Side, start: int, count: int, prefix: int | None
) -> NDArray[np.uint32]:
    """See `Kernels.histogram`."""
    keys = magnitudes(base, side, start, count)
    upper = keys >> np.uint32(LOWER)
    if prefix is None:
        found, room = upper, UPPER
    else:
        found, room = keys[upper == prefix] & np.uint32((1 << LOWER) - 1), 1 << LOWER
    return np.bincount(found, minlength=room).astype(np.uint32)


def thin(
    base: Side, side: Side, start: int, rows: tuple[int, int], how: Thinning
) -> NDArray[np.float64]:
    """See `Kernels.thin`."""
    stop = start + rows[0] * rows[1]
    with np.errstate(**QUIETLY):
        found = side.values(start, stop) - base.values(start, stop)
        rank = _ranks(_magnitudes(found).reshape(rows)).ravel()
        likely = how.density - how.epsilon + 2 * how.epsilon * rank
        dropped = _chance(side.key, start, stop) < np.rint((1 - likely) * NUMBERS)
        left = found / likely if how.inverse else found
        return np.where(dropped & ~np.isnan(found), 0.0, left)


def _ranks(magnitudes: NDArray[np.uint32]) -> Doubles:
    """The rank of each within its row, from 0 for the smallest to 1; equal ones share theirs."""
    rows, width = magnitudes.shape
    if width == 1:
        return np.full((rows, 1), 0.5)
    order = magnitudes.argsort(axis=1)
    ascending = np.take_along_axis(magnitudes, order, axis=1)
    places = np.arange(width)
    begins = np.ones((rows, width), bool)
    begins[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    ends = np.ones((rows, width), bool)
    ends[:, :-1] = begins[:, 1:]
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, places, width)[:, ::-1], axis=1)[:, ::-1]
    found = np.empty((rows, width))
    np.put_along_axis(found, order, (first + last) / (2 * (width - 1)), axis=1)
    return found


def fingerprint(data: memoryview, start: int, size: int) -> int:
    """See `Kernels.fingerprint`."""
    piece = bytes(data[start : start + size])
    words = np.frombuffer(piece + b"\0" * (-size % 8), dtype="<u8")
    first = start // 8 + 1
    places = np.arange(first, first + len(words), dtype=np.uint64)
    return int(_mix(_mix(words) + places * GOLDEN).sum(dtype=np.uint64))


def finite(data: memoryview, dtype: str) -> bool:
    """See `Kernels.finite`."""
    return all(
        bool(np.isfinite(decode(data[at : at + _PIECE], dtype)).all())
        for at in range(0, len(data), _PIECE)
    )


def equal(one: Bytes, other: Bytes) -> bool:
    """See `Kernels.equal`."""
    return len(one) == len(other) and all(
        np.array_equal(
            np.frombuffer(one[at : at + UPPER], np.uint8),
            np.frombuffer(other[at : at + UPPER], np.uint8),
        )
        for at in range(0, len(one), UPPER)
    )


def weighted(side: Side, origin: Doubles | None, start: int, stop: int) -> Doubles:
    """The weighted delta; 0 where it is trimmed or dropped, which a NaN never is."""
    delta = side.values(start, stop)
    if origin is not None and not side.changes:
        delta = delta - origin
    if side.threshold:
        delta = np.where(_magnitudes(delta) >= side.threshold, delta, 0.0)
    if side.ceiling:
        sizes = _magnitudes(delta)
        delta = np.where((sizes <= side.ceiling) | (sizes > INFINITE), delta, 0.0)
    if side.drop:
        numbers = _chance(side.key, start, stop)
        delta = np.where((numbers >= side.drop) | np.isnan(delta), delta, 0.0)
    return delta * side.weight


def _chance(key: int, start: int, stop: int) -> Words:
    """The random numbers of these elements, each below 2**32."""
    places = np.arange(start, stop, dtype=np.uint64)
    return cast("Words", _mix(np.uint64(key) + places * GOLDEN) >> np.uint64(32))


def _magnitudes(delta: Doubles) -> NDArray[np.uint32]:
    bits = delta.astype(np.float32).view(np.uint32) & np.uint32(0x7FFFFFFF)
    return cast("NDArray[np.uint32]", np.where(bits > INFINITE, np.uint32(QUIET), bits))


def _mix(numbers: Words) -> Words:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014)."""
    mixed = numbers ^ (numbers >> np.uint64(30))
    mixed = mixed * np.uint64(0xBF58476D1CE4E5B9)
    mixed = mixed ^ (mixed >> np.uint64(27))
    mixed = mixed * np.uint64(0x94D049BB133111EB)
    return cast("Words", mixed ^ (mixed >> np.uint64(31)))


def moved(origin: Doubles | None, delta: Doubles) -> Doubles:
    """What does not move keeps its bits: -0.0 + 0.0 would be 0.0."""
    if origin is None:
        return delta
    return cast("Doubles", np.where(delta == 0, origin, origin + delta))


def store(run: Run, values: Doubles) -> None:
    """Round once; one NaN stands for all of them."""
    run.out[:] = encode(np.where(np.isnan(values), np.nan, values), run.dtype)
