"""The kernels with numpy: the reference for the compiled ones, and the fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from tiebreak.weights.dtypes import DTYPES, decode, encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tiebreak.weights.kernels import Run, Side

    Doubles = NDArray[np.float64]
    Words = NDArray[np.uint64]

INFINITE: Final = 0x7F800000
QUIET: Final = 0x7FC00000
UPPER: Final = 1 << 16
LOWER: Final = 15  # bits
GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)

_QUIETLY: Final[dict[str, Any]] = {"over": "ignore", "invalid": "ignore", "divide": "ignore"}


def combine(run: Run, base: Side | None, sides: tuple[Side, ...], scale: float) -> None:
    """See `Kernels.combine`."""
    with np.errstate(**_QUIETLY):
        origin = None if base is None else _values(base, run.start, run.elements)
        total = _weighted(sides[0], origin, run.start, run.elements)
        for side in sides[1:]:
            total = total + _weighted(side, origin, run.start, run.elements)
        _store(run, _moved(origin, total * scale))


def elect(run: Run, base: Side, sides: tuple[Side, ...], scale: float, *, mean: bool) -> None:
    """See `Kernels.elect`."""
    with np.errstate(**_QUIETLY):
        origin = _values(base, run.start, run.elements)
        plus, minus, heavy, light, first, bad = (np.zeros(run.elements) for _ in range(6))
        for side in sides:
            term = _weighted(side, origin, run.start, run.elements)
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
        _store(run, _moved(origin, total * scale + bad))


def magnitudes(base: Side, side: Side, start: int, count: int) -> NDArray[np.uint32]:
    """See `Kernels.magnitudes`."""
    with np.errstate(**_QUIETLY):
        return _magnitudes(_values(side, start, count) - _values(base, start, count))


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


def fingerprint(data: memoryview, start: int, size: int) -> int:
    """See `Kernels.fingerprint`."""
    piece = bytes(data[start : start + size])
    words = np.frombuffer(piece + b"\0" * (-size % 8), dtype="<u8")
    first = start // 8 + 1
    places = np.arange(first, first + len(words), dtype=np.uint64)
    return int(_mix(_mix(words) + places * GOLDEN).sum(dtype=np.uint64))


def equal(one: memoryview, other: memoryview) -> bool:
    """See `Kernels.equal`."""
    return len(one) == len(other) and all(
        np.array_equal(
            np.frombuffer(one[at : at + UPPER], np.uint8),
            np.frombuffer(other[at : at + UPPER], np.uint8),
        )
        for at in range(0, len(one), UPPER)
    )


def _values(side: Side, start: int, count: int) -> Doubles:
    size = DTYPES[side.dtype].bits // 8
    raw = side.data[start * size : (start + count) * size]
    return decode(raw, side.dtype).astype(np.float64)


def _weighted(side: Side, origin: Doubles | None, start: int, count: int) -> Doubles:
    """The weighted delta; 0 where it is trimmed or dropped."""
    delta = _values(side, start, count)
    if origin is not None:
        delta = delta - origin
    if side.threshold:
        delta = np.where(_magnitudes(delta) >= side.threshold, delta, 0.0)
    if side.drop:
        places = np.arange(start, start + count, dtype=np.uint64)
        numbers = _mix(np.uint64(side.key) + places * GOLDEN) >> np.uint64(32)
        delta = np.where(numbers >= side.drop, delta, 0.0)
    return delta * side.weight


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


def _moved(origin: Doubles | None, delta: Doubles) -> Doubles:
    """What does not move keeps its bits: -0.0 + 0.0 would be 0.0."""
    if origin is None:
        return delta
    return cast("Doubles", np.where(delta == 0, origin, origin + delta))


def _store(run: Run, values: Doubles) -> None:
    """Round once; one NaN stands for all of them."""
    run.out[:] = encode(np.where(np.isnan(values), np.nan, values), run.dtype)
