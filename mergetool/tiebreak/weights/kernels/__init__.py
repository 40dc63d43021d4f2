"""The inner loops: compiled when the wheel was built with a C compiler, with numpy otherwise.

Both give the same bytes; numpy is slower, also to import: it waits for what needs it.
``TIEBREAK_KERNELS=portable`` asks for it.
`computing_on` puts a device of torch in their place.

Every call is about one stretch of elements; `start` counts from the tensor's first element.
"""

from __future__ import annotations

import importlib.util
import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from tiebreak.errors import UsageError
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.kernels import native

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    Bytes = memoryview | bytes

__all__ = [
    "CHOICE",
    "HOST",
    "Kernels",
    "Run",
    "Side",
    "Thinning",
    "computing_on",
    "host",
    "kernels",
]

CHOICE: Final = "TIEBREAK_KERNELS"
HOST: Final = "cpu"


class Side(NamedTuple):
    """The bytes of a whole tensor of one model, and what its delta counts.

    `threshold` is the smallest magnitude that is kept, as the bits of a float32 (0: all are),
    `ceiling` the largest (0: none is too large); of the random numbers that `key` gives, those
    below `drop` (of 2**32) drop their element. A NaN is always kept. With `changes` the numbers are
    deltas, not a model's.
    """

    data: memoryview
    dtype: str
    weight: float = 1.0
    threshold: int = 0
    key: int = 0
    drop: int = 0
    ceiling: int = 0
    changes: bool = False

    def values(self, start: int, stop: int) -> NDArray[np.float64]:
        """A stretch of its elements as numbers."""
        from tiebreak.weights.values import decode

        return decode(self.part(start, stop).data, self.dtype).astype("float64")

    def part(self, start: int, stop: int) -> Side:
        """A stretch of it as a tensor of its own."""
        width = DTYPES[self.dtype].bits // 8
        return self._replace(data=self.data[start * width : stop * width])


class Run(NamedTuple):
    """What to compute: `out` has room for exactly so many elements, stored as `dtype`."""

    out: memoryview
    dtype: str
    start: int
    elements: int

    @property
    def stop(self) -> int:
        """The number of the element after the last one."""
        return self.start + self.elements


class Thinning(NamedTuple):
    """By what chance a delta of the least and of the largest rank is kept: density -+ epsilon.

    With `inverse` what is kept is divided by its chance.
    """

    density: float
    epsilon: float
    inverse: bool


class Kernels(Protocol):
    """What both modules offer."""

    def combine(self, run: Run, base: Side | None, sides: tuple[Side, ...], scale: float) -> None:
        """The base plus `scale` times the weighted deltas; without a base, times the sides."""

    def elect(
        self, run: Run, base: Side, sides: tuple[Side, ...], scale: float, *, mean: bool
    ) -> None:
        """The base plus `scale` times the sum or mean of the deltas of the elected sign."""

    def weigh(
        self,
        run: Run,
        sides: tuple[Side, ...],
        importances: tuple[Side, ...],
        floors: tuple[float, ...],
    ) -> None:
        """The mean in which an element counts its importance (at least the floor) times its weight.

        The weights are those of the importances. Where nothing counts it is the first side.
        """

    def magnitudes(self, base: Side, side: Side, start: int, count: int) -> NDArray[np.uint32]:
        """The magnitudes of the deltas, as the bits of a float32."""

    def histogram(
        self, base: Side, side: Side, start: int, count: int, prefix: int | None
    ) -> NDArray[np.uint32]:
        """How many magnitudes have which upper 16 bits; of those with `prefix`, lower 15 bits."""

    def thin(
        self, base: Side, side: Side, start: int, rows: tuple[int, int], how: Thinning
    ) -> NDArray[np.float64]:
        """The deltas of so many rows of that width, the smaller the likelier dropped (DELLA).

        The chances are those of the side's key. Equal magnitudes of a row have one rank, in the
        middle of their places; the only one of its row is in the middle too.
        """

    def fingerprint(self, data: memoryview, start: int, size: int) -> int:
        """What the bytes from `start` (a multiple of 8) add to the number that stands for all."""

    def equal(self, one: Bytes, other: Bytes) -> bool:
        """Whether the bytes are the same."""

    def finite(self, data: memoryview, dtype: str) -> bool:
        """Whether the tensor with these bytes holds neither NaN nor infinity."""


def kernels() -> Kernels:
    """The kernels to compute with."""
    return _ON[-1] if _ON else host()


_ON: Final[list[Kernels]] = []  # of all threads: one merge computes on one device


@contextmanager
def computing_on(device: str) -> Iterator[None]:
    """Compute on a device of torch, such as "cuda"; "cpu" is the host's own kernels.

    Raises `UsageError` where there is no such device, or no torch.
    """
    if device == HOST:
        yield
        return
    if importlib.util.find_spec("torch") is None:
        raise UsageError(f"computing on {device} needs torch: pip install 'tiebreak[torch]'")
    from tiebreak.weights.kernels.device import Device

    _ON.append(Device(device, host()))
    try:
        yield
    finally:
        _ON.pop()


@cache
def host() -> Kernels:
    """The compiled kernels where there are some."""
    compiled = None if os.environ.get(CHOICE) == "portable" else native.load()
    return compiled or native.portable()
