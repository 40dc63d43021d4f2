"""From a trained network to the files that the driver runs: ONNX.

A graph takes one hunk: what it reads of the candidates, sequences padded to one length, and gives
their scores, NONE first; `about.json` beside it has what else the judge must know. Numbers stay
32-bit floats: at this size integers of 8 bits would save six megabytes and blur the scores.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from tiebreak.learn.network import Ranker, Shape
from tiebreak.ranker.model import runtime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.learn.chooser import Chooser

INPUTS: Final = ("pieces", "codes", "words", "seams", "real", "features", "strata")
OPSET: Final = 17


def load(path: Path) -> tuple[Ranker, dict[str, Any]]:
    """A network and what was saved beside it, from `model.pt` of a training run."""
    saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    ranker = Ranker(Shape(**saved["shape"]))
    state = {k: v.float() if v.is_floating_point() else v for k, v in saved["ranker"].items()}
    ranker.load_state_dict(state)
    return ranker.eval(), saved


def to_onnx(ranker: Ranker, target: Path) -> None:
    """Write the graph of the ranker, as ONNX Runtime loads it fastest."""
    n, length = 3, 24
    shape = ranker.shape
    example = (
        torch.ones(n, length, dtype=torch.int64),
        torch.ones(n, length, dtype=torch.int64),
        torch.ones(n, length, dtype=torch.int64),
        torch.zeros(n, length, dtype=torch.int64),
        torch.ones(n, length, dtype=torch.bool),
        torch.zeros(n, shape.features),
        torch.zeros(n, dtype=torch.int64),
    )
    axes: dict[str, Mapping[int, str]] = {
        name: {0: "candidates", 1: "length"} for name in INPUTS[:5]
    }
    _write(ranker, example, INPUTS, axes, target)


def chooser_to_onnx(chooser: Chooser, target: Path) -> None:
    """Write the graph of the chooser, likewise."""
    n = 3
    example = torch.zeros(n, len(chooser.middle)), torch.zeros(n, dtype=torch.int64)
    _write(chooser, example, INPUTS[5:], {}, target)


def _write(
    network: nn.Module,
    example: tuple[Tensor, ...],
    inputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
    target: Path,
) -> None:
    """Write a graph whose last inputs are features and strata; `axes` are of those before."""
    ends = {"features": {0: "candidates"}, "strata": {0: "candidates"}, "scores": {0: "choices"}}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the new exporter needs two packages
        full = Path(folder) / "full.onnx"
        torch.onnx.export(
            network,
            example,
            str(full),
            input_names=list(inputs),
            output_names=["scores"],
            dynamic_axes={**axes, **ends},
            opset_version=OPSET,
            dynamo=False,
        )
        _optimise(full, target)


def _optimise(full: Path, target: Path) -> None:
    """Fuse the graph once and for all machines, so that loading it is only loading."""
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(full), options, providers=["CPUExecutionProvider"])


def about(saved: Mapping[str, Any], **more: Any) -> bytes:
    """The text of `about.json`."""
    kept = {"shape": saved["shape"], "strata": saved["strata"], "features": saved["features"]}
    return text({**kept, **more})


def text(about: Mapping[str, Any]) -> bytes:
    """How `about.json` is written."""
    return json.dumps(about, indent=1).encode() + b"\n"
