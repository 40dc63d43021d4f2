"""`tiebreak weights merge` of folders: going on after an interruption; rows by token."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_engine import tiebreak_merge

from models import EMBED, INDEX, grown, model, sharded
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.importance import FISHER as KIND
from tiebreak.weights.partial import Partial, partial_folder
from tiebreak.weights.verify import verify
from tiny import checkpoint, full


def three_sharded(folder: Path) -> list[str]:
    """A base and two models, each of two shards."""
    for seed, name in enumerate(("base", "ours", "theirs")):
        shards = {f"{n}.safetensors": {f"w{n}": np.full(4, seed * n, np.float32)} for n in (1, 2)}
        (folder / name).mkdir()
        for file, content in sharded(shards).items():
            data = content if isinstance(content, bytes) else content.encode()
            (folder / name / file).write_bytes(data)
    return [str(folder / name) for name in ("base", "ours", "theirs")]


def stopped_after_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C when the second shard is about to get its name."""
    finish = Partial.finish

    def once(self: Partial, part: str) -> None:
        if "2.safetensors" in part:
            raise KeyboardInterrupt
        finish(self, part)

    monkeypatch.setattr(Partial, "finish", once)


def test_an_interrupted_merge_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, out = three_sharded(tmp_path), tmp_path / "out"
    command = ("--method", "linear", "--resume")
    with monkeypatch.context() as stopping:
        stopped_after_one(stopping)
        assert tiebreak_merge(names, out, *command) == 130
    partial = tmp_path / "out.tiebreak-partial"
    assert sorted(os.listdir(partial)) == ["1.safetensors", "tiebreak-plan"]
    before = (partial / "1.safetensors").stat().st_ino
    assert tiebreak_merge(names, out, *command) == 0
    assert (out / "1.safetensors").stat().st_ino == before
    assert not partial.exists()
    assert tiebreak_merge(names, tmp_path / "whole", "--method", "linear") == 0
    assert sorted(os.listdir(out)) == sorted(os.listdir(tmp_path / "whole"))
    for file in out.iterdir():
        assert file.read_bytes() == (tmp_path / "whole" / file.name).read_bytes()


def test_an_interrupted_file_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiebreak.weights.inparts.PART", 40)
    names, out = [], tmp_path / "out.safetensors"
    for seed, name in enumerate(("base", "ours", "theirs")):
        held = {f"w{n}": np.full(8, seed * n, np.float32) for n in range(4)}
        (tmp_path / f"{name}.safetensors").write_bytes(checkpoint(held))
        names.append(str(tmp_path / f"{name}.safetensors"))
    with monkeypatch.context() as stopping:
        stopped_after_one(stopping)
        assert tiebreak_merge(names, out, *LINEAR, "--resume") == 130
    partial = tmp_path / "out.safetensors.tiebreak-partial"
    assert {"0.safetensors", "1.safetensors"} <= set(os.listdir(partial))
    assert not out.exists()
    before = (partial / "0.safetensors").stat().st_ino
    with monkeypatch.context() as stopping:
        stopped_after_one(stopping)
        assert tiebreak_merge(names, out, *LINEAR, "--resume") == 130
    assert (partial / "0.safetensors").stat().st_ino == before
    assert tiebreak_merge(names, out, *LINEAR, "--resume") == 0
    assert not partial.exists()
    assert tiebreak_merge(names, tmp_path / "whole.safetensors", *LINEAR) == 0
    assert out.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


