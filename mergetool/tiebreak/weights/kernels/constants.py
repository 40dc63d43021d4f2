"""What all kernels agree on, kernels.c included."""

from __future__ import annotations

from typing import Final

UPPER: Final = 1 << 16  # bins of a histogram of magnitudes, by their upper bits
LOWER: Final = 15  # bits below those
INFINITE: Final = 0x7F800000  # of a float32
QUIET: Final = 0x7FC00000  # a NaN
NUMBERS: Final = 1 << 32  # as many random numbers there are
