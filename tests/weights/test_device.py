"""Computing with torch: the bytes of the other kernels, here on the device that is everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from test_engine import Case, model, tiebreak_merge

from conftest import pretend_missing
from tiebreak.weights import kernels as chosen
from tiebreak.weights.importance import FISHER
from tiebreak.weights.kernels import portable
from tiebreak.weights.kernels.device import Device

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32", "F64", "F8_E4M3"])
def test_the_device_gives_the_bytes_of_numpy(dtype: str, seed: int) -> None:
    case, device = Case.drawn(dtype, seed), Device("cpu", portable)
    assert case.results(device) == case.results(portable)
    assert case.numbers(device) == case.numbers(portable)


@pytest.mark.parametrize(
    "method",
    ["linear", "task_arithmetic", "ties", "dare", "breadcrumbs", "slerp", "layer_swap", "fisher"],
)
def test_whole_models_are_the_same_bytes(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [str(model(tmp_path / f"{seed}.safetensors", seed)) for seed in range(3)]
    if method == "fisher":
        for path in models[1:]:  # the model's own squares would do; any that are not negative
            same = model(tmp_path / FISHER.beside(path), 7)
            squared(same)
    given = ["--set", "layers=0"] if method == "layer_swap" else []
    outputs = [tmp_path / f"out{number}" for number in range(2)]
    assert tiebreak_merge(models, outputs[0], "--method", method, *given) == 0
    monkeypatch.setattr(chosen, "_ON", [Device("cpu", chosen.host())])
    assert tiebreak_merge(models, outputs[1], "--method", method, *given) == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def squared(path: Path) -> None:
    """Make the values of a file that holds F32, BF16, F16 and F8 tensors positive: no sign bits."""
    from tiebreak.weights.checkpoint import open_checkpoint
    from tiebreak.weights.dtypes import DTYPES
    from tiebreak.weights.engine import Output, write_checkpoint
    from tiebreak.weights.values import decode, encode

    with open_checkpoint(str(path)) as found:
        outputs = []
        for name in found.names:
            info, raw = found.info(name), found.raw(name)
            if DTYPES[info.dtype].is_float:
                raw = memoryview(encode(np.abs(decode(raw, info.dtype)), info.dtype))
            outputs.append(Output(name, info.dtype, info.shape, memoryview(bytes(raw))))
    write_checkpoint(str(path), outputs, None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("name", ["cuda", "nowhere"])
def test_a_device_that_is_not_here_is_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [str(model(tmp_path / f"{seed}.safetensors", seed)) for seed in range(3)]
    out = tmp_path / "out"
    assert tiebreak_merge(models, out, "--method", "linear", "--device", name) == 2
    error = capsys.readouterr().err
    assert f"torch has no device '{name}' to compute on" in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_without_torch_one_line_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_missing(monkeypatch, "torch")
    models = [str(model(tmp_path / f"{seed}.safetensors", seed)) for seed in range(3)]
    out = tmp_path / "out"
    assert tiebreak_merge(models, out, "--method", "linear", "--device", "cuda") == 2
    assert "needs torch: pip install 'tiebreak[torch]'" in capsys.readouterr().err
