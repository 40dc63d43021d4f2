"""The values of tensors as numpy arrays, from their bytes and back.

`decode` is exact for every type but I64 and U64. `encode` rounds once, to nearest and ties to even,
whatever the width of the array: a float64 result that is stored as BF16 is not rounded to float32
on the way. NaN stays NaN; what is too large becomes what the format's standard says without
saturation (IEEE 754: infinity; OCP OFP8: infinity for E5M2, NaN for E4M3; the FNUZ variants, which
have no infinity: NaN), as in PyTorch and ml_dtypes.

Packed types (F4, F6) have no agreed order of elements within a byte, so they are copied and
compared as bytes, never decoded.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import CheckpointError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32] | NDArray[np.float64]
    Raw = bytes | bytearray | memoryview

_WIDE: Final = frozenset({"F64", "I32", "U32", "I64", "U64"})  # decoded to float64


class _Minifloat(NamedTuple):
    """An 8-bit format. `special`: "ieee" (inf and NaNs), "fn" (NaN only), "fnuz" (NaN for -0)."""

    exponent: int
    mantissa: int
    bias: int
    special: str


_MINIFLOATS: Final = {
    "F8_E5M2": _Minifloat(5, 2, 15, "ieee"),
    "F8_E4M3": _Minifloat(4, 3, 7, "fn"),
    "F8_E5M2FNUZ": _Minifloat(5, 2, 16, "fnuz"),
    "F8_E4M3FNUZ": _Minifloat(4, 3, 8, "fnuz"),
}


def decode(raw: Raw, dtype: str) -> Floats:
    """The values as a flat float32 array (float64 for F64 and integers of 32 bits and more).

    Complex numbers come as pairs. The array may be a read-only view of `raw`.
    """
    kind = DTYPES[dtype]
    if kind.packed:
        raise CheckpointError(f"{dtype} elements share bytes and can be copied, not computed with")
    stored: NDArray[Any] = np.frombuffer(raw, dtype=kind.storage)
    if dtype == "BF16":
        bits: NDArray[np.uint32] = stored.astype(np.uint32) << np.uint32(16)
        return bits.view(np.float32)
    if dtype in _MINIFLOATS or dtype == "F8_E8M0":
        values: NDArray[np.float32] = _values(dtype)[stored]
        return values
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        if dtype in _WIDE:
            return stored.astype(np.float64, copy=False)
        return stored.astype(np.float32, copy=False)


def encode(array: Floats, dtype: str) -> bytes:
    """The bytes of `array` in a floating type: rounded to nearest, ties to even."""
    kind = DTYPES[dtype]
    if not kind.is_float:
        raise CheckpointError(f"{dtype} values are copied, not computed: nothing to encode")
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes infinity
        if kind.storage.startswith("<f"):
            return array.astype(kind.storage, copy=False).tobytes()
        bits = _odd_float32(array).view(np.uint32)
    if dtype == "BF16":
        return _bfloat16(bits).tobytes()
    return _codes(dtype)[_odd_bfloat16(bits)].tobytes()


def _odd_float32(array: Floats) -> NDArray[np.float32]:
    """Float64 as float32 rounded to odd, so that rounding again is as good as rounding once.

    S. Boldo, G. Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using
    rounding to odd" (IEEE Transactions on Computers 57(4), 2008).
    """
    if array.dtype != np.float64:
        return np.ascontiguousarray(array, dtype=np.float32)
    near = np.ascontiguousarray(array.astype(np.float32))
    bits = near.view(np.uint32)
    inexact = (near != array) & ~np.isnan(array)
    bits -= (inexact & (np.abs(near) > np.abs(array))).astype(np.uint32)  # towards zero
    bits |= inexact
    return near


def _bfloat16(bits: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """Float32 bits rounded to BF16. A NaN keeps its sign and becomes quiet."""
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    nan = (bits & 0x7FFFFFFF) > 0x7F800000  # noqa: PLR2004  (the bits of infinity)
    return np.where(nan, (bits >> 16) | 0x40, rounded).astype("<u2")


def _odd_bfloat16(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Float32 bits rounded to odd in BF16: more than enough digits for any 8-bit format."""
    inexact = (bits & np.uint32(0xFFFF)) != 0
    sixteen: NDArray[np.uint32] = np.bitwise_or(bits >> np.uint32(16), inexact, dtype=np.uint32)
    return sixteen


@cache
def _values(dtype: str) -> NDArray[np.float32]:
    """The value of each of the 256 codes."""
    codes = np.arange(256)
    if dtype == "F8_E8M0":
        powers = np.ldexp(1.0, codes - 127)
        powers[-1] = np.nan
        return powers.astype(np.float32)
    form = _MINIFLOATS[dtype]
    fraction = codes & ((1 << form.mantissa) - 1)
    exponent = (codes >> form.mantissa) & ((1 << form.exponent) - 1)
    hidden = np.where(exponent == 0, 0, 1 << form.mantissa)
    scale = np.maximum(exponent, 1) - form.bias - form.mantissa
    size = np.ldexp((fraction + hidden).astype(np.float32), scale)
    if form.special == "ieee":
        size[exponent == (1 << form.exponent) - 1] = np.nan
        size[fraction + (exponent << form.mantissa) == _infinity(form)] = np.inf
    elif form.special == "fn":
        size[codes & 0x7F == 0x7F] = np.nan  # noqa: PLR2004  (all ones)
    values: NDArray[np.float32] = np.where(codes < 0x80, size, -size).astype(np.float32)  # noqa: PLR2004  (the sign)
    if form.special == "fnuz":
        values[0x80] = np.nan
    return values


def _infinity(form: _Minifloat) -> int:
    return ((1 << form.exponent) - 1) << form.mantissa


@cache
def _codes(dtype: str) -> NDArray[np.uint8]:
    """The nearest code of each of the 65536 BF16 values: a table, as the format is small."""
    wanted = (np.arange(1 << 16, dtype=np.uint32) << 16).view(np.float32)
    form = _MINIFLOATS[dtype]
    sizes = _values(dtype)[:0x80]
    sizes = sizes[np.isfinite(sizes)].astype(np.float64)  # ascending: the code is the index
    following = 2 * sizes[-1] - sizes[-1 - 1]  # what the next code would mean
    middles = (sizes + np.append(sizes[1:], following)) / 2
    size = np.nan_to_num(np.abs(wanted), posinf=2.0**127)
    below, above = (np.searchsorted(middles, size, side) for side in ("left", "right"))
    code = np.where(below % 2 == 0, below, above)  # they differ on a tie: the even one
    over, nan = {"ieee": (_infinity(form), 0x7F), "fn": (0x7F, 0x7F), "fnuz": (0x80, 0x80)}[
        form.special
    ]
    code = np.where(np.isnan(wanted), nan, np.where(code == len(sizes), over, code))
    if form.special == "fnuz":  # neither a negative zero nor a NaN with a sign
        return np.where(np.signbit(wanted) & (code != 0), code | 0x80, code).astype(np.uint8)
    return np.where(np.signbit(wanted), code | 0x80, code).astype(np.uint8)
