"""The element types of a checkpoint, by the names of safetensors.

`tiebreak.weights.values` has what their bits mean. This module is without numpy, for whoever only
lays out or copies.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class DType(NamedTuple):
    """One element type. `is_float` says that methods may compute with it, and store the result.

    `storage` is the numpy type of the stored bits; a packed type has bytes.
    """

    name: str
    bits: int
    is_float: bool
    storage: str

    @property
    def packed(self) -> bool:
        """Whether elements share a byte."""
        return self.bits % 8 != 0


DTYPES: Final = {
    name: DType(name, bits, is_float, storage)
    for name, bits, is_float, storage in (
        ("BOOL", 8, False, "u1"),
        ("F4", 4, False, "u1"),
        ("F6_E2M3", 6, False, "u1"),
        ("F6_E3M2", 6, False, "u1"),
        ("U8", 8, False, "u1"),
        ("I8", 8, False, "i1"),
        ("F8_E5M2", 8, True, "u1"),
        ("F8_E4M3", 8, True, "u1"),
        ("F8_E8M0", 8, False, "u1"),  # scales of a block: powers of two, without sign and zero
        ("F8_E4M3FNUZ", 8, True, "u1"),
        ("F8_E5M2FNUZ", 8, True, "u1"),
        ("I16", 16, False, "<i2"),
        ("U16", 16, False, "<u2"),
        ("F16", 16, True, "<f2"),
        ("BF16", 16, True, "<u2"),
        ("I32", 32, False, "<i4"),
        ("U32", 32, False, "<u4"),
        ("F32", 32, True, "<f4"),
        ("C64", 64, False, "<f4"),
        ("F64", 64, True, "<f8"),
        ("I64", 64, False, "<i8"),
        ("U64", 64, False, "<u8"),
    )
}