CHANGES: dict[str, Any] = {
    "another method": lambda _folder: ["--method", "slerp"],
    "another parameter": lambda _folder: ["--method", "linear", "--weight", "1,2"],
    "another input": lambda folder: (os.utime(folder / "ours/2.safetensors"), LINEAR)[1],
}
LINEAR = ["--method", "linear"]


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_begun_is_never_finished_by_another_merge(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names, out = three_sharded(tmp_path), tmp_path / "out"
    with monkeypatch.context() as stopping:
        stopped_after_one(stopping)
        assert tiebreak_merge(names, out, *LINEAR, "--resume") == 130
    assert tiebreak_merge(names, out, *CHANGES[name](tmp_path), "--resume") == 2
    assert "begun with another method, other parameters or inputs" in capsys.readouterr().err
    assert not out.exists()


FISHER = ["--method", "fisher", "--set", "normalize_fishers=false"]


def with_fishers(names: list[str]) -> None:
    """Beside each model a Fisher: 0 for the base, 1 for ours, 3 for theirs."""
    for name, value in zip(names, (0, 1, 3), strict=True):
        with open_checkpoint(name) as found:
            held = {tensor: full(value, *found.info(tensor).shape) for tensor in found.names}
        (Path(name) / KIND.beside(INDEX)).write_bytes(checkpoint(held))


@pytest.mark.parametrize("end", ["", f"/{INDEX}"])
def test_a_fisher_is_an_input_too(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names, out = three_sharded(tmp_path), tmp_path / "out"
    with_fishers(names)
    named = [name + end for name in names]
    with monkeypatch.context() as stopping:
        stopped_after_one(stopping)
        assert tiebreak_merge(named, out, *FISHER, "--resume") == 130
    os.utime(tmp_path / "ours" / KIND.beside(INDEX))
    assert tiebreak_merge(named, out, *FISHER, "--resume") == 2
    assert "begun with another method, other parameters or inputs" in capsys.readouterr().err


def test_a_shard_that_was_damaged_since_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, out = three_sharded(tmp_path), tmp_path / "out"
    with monkeypatch.context() as stopping:
        stopped_after_one(stopping)
        tiebreak_merge(names, out, *LINEAR, "--resume")
    (tmp_path / "out.tiebreak-partial/1.safetensors").write_bytes(b"half")
    assert tiebreak_merge(names, out, *LINEAR, "--resume") == 0
    with open_checkpoint(str(out)) as merged:
        assert np.frombuffer(merged.raw("w1"), "<f4").tolist() == [1.5] * 4


def test_two_merges_do_not_write_to_one_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = three_sharded(tmp_path)
    with partial_folder(str(tmp_path / "out"), "plan"):
        assert tiebreak_merge(names, tmp_path / "out", *LINEAR, "--resume") == 2
    assert "another merge is writing to it" in capsys.readouterr().err


OLD = np.arange(8, dtype=np.float32).reshape(4, 2)
KNOWN = {"<s>": 3}


def models_that_grew(folder: Path) -> list[str]:
    """A base, and two models that each gave the id 4 to a token of theirs."""
    versions = {
        "base": model(OLD, KNOWN),
        "ours": model(grown(OLD + 2, 50), KNOWN | {"<x>": 4}),
        "theirs": model(grown(OLD + 4, 60, 70), KNOWN | {"<y>": 4, "<z>": 5}),
    }
    for name, files in versions.items():
        (folder / name).mkdir()
        for file, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (folder / name / file).write_bytes(data)
    return [str(folder / name) for name in versions]


def test_rows_are_matched_by_token(tmp_path: Path) -> None:
    names, out = models_that_grew(tmp_path), tmp_path / "out"
    assert tiebreak_merge(names, out, "--method", "linear", "--vocabulary", "union") == 0
    with open_checkpoint(str(out)) as merged:
        rows = np.frombuffer(merged.raw(EMBED), "<f4").reshape(-1, 2)
    assert np.array_equal(rows, grown(OLD + 3, 50, 60, 70))
    tokens = json.loads((out / "added_tokens.json").read_text())
    assert tokens == KNOWN | {"<x>": 4, "<y>": 5, "<z>": 6}
    assert json.loads((out / "config.json").read_text())["vocab_size"] == 7
    assert verify(str(out)) == []


def test_rows_that_all_have_weigh_by_their_fisher(tmp_path: Path) -> None:
    names, out = models_that_grew(tmp_path), tmp_path / "out"
    with_fishers(names)
    assert tiebreak_merge(names, out, *FISHER, "--vocabulary", "union") == 0
    with open_checkpoint(str(out)) as merged:
        rows = np.frombuffer(merged.raw(EMBED), "<f4").reshape(-1, 2)
    assert np.array_equal(rows, grown(OLD + 3.5, 50, 60, 70))


def test_tokens_that_clash_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names, out = models_that_grew(tmp_path), tmp_path / "out"
    assert tiebreak_merge(names, out, *LINEAR) == 2
    said = capsys.readouterr().err
    assert "id 4 stands for another token in model 2" in said
    assert "--vocabulary union matches rows by token" in said
    assert tiebreak_merge(names, out, *LINEAR, "--vocabulary", "ignore") == 2  # the shapes
    files = [f"{name}/model.safetensors" for name in names]
    assert tiebreak_merge(files, out, *LINEAR, "--vocabulary", "union") == 2
    assert "needs the tokenizers: name folders" in capsys.readouterr().err
