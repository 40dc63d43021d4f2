"""NaN and infinity stop a merge where they appear: they would spread in silence.

Every stretch is looked at before it is written, so nothing is read twice. Only when one is found
are the inputs looked at, to say which of them it comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tiebreak.errors import InputError
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import shown
from tiebreak.weights.values import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tiebreak.weights.kernels import Side
    from tiebreak.weights.methods.method import Content, Each

_EXPONENTS: Final = {  # the bits of the exponent: all of them are set in what is not finite
    "BF16": ("<u2", 0x7F80),
    "F16": ("<u2", 0x7C00),
    "F32": ("<u4", 0x7F800000),
    "F64": ("<u8", 0x7FF0000000000000),
}


def finite(
    name: str,
    dtype: str,
    content: Callable[[Each], Content],
    inputs: Mapping[str, Side],
) -> Callable[[Each], Content]:
    """The same content, which raises `InputError` instead of giving NaN or infinity.

    `inputs` are those of all models, by what they are called in messages.
    """
    width = DTYPES[dtype].bits // 8

    def prepare(each: Each) -> Content:
        ready = content(each)

        def fill(start: int, stop: int, out: memoryview) -> None:
            if isinstance(ready, memoryview):
                out[:] = ready[start * width : stop * width]
            else:
                ready(start, stop, out)
            bad = ~_finite(out, dtype)
            if bad.any():
                raise _error(name, start + int(bad.argmax()), inputs)

        return fill

    return prepare


def _finite(raw: memoryview, dtype: str) -> NDArray[np.bool_]:
    if dtype in _EXPONENTS:
        storage, exponent = _EXPONENTS[dtype]
        bits = np.frombuffer(raw, storage)
        found: NDArray[np.bool_] = (bits & bits.dtype.type(exponent)) != exponent
        return found
    return np.isfinite(decode(raw, dtype))


def _error(name: str, place: int, inputs: Mapping[str, Side]) -> InputError:
    for model, side in inputs.items():
        if not np.isfinite(side.values(place, place + 1)).all():
            what = f"{shown(model)} holds NaN or infinity there"
            break
    else:
        what = "the result is not finite: too large for its type, or a division by 0"
    return InputError(f"tensor {shown(name)!r}, element {place}: {what}; --allow-nan writes it")
