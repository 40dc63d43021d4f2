"""A checkpoint as lines of text that `git diff` can compare.

One line for each tensor, in the order of their names, so that a checkpoint that was only written in
another order or resharded shows no difference. A line has a digest, so that any change of a tensor
is seen, and a few statistics, so that one sees what kind of change it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tiebreak.weights.digests import digest
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import shown
from tiebreak.weights.values import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.weights.checkpoint import Checkpoint

_BLOCK: Final = 1 << 16  # elements


class Summary(NamedTuple):
    """What a tensor holds. Statistics are over its finite values; None where there are none."""

    digest: str
    nonfinite: int = 0
    norm: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None


def summarise(raw: memoryview | bytes, dtype: str) -> Summary:
    """Read a tensor once."""
    named = digest(raw)
    kind = DTYPES[dtype]
    if kind.packed or not len(raw):
        return Summary(named)
    squares = total = 0.0
    low, high, count, seen = math.inf, -math.inf, 0, 0
    for values in _blocks(raw, dtype):
        finite = values[np.isfinite(values)]
        seen, count = seen + values.size, count + finite.size
        if finite.size:
            squares += float(np.einsum("i,i->", finite, finite))
            total += float(finite.sum())
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if not count:
        return Summary(named, seen)
    return Summary(named, seen - count, math.sqrt(squares), total / count, low, high)


def summary_lines(checkpoint: Checkpoint) -> Iterator[str]:
    """The metadata and the tensors, each a line; the same lines for the same content."""
    for key, value in sorted((checkpoint.metadata or {}).items()):
        yield f"# {shown(key)}: {shown(value)}"
    for name in sorted(checkpoint.names):
        info = checkpoint.info(name)
        summary = summarise(checkpoint.raw(name), info.dtype)
        shape = "x".join(map(str, info.shape)) or "scalar"
        yield f"{shown(name)}  {info.dtype} {shape}  {statistics(summary)}  {summary.digest}"


def statistics(summary: Summary) -> str:
    """The statistics in words, rounded to what is worth reading."""
    words = [f"{summary.nonfinite} not finite"] if summary.nonfinite else []
    measured: list[tuple[str, Any]] = [
        ("norm", summary.norm),
        ("mean", summary.mean),
        ("min", summary.low),
        ("max", summary.high),
    ]
    words += [f"{name} {value:.4g}" for name, value in measured if value is not None]
    return ", ".join(words) or "no statistics"


def _blocks(raw: memoryview | bytes, dtype: str) -> Iterator[Any]:
    step = _BLOCK * DTYPES[dtype].bits // 8
    for start in range(0, len(raw), step):
        values = decode(raw[start : start + step], dtype)
        with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
            wide = values.astype(np.float64)
        yield wide
