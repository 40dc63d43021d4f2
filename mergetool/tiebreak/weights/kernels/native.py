"""The compiled kernels: kernels.c through ctypes, which lets other threads run meanwhile."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final

from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.kernels.constants import LOWER, UPPER

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tiebreak.weights.kernels import Bytes, Kernels, Run, Side, Thinning

NAME: Final = "_kernels.so"
VERSION: Final = 5  # of kernels.c

_TYPES: Final = {"BF16": 0, "F16": 1, "F32": 2, "F64": 3}


class _Side(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("type", ctypes.c_int64),
        ("weight", ctypes.c_double),
        ("key", ctypes.c_uint64),
        ("threshold", ctypes.c_uint32),
        ("drop", ctypes.c_uint32),
        ("ceiling", ctypes.c_uint32),
        ("changes", ctypes.c_uint32),
    )


class _Run(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("type", ctypes.c_int64),
        ("start", ctypes.c_int64),
        ("count", ctypes.c_int64),
    )


class _Buffer(ctypes.Structure):
    """Py_buffer (Python's C API, Buffer Protocol; of the stable ABI since 3.11)."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


# By item, not by attribute: these would be the ones of everybody else in the process.
_get_buffer = ctypes.pythonapi["PyObject_GetBuffer"]
_get_buffer.argtypes = (ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int)
_release_buffer = ctypes.pythonapi["PyBuffer_Release"]
_release_buffer.argtypes, _release_buffer.restype = (ctypes.POINTER(_Buffer),), None


def portable() -> Kernels:
    """The kernels with numpy, imported only now."""
    from tiebreak.weights.kernels import portable

    return portable


def load(path: str | None = None) -> Native | None:
    """The kernels of a compiled library; None where there is none, or one of another version."""
    try:
        library = ctypes.CDLL(path or os.path.join(os.path.dirname(__file__), NAME))
        if library.version() != VERSION:
            return None
    except (OSError, AttributeError):
        return None
    return Native(library)


class Native:
    """The functions of the library. Types that it does not know go to numpy."""

    __slots__ = ("_library",)

    def __init__(self, library: ctypes.CDLL) -> None:
        """Declare the functions."""
        self._library = library
        run, side, size = ctypes.POINTER(_Run), ctypes.POINTER(_Side), ctypes.c_int64
        real, flag, place = ctypes.c_double, ctypes.c_int32, ctypes.c_void_p
        for name, arguments, result in (
            ("combine", (run, side, side, size, real), None),
            ("elect", (run, side, side, size, real, flag), None),
            ("weigh", (run, side, side, size, place), None),
            ("magnitudes", (side, side, size, place), None),
            ("histogram", (side, side, size, size, place), None),
            ("thin", (side, side, *[size] * 3, real, real, flag, place, place), None),
            ("fingerprint", (place, size, size), ctypes.c_uint64),
            ("equal", (place, place, size), flag),
            ("finite", (place, size, size), flag),
        ):
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, result

    def combine(self, run: Run, base: Side | None, sides: tuple[Side, ...], scale: float) -> None:
        """See `Kernels.combine`."""
        operands = sides if base is None else (base, *sides)
        if not _known(run.dtype, operands):
            portable().combine(run, base, sides, scale)
            return
        origin = None if base is None else _sides((base,), run.start)
        terms = _sides(sides, run.start)
        self._library.combine(_run(run), origin, terms, len(sides), scale)

    def elect(
        self, run: Run, base: Side, sides: tuple[Side, ...], scale: float, *, mean: bool
    ) -> None:
        """See `Kernels.elect`."""
        if not _known(run.dtype, (base, *sides)):
            portable().elect(run, base, sides, scale, mean=mean)
            return
        self._library.elect(
            _run(run),
            _sides((base,), run.start),
            _sides(sides, run.start),
            len(sides),
            scale,
            mean,
        )

    def weigh(
        self,
        run: Run,
        sides: tuple[Side, ...],
        importances: tuple[Side, ...],
        floors: tuple[float, ...],
    ) -> None:
        """See `Kernels.weigh`."""
        if not _known(run.dtype, (*sides, *importances)):
            portable().weigh(run, sides, importances, floors)
            return
        self._library.weigh(
            _run(run),
            _sides(sides, run.start),
            _sides(importances, run.start),
            len(sides),
            (ctypes.c_double * len(floors))(*floors),
        )

    def magnitudes(self, base: Side, side: Side, start: int, count: int) -> NDArray[np.uint32]:
        """See `Kernels.magnitudes`."""
        if not _known(base.dtype, (side,)):
            return portable().magnitudes(base, side, start, count)
        import numpy as np

        keys = np.empty(count, np.uint32)
        self._library.magnitudes(
            _sides((base,), start), _sides((side,), start), count, keys.ctypes.data
        )
        return keys

    def histogram(
        self, base: Side, side: Side, start: int, count: int, prefix: int | None
    ) -> NDArray[np.uint32]:
        """See `Kernels.histogram`."""
        if not _known(base.dtype, (side,)):
            return portable().histogram(base, side, start, count, prefix)
        import numpy as np

        counts = np.zeros(UPPER if prefix is None else 1 << LOWER, np.uint32)
        self._library.histogram(
            _sides((base,), start),
            _sides((side,), start),
            count,
            -1 if prefix is None else prefix,
            counts.ctypes.data,
        )
        return counts

    def thin(
        self, base: Side, side: Side, start: int, rows: tuple[int, int], how: Thinning
    ) -> NDArray[np.float64]:
        """See `Kernels.thin`."""
        if not _known(base.dtype, (side,)):
            return portable().thin(base, side, start, rows, how)
        import numpy as np

        found, room = np.empty(rows[0] * rows[1]), np.empty(2 * rows[1], np.uint64)
        self._library.thin(
            _sides((base,), start),
            _sides((side,), start),
            start,
            *rows,
            *how,
            room.ctypes.data,
            found.ctypes.data,
        )
        return found

    def fingerprint(self, data: memoryview, start: int, size: int) -> int:
        """See `Kernels.fingerprint`."""
        return int(self._library.fingerprint(_address(data) + start, size, start // 8))

    def equal(self, one: Bytes, other: Bytes) -> bool:
        """See `Kernels.equal`."""
        same_size = len(one) == len(other)
        return same_size and bool(self._library.equal(_address(one), _address(other), len(one)))

    def finite(self, data: memoryview, dtype: str) -> bool:
        """See `Kernels.finite`."""
        if dtype not in _TYPES:
            return portable().finite(data, dtype)
        count = len(data) * 8 // DTYPES[dtype].bits
        return bool(self._library.finite(_address(data), _TYPES[dtype], count))


def _known(dtype: str, operands: Sequence[Side]) -> bool:
    return dtype in _TYPES and all(operand.dtype in _TYPES for operand in operands)


def _run(run: Run) -> _Run:
    if len(run.out) != run.elements * DTYPES[run.dtype].bits // 8:
        msg = f"room for {len(run.out)} bytes, not for {run.elements} elements of {run.dtype}"
        raise ValueError(msg)
    return _Run(_address(run.out), _TYPES[run.dtype], run.start, run.elements)


def _sides(sides: Sequence[Side], start: int) -> ctypes.Array[_Side]:
    """The operands of a run that begins at an element."""
    return (_Side * len(sides))(
        *(
            _Side(
                _address(side.data) + start * (DTYPES[side.dtype].bits // 8),
                _TYPES[side.dtype],
                side.weight,
                side.key,
                side.threshold,
                side.drop,
                side.ceiling,
                side.changes,
            )
            for side in sides
        )
    )


def _address(data: Bytes) -> int:
    """Where the bytes lie. They stay there as long as the caller holds the view."""
    buffer = _Buffer()
    _get_buffer(data, buffer, 0)  # PyBUF_SIMPLE: raises BufferError where they are not contiguous
    address: int | None = buffer.buf
    _release_buffer(buffer)
    return address or 0
