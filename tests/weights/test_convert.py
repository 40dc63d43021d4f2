"""Pickled checkpoints to safetensors: what is kept, what is said, and what is refused."""

from __future__ import annotations

import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from conftest import pretend_missing
from tiebreak.cli.dispatch import run
from tiebreak.weights import pickles
from tiebreak.weights.checkpoint import open_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DTYPES = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "float8_e4m3fn",
    "float8_e5m2",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
]


def convert(source: Path, output: Path, *, status: int = 0) -> None:
    assert run(["weights", "convert", str(source), str(output)]) == status


def saved(path: Path, state: object, **options: Any) -> Path:
    torch.save(state, path, **options)
    return path


def same(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].dtype == tensor.dtype
        and found[name].shape == tensor.shape
        and found[name]
        .reshape(-1)
        .view(torch.uint8)
        .equal(tensor.contiguous().reshape(-1).view(torch.uint8))
        for name, tensor in expected.items()
    )


@pytest.mark.parametrize("zipped", [True, False])
def test_every_type_and_shape_bit_by_bit(zipped: bool, tmp_path: Path) -> None:  # noqa: FBT001
    generator = torch.Generator().manual_seed(0)
    state = {
        name: torch.randn(3, 5, generator=generator).to(getattr(torch, name))
        for name in DTYPES
        if zipped or not name.startswith("float8")  # torch cannot read its own old format of them
    }
    state |= {"scalar": torch.tensor(2.5), "none": torch.empty(0, 4), "turned": state["int8"].T}
    out = tmp_path / "out.safetensors"
    convert(saved(tmp_path / "m.pt", state, _use_new_zipfile_serialization=zipped), out)
    assert same(load_file(out), state)
    with safe_open(out, "pt") as found:
        assert found.metadata() == {"format": "pt"}


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    source = saved(tmp_path / "m.bin", {"b": torch.ones(2), "a": torch.ones(3)})
    outputs = [tmp_path / f"{n}.safetensors" for n in range(2)]
    for out in outputs:
        convert(source, out)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_tied_tensors_are_stored_once_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = torch.arange(6.0).reshape(2, 3)
    state = {"embed.weight": table, "lm_head.weight": table, "w": torch.ones(1)}
    out = tmp_path / "out.safetensors"
    convert(saved(tmp_path / "m.bin", state), out)
    assert list(load_file(out)) == ["embed.weight", "w"]
    with open_checkpoint(str(out)) as found:
        assert found.metadata == {"format": "pt", "lm_head.weight": "embed.weight"}
    assert "tied, stored once and named in the metadata: lm_head.weight" in capsys.readouterr().err


def test_parts_of_one_memory_become_separate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = torch.arange(8.0)
    state = {"whole": whole, "part": whole[2:4], "left": torch.ones(2)}
    out = tmp_path / "out.safetensors"
    convert(saved(tmp_path / "m.bin", state), out)
    assert same(load_file(out), state)
    assert "shared memory in part, now separate: whole, part" in capsys.readouterr().err


def test_the_halves_of_one_memory_share_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = torch.arange(8.0)
    convert(saved(tmp_path / "m.bin", {"a": whole[:4], "b": whole[4:]}), tmp_path / "out")
    assert "shared" not in capsys.readouterr().err


def test_a_trainers_checkpoint_gives_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"state_dict": {"w": torch.ones(2), "note": "text"}, "epoch": 3, "optimizer": {}}
    out = tmp_path / "out.safetensors"
    convert(saved(tmp_path / "last.ckpt", state), out)
    assert list(load_file(out)) == ["w"]
    said = capsys.readouterr().err
    assert "converted is its 'state_dict'; left out: epoch, optimizer" in said
    assert "left out, because they are no tensors: note" in said


def folder(path: Path, shards: list[dict[str, torch.Tensor]]) -> Path:
    """A sharded Hugging Face model."""
    path.mkdir()
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        name = f"pytorch_model-{number:05}-of-{len(shards):05}.bin"
        saved(path / name, shard)
        weight_map |= dict.fromkeys(shard, name)
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    (path / "config.json").write_text("{}")
    (path / "optimizer.pt").write_bytes(b"never read")
    return path


SHARDS = [{"a": torch.ones(2), "b": torch.zeros(3)}, {"c": torch.ones(4, dtype=torch.bfloat16)}]


