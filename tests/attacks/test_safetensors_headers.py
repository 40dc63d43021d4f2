"""Files that a stranger's branch may hold: each is refused in one line, or read within bounds."""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiebreak.weights.checkpoint import find_checkpoint, open_checkpoint
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import CheckpointError
from tiebreak.weights.safetensors import LONGEST_HEADER, Header, read_header
from tiny import checkpoint, full

if TYPE_CHECKING:
    from pathlib import Path


def raw(header: bytes | object, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with any header at all."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(start: object, end: object, shape: object, dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


PAIR = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":%b}'
SAME = b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
ONE = entry(0, 4, [1])

REFUSED = {
    "empty": (b"", "too few"),
    "seven bytes": (b"\0" * 7, "too few"),
    "no header": (raw(b""), "does not begin with '{'"),
    "truncated header": (raw({"a": ONE}, b"1234")[:30], "truncated"),
    "truncated data": (raw({"a": ONE}, b"123"), "truncated"),
    "length beyond the file": (raw({}, length=1000), "truncated"),
    "length beyond the limit": (raw({}, length=LONGEST_HEADER + 1), "at most"),
    "largest length": (raw({}, length=2**64 - 1), "at most"),
    "leading space": (raw(b" {}"), "does not begin"),
    "a list": (raw(b"[]"), "does not begin"),
    "trailing NUL": (raw(b"{}\0"), "not proper JSON"),
    "two values": (raw(b"{}{}"), "not proper JSON"),
    "a comma too many": (raw(b'{"a":1,}'), "not proper JSON"),
    "NaN": (raw(b'{"a":NaN}'), "NaN is not JSON"),
    "not UTF-8": (raw(b'{"\xff":{}}'), "not UTF-8 at byte 2"),
    "half a character": (raw(b'{"\\ud800":%b}' % SAME, b"1"), "is not Unicode"),
    "half a character in metadata": (raw({"__metadata__": {"a": "\udfff"}}), "is not Unicode"),
    "deep lists": (raw(b'{"a":' + b"[" * 200_000), "nested too deeply"),
    "deep objects": (raw(b'{"a":' * 200_000), "nested too deeply"),
    "the same name twice": (raw(PAIR % SAME, b"1"), "'a' occurs twice"),
    "a name with two places": (raw(PAIR % SAME.replace(b"0,1", b"1,2"), b"12"), "occurs twice"),
    "metadata twice": (raw(b'{"__metadata__":{},"__metadata__":{}}'), "occurs twice"),
    "metadata that is no text": (raw({"__metadata__": {"a": 1}}), "strings to strings"),
    "metadata that is none": (raw({"__metadata__": None}), "strings to strings"),
    "a tensor called metadata": (raw({"__metadata__": ONE}, b"1234"), "strings to strings"),
    "an entry that is none": (raw({"a": 1}), "expected exactly"),
    "an entry without shape": (raw({"a": {"dtype": "U8", "data_offsets": [0, 0]}}), "exactly"),
    "an entry with more": (raw({"a": {**ONE, "x": 1}}, b"1234"), "expected exactly"),
    "unknown dtype": (raw({"a": entry(0, 1, [2], "I4")}, b"1"), "unknown dtype 'I4'"),
    "dtype that is none": (raw({"a": entry(0, 4, [1], ["F32"])}, b"1234"), "unknown dtype"),
    "negative length": (raw({"a": entry(0, 4, [-1])}, b"1234"), "shape should be"),
    "two negative lengths": (raw({"a": entry(0, 4, [-1, -1])}, b"1234"), "shape should be"),
    "fraction": (raw({"a": entry(0, 4, [1.0])}, b"1234"), "shape should be"),
    "truth": (raw({"a": entry(0, 4, [True])}, b"1234"), "shape should be"),
    "shape that is none": (raw({"a": entry(0, 4, "1")}, b"1234"), "shape should be"),
    "enormous number": (raw(b'{"a":[%b]}' % (b"9" * 5000)), "not proper JSON"),
    "beyond 64 bits": (raw({"a": entry(0, 4, [2**64])}, b"1234"), "shape should be"),
    "shape beyond 64 bits": (raw({"a": entry(0, 4, [2**32] * 9)}, b"1234"), "too large"),
    "that times nothing": (raw({"a": entry(0, 0, [2**63, 2**63, 0])}), "too large"),
    "many dimensions": (raw({"a": entry(0, 4, [2**40] * 100_000)}, b"1234"), "too large"),
    "wrong size": (raw({"a": entry(0, 4, [2])}, b"1234"), "needs 8 bytes, data_offsets give 4"),
    "backwards": (raw({"a": entry(4, 0, [1])}, b"1234"), "data_offsets should be"),
    "one offset": (raw({"a": {**ONE, "data_offsets": [0]}}, b"1234"), "data_offsets should be"),
    "negative offset": (raw({"a": entry(-4, 0, [1])}, b"1234"), "data_offsets should be"),
    "offset beyond the file": (raw({"a": entry(0, 400, [100])}, b"1234"), "truncated"),
    "overlap": (raw({"a": ONE, "b": entry(2, 6, [1])}, b"123456"), "overlaps the one before it"),
    "the same bytes": (raw({"a": ONE, "b": ONE}, b"1234"), "overlaps"),
    "hole at the start": (raw({"a": entry(4, 8, [1])}, b"12345678"), "belong to no tensor"),
    "hole": (raw({"a": ONE, "b": entry(5, 9, [1])}, b"123456789"), "1 bytes before"),
    "trailing bytes": (raw({"a": ONE}, b"12345"), "1 bytes after the last tensor"),
    "no tensors but data": (raw({}, b"1"), "1 bytes after"),
    "half a byte": (raw({"a": entry(0, 2, [3], "F4")}, b"12"), "ends within a byte"),
    "three quarters": (raw({"a": entry(0, 1, [1], "F6_E2M3")}, b"1"), "ends within a byte"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name: str, tmp_path: Path) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(CheckpointError) as refusal:
        read_header(data, "some/model.safetensors")
    line = str(refusal.value)
    assert line.startswith("some/model.safetensors: ")
    assert reason in line
    assert line.isprintable()
    assert len(line) < 400
    file = tmp_path / "model.safetensors"
    file.write_bytes(data)
    with pytest.raises(CheckpointError):
        open_checkpoint(str(file))


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_every_type_is_read(dtype: str) -> None:
    """The smallest number of elements that ends on a byte."""
    bits = DTYPES[dtype].bits
    count = next(n for n in range(1, 9) if n * bits % 8 == 0)
    size = count * bits // 8
    header = read_header(raw({"a": entry(0, size, [count], dtype)}, bytes(size)), "f")
    assert (header.tensors[0].nbytes, header.tensors[0].elements) == (size, count)


def test_a_name_cannot_write_on_the_screen() -> None:
    name = "\x1b[2J\r\nall is well"
    with pytest.raises(CheckpointError) as refusal:
        read_header(raw({name: 1}), "evil\n.safetensors")
    assert str(refusal.value).isprintable()


MODEL = checkpoint({"a": full(1, 2, 2), "b": full(0, 0, 3), "c": full(2, 3, dtype="uint8")})


@given(
    st.lists(
        st.tuples(st.integers(0, len(MODEL) - 1), st.binary(max_size=3), st.integers(0, 3)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=400, deadline=None)
def test_damage_is_refused_or_harmless(edits: list[tuple[int, bytes, int]]) -> None:
    """What passes has every tensor within the file, and the reference reader takes it as well."""
    data = MODEL
    for at, new, dropped in edits:
        data = data[:at] + new + data[at + dropped :]
    try:
        header = read_header(data, "f")
    except CheckpointError:
        return
    _check_bounds(header, data)
    safetensors = pytest.importorskip("safetensors")
    theirs = {name: (t["dtype"], tuple(t["shape"])) for name, t in safetensors.deserialize(data)}
    assert theirs == {t.name: (t.dtype, t.shape) for t in header.tensors}


def _check_bounds(header: Header, data: bytes) -> None:
    covered = [t.nbytes for t in header.tensors]
    assert header.data_start + sum(covered) == len(data)
    assert all(0 <= t.start <= t.end <= len(data) - header.data_start for t in header.tensors)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04rest", "a pickled checkpoint, which can run any program"),
        (b"\x80\x02}q\x00.", "a pickled checkpoint, which can run any program"),
        (b"\x80\x04K\x01.", "a pickled checkpoint, which can run any program"),
        (b"GGUF\3\0\0\0", "a GGUF file"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"", "the file is empty"),
    ],
)
def test_what_is_no_safetensors_is_called_by_its_name(
    content: bytes, what: str, tmp_path: Path
) -> None:
    """Whatever the file is called."""
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=what):
        open_checkpoint(str(file))


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "model.safetensors"
    os.mkfifo(pipe)
    for path in (str(pipe), os.devnull):
        with pytest.raises(CheckpointError, match="not a regular file"):
            open_checkpoint(path)


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "a/b", "..", "", 1])
def test_an_index_names_only_files_beside_it(name: object, tmp_path: Path) -> None:
    (tmp_path / "outside.safetensors").write_bytes(MODEL)
    folder = tmp_path / "model"
    folder.mkdir()
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(CheckpointError, match="files beside it"):
        open_checkpoint(str(folder))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"weight_map": []}', "[" * 100_000, "\xff"])
def test_an_index_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors.index.json").write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError):
        find_checkpoint(str(tmp_path))
