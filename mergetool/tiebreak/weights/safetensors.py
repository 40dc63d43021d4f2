"""The safetensors format: a header that is checked completely, and one that is always the same.

    8 bytes   length of the header, little endian
    header    JSON: {"__metadata__": {str: str}, name: {"dtype", "shape", "data_offsets"}, ...},
              padded with spaces
    data      the tensors, without holes and without overlaps

`read_header` refuses whatever the format does not allow, and more: a name that occurs twice, and a
key that it does not know (rewriting the file would lose it). A file that passes can be read without
any further check of its bounds.
Source: the section "Format" of the README of huggingface/safetensors.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import CheckpointError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Bytes. The format allows four times as much, of which a hostile header makes 3 GB of objects. This
# is what the Hugging Face Hub reads, and enough for 150,000 tensors in one file.
LONGEST_HEADER: Final = 25_000_000

_PREFIX: Final = 8
_METADATA: Final = "__metadata__"
_KEYS: Final = {"dtype", "shape", "data_offsets"}
_U64: Final = 1 << 64


class TensorInfo(NamedTuple):
    """One entry of a header. `start` and `end` count from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def nbytes(self) -> int:
        """The size of the data."""
        return self.end - self.start

    @property
    def elements(self) -> int:
        """How many numbers it holds; 1 without dimensions."""
        return _product(self.shape) or 0


class Header(NamedTuple):
    """A header: the tensors in the order of their data; `data_start` is where the data begins."""

    tensors: tuple[TensorInfo, ...]
    metadata: dict[str, str] | None
    data_start: int


def read_header(view: memoryview | bytes, path: str) -> Header:
    """The header of a whole file. Raises `CheckpointError` unless every byte is accounted for."""
    length = _header_length(view, path)
    data_start = _PREFIX + length
    entries = _parse(bytes(view[_PREFIX:data_start]), path)
    metadata = _metadata(entries.pop(_METADATA), path) if _METADATA in entries else None
    tensors = [_tensor(name, entry, path) for name, entry in entries.items()]
    tensors.sort(key=lambda tensor: (tensor.start, tensor.end))
    _check_layout(tensors, len(view) - data_start, path)
    return Header(tuple(tensors), metadata, data_start)


def write_header(tensors: Sequence[TensorInfo], metadata: Mapping[str, str] | None) -> bytes:
    """The length and the header, padded so that the data starts at a multiple of 8.

    The same tensors and metadata give the same bytes: metadata is sorted, tensors stay in order.
    """
    entries: dict[str, object] = {}
    if metadata is not None:
        entries[_METADATA] = dict(sorted(metadata.items()))
    for name, dtype, shape, start, end in tensors:
        if name in entries:
            raise CheckpointError(f"tensor {shown(name)!r} cannot be written twice to one file")
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": (start, end)}
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        raise CheckpointError(f"a header of {len(text)} bytes; {LONGEST_HEADER} are the limit")
    return len(text).to_bytes(_PREFIX, "little") + text


def lay_out(tensors: Iterable[tuple[str, str, tuple[int, ...]]]) -> tuple[TensorInfo, ...]:
    """Entries for tensors given as (name, dtype, shape), one after the other."""
    placed, position = [], 0
    for name, dtype, shape in tensors:
        size = data_size(dtype, shape)
        if size is None:
            raise CheckpointError(f"tensor {shown(name)!r}: {dtype} {list(shape)} ends in a byte")
        placed.append(TensorInfo(name, dtype, shape, position, position + size))
        position += size
    return tuple(placed)


def data_size(dtype: str, shape: Sequence[int]) -> int | None:
    """The bytes of such a tensor; None if it is too large or does not end on a byte."""
    elements = _product(shape)
    if elements is None:
        return None
    size, rest = divmod(elements * DTYPES[dtype].bits, 8)
    return None if rest else size


