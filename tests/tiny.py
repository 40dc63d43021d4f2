"""Tiny checkpoints, written and read here without tiebreak's own code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    Array = np.ndarray[Any, np.dtype[Any]]

NAMES = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "uint8": "U8"}
TYPES = {name: dtype for dtype, name in NAMES.items()}
FORMAT = {"format": "pt"}


def checkpoint(tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = FORMAT) -> bytes:
    """A safetensors file with these tensors, in this order."""
    header: dict[str, object] = {} if metadata is None else {"__metadata__": dict(metadata)}
    data = b""
    for name, array in tensors.items():
        end = len(data) + array.nbytes
        header[name] = {
            "dtype": NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(data), end],
        }
        data += array.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def tensors(data: bytes) -> dict[str, Array]:
    """The tensors of a safetensors file, in the order of the header."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(
            data[8 + length :][slice(*entry["data_offsets"])], TYPES[entry["dtype"]]
        ).reshape(entry["shape"])
        for name, entry in header.items()
    }


def metadata(data: bytes) -> dict[str, str] | None:
    """The texts of a safetensors file's header."""
    length = int.from_bytes(data[:8], "little")
    found: dict[str, str] | None = json.loads(data[8 : 8 + length]).get("__metadata__")
    return found


def full(value: float, *shape: int, dtype: str = "float32") -> Array:
    """An array that holds one value."""
    return np.full(shape, value, dtype)
