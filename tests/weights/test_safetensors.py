"""The format, round and round, and beside the reference implementation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiebreak.weights.checkpoint import Checkpoint, find_checkpoint, is_index, open_checkpoint
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import CheckpointError
from tiebreak.weights.safetensors import TensorInfo, lay_out, read_header, write_header
from tiny import checkpoint, full

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NAMES = TEXT.filter(lambda name: name != "__metadata__")
METADATA = st.none() | st.dictionaries(TEXT, TEXT, max_size=4)


@st.composite
def specs(draw: st.DrawFn) -> list[tuple[str, str, tuple[int, ...]]]:
    """Names, types and shapes that the format allows."""
    found = []
    for name in draw(st.lists(NAMES, max_size=5, unique=True)):
        dtype = draw(st.sampled_from(sorted(DTYPES)))
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        found.append((name, dtype, (*shape, 4) if DTYPES[dtype].packed else tuple(shape)))
    return found


def file_of(infos: tuple[TensorInfo, ...], metadata: dict[str, str] | None) -> bytes:
    data = bytes(n % 251 for n in range(infos[-1].end if infos else 0))
    return write_header(infos, metadata) + data


@given(specs(), METADATA)
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read(
    tensors: list[tuple[str, str, tuple[int, ...]]], metadata: dict[str, str] | None
) -> None:
    infos = lay_out(tensors)
    data = file_of(infos, metadata)
    header = read_header(data, "f")
    assert sorted(header.tensors) == sorted(infos)  # tensors without data have no order of offsets
    assert header.metadata == metadata
    assert header.data_start % 8 == 0
    assert write_header(header.tensors, metadata) in {
        data[: header.data_start],
        write_header(sorted(infos, key=lambda t: (t.start, t.end)), metadata),
    }


@given(specs(), METADATA)
@settings(max_examples=200, deadline=None)
def test_the_reference_reads_the_same(
    tensors: list[tuple[str, str, tuple[int, ...]]], metadata: dict[str, str] | None
) -> None:
    safetensors = pytest.importorskip("safetensors")
    data = file_of(lay_out(tensors), metadata)
    header = read_header(data, "f")
    theirs = {
        name: (t["dtype"], tuple(t["shape"]), bytes(t["data"]))
        for name, t in safetensors.deserialize(data)
    }
    body = data[header.data_start :]
    assert theirs == {t.name: (t.dtype, t.shape, body[t.start : t.end]) for t in header.tensors}


def test_the_reference_writes_what_is_read(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    tensors = {"b": np.arange(6.0).reshape(2, 3), "a": np.arange(5, dtype=np.int8)}
    numpy.save_file(tensors, tmp_path / "m.safetensors", metadata={"format": "np"})
    with open_checkpoint(str(tmp_path)) as found:
        assert found.names == ("b", "a")  # in the order of the data: the larger type first
        assert found.metadata == {"format": "np"}
        for name, array in tensors.items():
            assert found.info(name).shape == array.shape
            assert bytes(found.raw(name)) == array.tobytes()
        again = write_header([found.info(name) for name in found.names], found.metadata)
    assert (tmp_path / "m.safetensors").read_bytes().startswith(again)


def test_the_same_content_gives_the_same_bytes() -> None:
    infos = lay_out([("z", "F32", (2,)), ("a", "U8", (3,))])
    there = write_header(infos, {"format": "pt", "a": "b"})
    assert there == write_header(infos, {"a": "b", "format": "pt"})
    assert there[8:].rstrip() == (
        b'{"__metadata__":{"a":"b","format":"pt"},'
        b'"z":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"a":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}'
    )


def test_a_name_is_not_written_twice() -> None:
    with pytest.raises(CheckpointError, match="twice"):
        write_header(lay_out([("a", "U8", (1,)), ("a", "U8", (1,))]), None)


def test_a_length_that_begins_like_json_is_no_json() -> None:
    """0x7b20 bytes of header: the file begins with a blank and a brace."""
    header = json.dumps({"__metadata__": {"a": "x" * 0x7B20}}).encode()[:0x7B20]
    data = len(header).to_bytes(8, "little") + header
    assert data[:2] == b" {"
    assert not is_index(data[:64])
    assert is_index(b' {"weight_map": {}}')


# --- shards and folders -------------------------------------------------------------------------

A = {"a": full(1, 2), "b": full(2, 3)}
B = {"c": full(3, 1)}


def write_shards(folder: Path, weight_map: dict[str, str] | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "model-00002-of-00002.safetensors").write_bytes(checkpoint(A))
    (folder / "model-00001-of-00002.safetensors").write_bytes(checkpoint(B))
    second, first = "model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"
    index = {
        "metadata": {"total_size": 24},
        "weight_map": weight_map or {"a": second, "b": second, "c": first},
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text("{}")
    return folder


def contents(found: Checkpoint) -> dict[str, bytes]:
    return {name: bytes(found.raw(name)) for name in found.names}


def test_shards_are_one_checkpoint(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "model")
    for path in (folder, folder / "model.safetensors.index.json"):
        with open_checkpoint(str(path)) as found:
            assert found.names == ("c", "a", "b")  # the first shard first
            assert contents(found) == {k: v.tobytes() for k, v in (A | B).items()}
            assert [s.path.rpartition("/")[2][:11] for s in found.layout] == [
                "model-00001",
                "model-00002",
            ]
            assert found.index is not None
            assert found.index.metadata == {"total_size": 24}


@pytest.mark.parametrize(
    ("weight_map", "what"),
    [
        ({"a": "model-00002-of-00002.safetensors"}, "does not name tensor 'b'"),
        ({"z": "model-00002-of-00002.safetensors"}, "does not hold 'z'"),
        ({"a": "model-00003-of-00002.safetensors"}, "cannot be read: No such file"),
        (
            {
                "a": "model-00002-of-00002.safetensors",
                "b": "model-00002-of-00002.safetensors",
                "c": "model-00002-of-00002.safetensors",
            },
            "does not hold 'c'",
        ),
    ],
)
def test_an_index_that_disagrees_is_refused(
    weight_map: dict[str, str], what: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=what):
        open_checkpoint(str(write_shards(tmp_path / "model", weight_map)))


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "model")
    (folder / "model-00001-of-00002.safetensors").write_bytes(checkpoint(A | B))
    with pytest.raises(CheckpointError, match="'a' is in two shards"):
        open_checkpoint(str(folder))


def test_which_file_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no safetensors file"):
        find_checkpoint(str(tmp_path))
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="a pickled checkpoint"):
        find_checkpoint(str(tmp_path))
    (tmp_path / "adapter_model.safetensors").write_bytes(checkpoint(B))
    assert find_checkpoint(str(tmp_path)).endswith("/adapter_model.safetensors")
    (tmp_path / "other.safetensors").write_bytes(checkpoint(B))
    with pytest.raises(CheckpointError, match=r"adapter_model.safetensors, other.safetensors"):
        find_checkpoint(str(tmp_path))
    write_shards(tmp_path)
    assert find_checkpoint(str(tmp_path)).endswith("/model.safetensors.index.json")
    (tmp_path / "model.safetensors").write_bytes(checkpoint(B))
    assert find_checkpoint(str(tmp_path)).endswith("/model.safetensors")  # as transformers does


def test_views_outlive_the_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "m"
    file.write_bytes(checkpoint(A))
    with open_checkpoint(str(file)) as found:
        held = np.frombuffer(found.raw("b"), np.float32)
    assert held.tolist() == [2, 2, 2]


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580])
def test_a_header_whose_length_looks_like_a_pickle(length: int, tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    start = len(checkpoint(A, {"x": ""})) - sum(array.nbytes for array in A.values()) - 8
    file.write_bytes(checkpoint(A, {"x": "x" * (length - start)}))
    assert file.read_bytes()[:8] == length.to_bytes(8, "little")
    with open_checkpoint(str(file)) as found:
        assert list(found.names) == list(A)