def _product(shape: Sequence[int]) -> int | None:
    """The product, None from 2**64 on: a hostile shape must not cost a long multiplication."""
    product = 1
    for length in shape:
        product *= length
        if product >= _U64:
            return None
    return product


def _header_length(view: memoryview | bytes, path: str) -> int:
    if len(view) < _PREFIX:
        _refuse(path, f"{len(view)} bytes are too few for safetensors, which starts with a length")
    length = int.from_bytes(view[:_PREFIX], "little")
    if length > LONGEST_HEADER:
        _refuse(path, f"no safetensors file: a header of {length} bytes (at most {LONGEST_HEADER})")
    if length > len(view) - _PREFIX:
        _refuse(path, f"truncated: a header of {length} bytes in a file of {len(view)}")
    if bytes(view[_PREFIX : _PREFIX + 1]) != b"{":
        _refuse(path, "no safetensors file: the header does not begin with '{'")
    return length


def _parse(text: bytes, path: str) -> dict[str, object]:
    try:
        entries = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_constant)
    except UnicodeDecodeError as error:
        _refuse(path, f"the header is not UTF-8 at byte {error.start}")
    except RecursionError:
        _refuse(path, "the header is nested too deeply; it should be an object of objects")
    except ValueError as error:  # also what json says of wrong syntax
        _refuse(path, f"the header is not proper JSON: {shown(str(error))}")
    assert isinstance(entries, dict)  # noqa: S101  (it begins with a brace)
    return entries


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice!r} occurs twice")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _metadata(found: object, path: str) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        _refuse(path, f"{_METADATA} should map strings to strings")
    for text in (*found, *found.values()):
        _check_text(text, path)
    return found


def _tensor(name: str, entry: object, path: str) -> TensorInfo:
    """One entry, checked as far as it can be without the others."""
    _check_text(name, path)
    where = f"tensor {shown(name)!r}"
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        _refuse(path, f"{where}: expected exactly dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        _refuse(path, f"{where}: unknown dtype {shown(repr(dtype))}")
    if not _is_lengths(shape):
        _refuse(path, f"{where}: shape should be a list of lengths, is {_brief(shape)}")
    if not _is_lengths(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:  # noqa: PLR2004
        _refuse(path, f"{where}: data_offsets should be [start, end], is {_brief(offsets)}")
    start, end = offsets
    size = data_size(dtype, shape)
    if size is None:
        _refuse(path, f"{where}: {dtype} {_brief(shape)} is too large or ends within a byte")
    if size != end - start:
        expected = f"{dtype} {_brief(shape)} needs {size} bytes"
        _refuse(path, f"{where}: {expected}, data_offsets give {end - start}")
    return TensorInfo(name, dtype, tuple(shape), start, end)


def _check_layout(tensors: Sequence[TensorInfo], size: int, path: str) -> None:
    """Every byte of the data belongs to exactly one tensor."""
    position = 0
    for tensor in tensors:
        where = f"tensor {shown(tensor.name)!r}"
        if tensor.start < position:
            _refuse(path, f"{where} overlaps the one before it by {position - tensor.start} bytes")
        if tensor.start > position:
            _refuse(path, f"{tensor.start - position} bytes before {where} belong to no tensor")
        position = tensor.end
        if position > size:
            _refuse(path, f"truncated: {where} ends at byte {position} of {size} bytes of data")
    if position < size:
        _refuse(path, f"{size - position} bytes after the last tensor")


def _is_lengths(found: Any) -> bool:
    return isinstance(found, list) and all(type(item) is int and 0 <= item < _U64 for item in found)


def _brief(found: object) -> str:
    return shown(repr(found[:9]) + "..." if isinstance(found, list) and found[9:] else repr(found))


def _check_text(text: str, path: str) -> None:
    """JSON can escape half a character, which UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(path, f"{shown(ascii(text))} is not Unicode text")


def _refuse(path: str, reason: str) -> NoReturn:
    raise CheckpointError(f"{shown(path, 400)}: {reason}")
