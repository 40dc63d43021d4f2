"""Running variances that a sum of changes has made negative: a line that warns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiebreak.cli.dispatch import run
from tiny import checkpoint, full

if TYPE_CHECKING:
    from pathlib import Path

NORMS = ("bn1.running_var", "layer1.0.bn2.running_var")


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    """A base with variances of 1, and two models with variances of 0.4 and means below 0."""
    paths = []
    for number, value in enumerate((1.0, 0.4, 0.4)):
        held = {name: full(value, 3) for name in NORMS}
        held |= {name.replace("var", "mean"): full(-value, 3) for name in NORMS}
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(checkpoint(held))
        paths.append(str(path))
    return paths


def merge(models: list[str], out: Path, *options: str) -> None:
    assert run(["weights", "merge", *models, "-o", str(out), *options]) == 0


def test_a_sum_below_zero_is_told(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merge(models, tmp_path / "out", "--method", "task_arithmetic")
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"warning: {tmp_path}/out: bn1.running_var and 1 more: ")
    assert "running variances below 0" in line


def test_others_are_not(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merge(models, tmp_path / "mean", "--method", "linear")
    merge(models, tmp_path / "half", "--method", "task_arithmetic", "--lambda", "0.5")
    assert "warning" not in capsys.readouterr().err


def test_whole_numbers_and_empty_tensors_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {"a.running_var": np.array([-1]), "b.running_var": full(-1, 0), "running_var": full(1)}
    path = tmp_path / "model"
    path.write_bytes(checkpoint(held))
    merge([str(path)] * 2, tmp_path / "out", "--method", "linear")
    assert "warning" not in capsys.readouterr().err