@pytest.mark.parametrize("named", ["", "pytorch_model.bin.index.json"])
def test_a_sharded_folder_keeps_its_shards(named: str, tmp_path: Path) -> None:
    source, out = folder(tmp_path / "model", SHARDS), tmp_path / "out"
    convert(source / named, out)
    assert sorted(os.listdir(out)) == [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ]
    with open_checkpoint(str(out)) as found:  # which checks the index against the shards
        assert found.names == ("a", "b", "c")
    index = json.loads((out / "model.safetensors.index.json").read_text())
    assert index["metadata"] == {"total_size": 28}
    assert run(["weights", "verify", str(out)]) == 0


def test_a_folder_with_one_file(tmp_path: Path) -> None:
    source = tmp_path / "adapter"
    source.mkdir()
    saved(source / "adapter_model.bin", {"w": torch.ones(2)})
    (source / "adapter_config.json").write_text("{}")
    convert(source, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


class Evil:
    """Runs a program when it is loaded."""

    def __reduce__(self) -> object:
        return os.system, ("touch pwned",)


class Tensors(dict[str, torch.Tensor]):
    """A class of somebody's own."""


REFUSED = {
    "a program": ({"w": torch.ones(1), "x": Evil()}, "loading it would run or build"),
    "a class": (Tensors(w=torch.ones(1)), "loading it would run or build"),
    "a list": ([torch.ones(1)], "holds a list, expected tensors by name"),
    "no tensors": ({"a": 1}, "holds no tensors by name"),
    "sparse": ({"w": torch.eye(2).to_sparse()}, "tensor 'w' is sparse"),
    "wide complex": (
        {"w": torch.ones(1, dtype=torch.complex128)},
        "tensor 'w' is torch.complex128",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("zipped", [True, False])
def test_refused_in_one_line(
    name: str,
    zipped: bool,  # noqa: FBT001
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    state, words = REFUSED[name]
    source = saved(tmp_path / "m.pt", state, _use_new_zipfile_serialization=zipped)
    refused(source, words, capsys)


def refused(source: Path, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    convert(source, source.parent / "out", status=2)
    error = capsys.readouterr().err
    assert words in error
    assert error.strip().count("\n") == 0
    assert not (source.parent / "out").exists()
    assert not (source.parent / "pwned").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_file_is_refused(
    zipped: bool,  # noqa: FBT001
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = saved(tmp_path / "m.pt", {"w": torch.ones(999)}, _use_new_zipfile_serialization=zipped)
    source.write_bytes(source.read_bytes()[:-700])
    refused(source, "m.pt: ", capsys)


def test_a_bare_pickle_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.bin").write_bytes(pickle.dumps(Evil()))
    refused(tmp_path / "m.bin", "m.bin: ", capsys)


def test_a_scripted_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(DeprecationWarning, match="torch.jit.script"):
        torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "m.pt"))
    refused(tmp_path / "m.pt", "torch cannot load it", capsys)


def test_other_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.bin").write_bytes(b"version https://git-lfs")
    refused(tmp_path / "m.bin", "no pickled checkpoint", capsys)
    (tmp_path / "m.bin").unlink()
    refused(tmp_path / "m.bin", "cannot be read", capsys)


def test_a_tensor_in_two_shards_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder(tmp_path / "model", [SHARDS[0], SHARDS[0]])
    index = source / "pytorch_model.bin.index.json"
    names = sorted(name for name in os.listdir(source) if name.startswith("pytorch_model-"))
    index.write_text(json.dumps({"weight_map": {"a": names[0], "b": names[1]}}))
    refused(source, "tensor 'a' is in two shards", capsys)


def test_what_is_there_is_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = saved(tmp_path / "m.bin", {"w": torch.ones(1)})
    (tmp_path / "out").write_text("mine")
    convert(source, tmp_path / "out", status=2)
    assert "there is something already" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_a_place_that_does_not_exist_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = saved(tmp_path / "m.bin", {"w": torch.ones(1)})
    for source, words in (
        (file, "nothing can be written there"),
        (folder(tmp_path / "model", SHARDS), "cannot be made there"),
    ):
        convert(source, tmp_path / "nowhere/out", status=2)
        assert words in capsys.readouterr().err


def test_an_old_torch_is_not_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    source = saved(tmp_path / "m.bin", {"w": torch.ones(1)})
    refused(source, "torch 2.9.1+cpu is not safe for unknown pickles; 2.10 or newer is", capsys)


def test_without_torch_one_line_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_missing(monkeypatch, "torch")
    (tmp_path / "m.bin").write_bytes(b"")
    refused(tmp_path / "m.bin", "converting pickles needs torch: pip install", capsys)


def test_interrupted_it_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(tmp_path / "model", SHARDS)
    written = []

    def progress(size: int) -> None:
        written.append(size)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pickles.convert(str(source), str(tmp_path / "out"), progress)
    assert written
    assert os.listdir(tmp_path) == ["model"]
