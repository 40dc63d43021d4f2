"""How sizes, shares and measures of tensors are shown to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEPS: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def amount(number: float, unit: str = "") -> str:
    """``936.5 MB``, ``12 B``, ``468.3 M``: powers of thousand."""
    for step, letter in _STEPS:
        if number >= step:
            return f"{number / step:.1f} {letter}{unit}"
    return f"{number:.0f} {unit}".rstrip()


def percent(share: float | None) -> str:
    """``97.2 %``; never rounded to none or to all."""
    if share is None:
        return "-"
    if share in {0.0, 1.0}:
        return f"{100 * share:.0f} %"
    return f"{min(max(100 * share, 0.1), 99.9):.1f} %"


def measure(value: float | None) -> str:
    """Six digits are enough to see, and the same everywhere."""
    return "-" if value is None else f"{value:.6g}"


def extent(shape: Sequence[int]) -> str:
    """``4096x1024``."""
    return "x".join(map(str, shape)) or "scalar"
