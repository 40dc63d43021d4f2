"""Element types against values that the standards print, and against each other."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import CheckpointError
from tiebreak.weights.values import decode, encode

NAN, INF = math.nan, math.inf
FLOATS = sorted(name for name, dtype in DTYPES.items() if dtype.is_float)
SMALL = ["BF16", "F16", "F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ"]

# bits, value: the table of limits of each format's standard (OCP OFP8 1.0 table 2; IEEE 754;
# for FNUZ, arXiv 2206.02915; for E8M0, OCP MX 1.0 section 5.4.1)
KNOWN = {
    "BF16": [(0x3F80, 1.0), (0xC000, -2.0), (0x7F7F, (2 - 2**-7) * 2.0**127), (0x0001, 2.0**-133),
             (0x7F80, INF), (0xFF80, -INF), (0x7FC0, NAN), (0x8000, -0.0), (0x4049, 3.140625)],
    "F16": [(0x3C00, 1.0), (0x7BFF, 65504.0), (0x0001, 2.0**-24), (0x7C00, INF), (0x7E00, NAN)],
    "F8_E4M3": [(0x38, 1.0), (0x7E, 448.0), (0x08, 2.0**-6), (0x07, 0.875 * 2**-6), (0x01, 2.0**-9),
                (0x7F, NAN), (0xFF, NAN), (0x80, -0.0), (0xFE, -448.0), (0x78, 256.0)],
    "F8_E5M2": [(0x3C, 1.0), (0x7B, 57344.0), (0x04, 2.0**-14), (0x03, 0.75 * 2**-14),
                (0x01, 2.0**-16), (0x7C, INF), (0xFC, -INF), (0x7D, NAN), (0xFF, NAN)],
    "F8_E4M3FNUZ": [(0x40, 1.0), (0x7F, 240.0), (0x01, 2.0**-10), (0x80, NAN), (0xFF, -240.0)],
    "F8_E5M2FNUZ": [(0x40, 1.0), (0x7F, 57344.0), (0x01, 2.0**-17), (0x80, NAN), (0xFF, -57344.0)],
    "F8_E8M0": [(0x7F, 1.0), (0x00, 2.0**-127), (0xFE, 2.0**127), (0xFF, NAN)],
}  # fmt: skip


def codes(dtype: str, *bits: int) -> bytes:
    return np.array(bits, f"<u{DTYPES[dtype].bits // 8}").tobytes()


def stored(value: float, dtype: str, width: type[np.floating] = np.float32) -> int:  # type: ignore[type-arg]
    return int.from_bytes(encode(np.array([value], width), dtype), "little")


def equal(a: float, b: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return (a, math.copysign(1, a)) == (b, math.copysign(1, b))


@pytest.mark.parametrize("dtype", sorted(KNOWN))
def test_known_values_are_read(dtype: str) -> None:
    bits, wanted = zip(*KNOWN[dtype], strict=True)
    found = decode(codes(dtype, *bits), dtype)
    assert all(map(equal, found.tolist(), wanted))


@pytest.mark.parametrize("dtype", SMALL)
def test_known_values_are_written(dtype: str) -> None:
    for bits, value in KNOWN[dtype]:
        if not math.isnan(value):
            assert stored(value, dtype) == bits, value


@pytest.mark.parametrize("dtype", SMALL)
def test_what_is_read_is_written_again(dtype: str) -> None:
    """Every code but those of NaN."""
    raw = codes(dtype, *range(1 << DTYPES[dtype].bits))
    values = decode(raw, dtype)
    again = np.frombuffer(encode(values, dtype), f"<u{DTYPES[dtype].bits // 8}")
    wrong = again != np.arange(again.size)
    assert np.isnan(values[wrong]).all()
    assert np.isnan(decode(again.tobytes(), dtype)[np.isnan(values)]).all()


@pytest.mark.parametrize(
    ("dtype", "value", "bits"),
    [
        ("BF16", 3.4e38, 0x7F80),  # rounds to infinity
        ("BF16", 1 + 2**-8, 0x3F80),  # a tie goes to even: down
        ("BF16", 1 + 3 * 2**-8, 0x3F82),  # and up
        ("BF16", 1 + 2**-8 + 2**-20, 0x3F81),
        ("F8_E4M3", 464.0, 0x7E),  # the tie with what would be 480
        ("F8_E4M3", 465.0, 0x7F),  # OFP8 without saturation: NaN
        ("F8_E4M3", -INF, 0xFF),
        ("F8_E4M3", 2.0**-10, 0x00),  # half of the smallest: to even, zero
        ("F8_E4M3", 1.01 * 2.0**-10, 0x01),
        ("F8_E4M3", 3 * 2.0**-10, 0x02),
        ("F8_E4M3", -(2.0**-11), 0x80),
        ("F8_E5M2", 61440.0, 0x7C),  # the tie with what would be 65536
        ("F8_E5M2", 61439.0, 0x7B),
        ("F8_E5M2", -70000.0, 0xFC),
        ("F8_E4M3FNUZ", 248.0, 0x80),  # no infinity
        ("F8_E4M3FNUZ", 247.0, 0x7F),
        ("F8_E4M3FNUZ", -(2.0**-20), 0x00),  # no negative zero
        ("F16", 65520.0, 0x7C00),
    ],
)
def test_rounding_at_the_edges(dtype: str, value: float, bits: int) -> None:
    assert stored(value, dtype) == bits
    assert stored(value, dtype, np.float64) == bits


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_stays(dtype: str) -> None:
    patterns = np.array([0x7FC00000, 0x7F800001, 0xFFC00000, 0x7FFFFFFF], np.uint32)
    for values in (patterns.view(np.float32), np.array([NAN])):
        assert np.isnan(decode(encode(values, dtype), dtype)).all()


@pytest.mark.parametrize("dtype", SMALL)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=200, deadline=None)
def test_nearest_and_ties_to_even(dtype: str, value: float) -> None:
    """Exact arithmetic decides, for values of all sizes that the format has."""
    limit = _finite(dtype)[-1].item()
    value = math.fmod(value, limit)
    bits = stored(value, dtype, np.float64)
    (found,) = decode(codes(dtype, bits), dtype).tolist()
    error = abs(Fraction(found) - Fraction(value))
    table = _finite(dtype)
    position = int(np.searchsorted(table, found))
    for neighbour in table[max(position - 1, 0) : position + 2].tolist():
        other = abs(Fraction(neighbour) - Fraction(value))
        assert error <= other
        if neighbour != found and other == error:
            assert bits % 2 == 0


def test_float64_is_rounded_once() -> None:
    """Rounded to float32 first, this would become the tie 1 + 2**-8 and go down."""
    assert stored(1 + 2**-8 + 2**-40, "BF16", np.float64) == 0x3F81
    assert stored(1 + 2**-4 + 2**-40, "F8_E4M3", np.float64) == 0x39
    assert stored(1e300, "BF16", np.float64) == 0x7F80
    assert stored(-1e-300, "F8_E5M2", np.float64) == 0x80


def test_integers_are_exact() -> None:
    for dtype, value in [("I8", -128), ("U16", 65535), ("I32", -(2**31)), ("U32", 2**32 - 1)]:
        raw = value.to_bytes(DTYPES[dtype].bits // 8, "little", signed=value < 0)
        assert decode(raw, dtype).tolist() == [value]
    assert decode(b"\0\1", "BOOL").tolist() == [0.0, 1.0]


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "F6_E3M2"])
def test_packed_types_are_only_copied(dtype: str) -> None:
    with pytest.raises(CheckpointError, match="share bytes"):
        decode(b"\0\0\0", dtype)


@pytest.mark.parametrize("dtype", ["I64", "BOOL", "F4", "C64", "F8_E8M0"])
def test_what_is_no_float_is_not_computed(dtype: str) -> None:
    with pytest.raises(CheckpointError, match="not computed"):
        encode(np.zeros(1, np.float32), dtype)


@cache
def _finite(dtype: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """All finite values of a small format, ascending."""
    values = decode(codes(dtype, *range(1 << DTYPES[dtype].bits)), dtype)
    return np.unique(values[np.isfinite(values)].astype(np.float64))
