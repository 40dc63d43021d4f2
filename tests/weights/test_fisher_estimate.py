"""``tiebreak weights fisher``: against closed forms and plain loops, on models of transformers."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, GPT2LMHeadModel
from transformers.utils import logging

from conftest import pretend_missing
from tiebreak.cli.dispatch import run
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.importance import FISHER
from tiebreak.weights.values import decode
from weights_end_to_end import byte_tokenizer, new_model

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 12
LENGTH = 16


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal model and its tokenizer, in a folder that tests must not write to."""
    logging.disable_progress_bar()
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "causal"
    new_model().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    (folder.parent / "text.txt").write_text(TEXT)
    return folder


@pytest.fixture(scope="module")
def classifier(causal: Path) -> Path:
    """A classifier of three classes, far from sure of any."""
    folder = causal.parent / "classifier"
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    config = BertConfig(vocab_size=256, num_attention_heads=2, num_labels=3, **sizes)
    model = BertForSequenceClassification(config)
    torch.nn.init.normal_(model.classifier.weight)
    model.save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def estimate(model: Path, out: Path, *options: str, status: int = 0) -> dict[str, Any]:
    """Run the command; gives the tensors of its file."""
    command = ["weights", "fisher", str(model), "--data", str(model.parent / "text.txt")]
    sizes = ["--length", str(LENGTH), "--examples", "6"]
    assert run([*command, "-o", str(out), *sizes, *options]) == status
    if status:
        return {}
    with open_checkpoint(str(out)) as found:
        return {
            name: decode(bytes(found.raw(name)), "F32").reshape(found.info(name).shape)
            for name in found.names
        }


def test_the_empirical_fisher_is_the_mean_of_squared_gradients(
    causal: Path, tmp_path: Path
) -> None:
    """Every example by itself: as a loop over single examples has it."""
    (causal.parent / "short.txt").write_text(TEXT[: 2 * LENGTH])
    options = ["--empirical", "--data", str(causal.parent / "short.txt")]
    command = ["weights", "fisher", str(causal), *options, "--length", str(LENGTH)]
    assert run([*command, "-o", str(tmp_path / "o.safetensors")]) == 0
    model = GPT2LMHeadModel.from_pretrained(causal).eval()
    squares = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for start in (0, LENGTH):
        ids = torch.tensor([list(TEXT[start : start + LENGTH].encode())])
        model.zero_grad()
        (model(ids, labels=ids).loss * (LENGTH - 1)).backward()  # the sum, not the mean
        for name, parameter in model.named_parameters():
            squares[name] += parameter.grad.square() / 2
    with open_checkpoint(str(tmp_path / "o.safetensors")) as found:
        assert set(found.names) == set(squares)  # the tied head has no tensor of its own
        for name, expected in squares.items():
            values = decode(found.raw(name), "F32").reshape(expected.shape)
            assert values == pytest.approx(expected.numpy(), rel=1e-3, abs=1e-9), name


def test_the_fisher_of_a_classifiers_bias_has_a_closed_form(
    classifier: Path, tmp_path: Path
) -> None:
    """The derivative by the bias of class c is [y = c] - p_c, so its Fisher is p_c (1 - p_c)."""
    found = estimate(classifier, tmp_path / "o.safetensors", "--length", "99")
    model = BertForSequenceClassification.from_pretrained(classifier).eval()
    ids = torch.tensor([list(TEXT.splitlines()[0].encode())])  # all lines are the same
    chances = model(ids).logits[0].softmax(-1).detach().numpy()
    assert found["classifier.bias"] == pytest.approx(chances * (1 - chances), rel=1e-4)
    assert (found["bert.encoder.layer.0.output.dense.weight"] >= 0).all()


@pytest.mark.parametrize("kind", ["causal", "classifier"])
def test_batches_change_nothing(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    alone, four = (estimate(model, tmp_path / f"{n}.safetensors", "--batch", n) for n in ("1", "4"))
    assert alone.keys() == four.keys()
    for name, values in alone.items():
        assert four[name] == pytest.approx(values, rel=1e-3, abs=1e-9), name


def test_the_same_seed_gives_the_same_bytes(causal: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.safetensors" for n in range(3)]
    for file, seed in zip(files, ("1", "1", "2"), strict=True):
        estimate(causal, file, "--seed", seed)
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()


def test_drawn_and_empirical_are_different_and_say_so(causal: Path, tmp_path: Path) -> None:
    found = {}
    for options in ((), ("--empirical",)):
        file = tmp_path / f"{len(options)}.safetensors"
        values = estimate(causal, file, *options)
        with open_checkpoint(str(file)) as written:
            found[(written.metadata or {})[FISHER.estimate]] = values["transformer.wte.weight"]
    told, (drawn, empirical) = list(found), found.values()
    sample = f"6 examples of at most {LENGTH} tokens, seed 0"
    assert told == [
        f"expectation by one draw from the model for each example; {sample}",
        f"empirical, of the text's own tokens; {sample}",
    ]
    assert not np.allclose(drawn, empirical, rtol=0.01)
    assert math.isfinite(float(drawn.sum()))


def test_names_without_the_models_prefix(causal: Path, tmp_path: Path) -> None:
    """As GPT-2 itself is published: the body's tensors, under the head's architecture."""
    folder = tmp_path / "bare"
    GPT2LMHeadModel.from_pretrained(causal).transformer.save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["GPT2LMHeadModel"]
    (folder / "config.json").write_text(json.dumps(config))
    (tmp_path / "text.txt").write_text(TEXT)
    bare = estimate(folder, tmp_path / "bare.safetensors")
    whole = estimate(causal, tmp_path / "whole.safetensors")
    assert bare["wte.weight"] == pytest.approx(whole["transformer.wte.weight"])


def test_the_default_place_is_where_merging_looks(causal: Path, tmp_path: Path) -> None:
    import shutil

    names = [str(tmp_path / name) for name in ("a", "b")]
    for name in names:
        shutil.copytree(causal, name)
        data = ["--data", str(causal.parent / "text.txt"), "--length", "16", "--examples", "3"]
        for _ in range(2):  # it replaces what it wrote before
            assert run(["weights", "fisher", name, *data]) == 0
    out = str(tmp_path / "out")
    assert run(["weights", "merge", names[0], *names, "-o", out, "--method", "fisher"]) == 0
    assert not (tmp_path / "out/model.fisher.safetensors").exists()


def folder(path: Path, config: dict[str, object]) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    return path


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "transformers cannot load it"),
        (
            {"model_type": "bert", "architectures": ["BertForMaskedLM"]},
            "BertForMaskedLM is neither a causal language model nor a sequence classifier",
        ),
        (
            {"model_type": "x", "auto_map": {"AutoConfig": "evil.Config"}},
            "transformers cannot load it",
        ),
    ],
)
def test_a_model_that_cannot_be_used_is_one_line(
    config: dict[str, object], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = folder(tmp_path / "m", config)
    (model / "evil.py").write_text("raise SystemExit('run')")
    (tmp_path / "text.txt").write_text(TEXT)
    estimate(model, tmp_path / "o.safetensors", status=2)
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_model_that_would_be_completed_by_chance_is_refused(
    causal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Transformers invents the tensors that a checkpoint lacks."""
    folder = tmp_path / "m"
    model = GPT2LMHeadModel.from_pretrained(causal)
    state = {n: t for n, t in model.state_dict().items() if "h.1.mlp" not in n and n != "lm_head"}
    model.save_pretrained(folder, state_dict=state)
    byte_tokenizer().save_pretrained(folder)
    (tmp_path / "text.txt").write_text(TEXT)
    estimate(folder, tmp_path / "o.safetensors", status=2)
    assert "the checkpoint lacks transformer.h.1.mlp" in capsys.readouterr().err


def test_nothing_but_a_fisher_file_is_replaced(
    causal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    estimate(causal, tmp_path / "mine", status=2)
    assert "there is something already" in capsys.readouterr().err
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "the data holds no example"), (b"\xff", "cannot be read as UTF-8 text")],
)
def test_data_that_cannot_be_used_is_one_line(
    content: bytes,
    words: str,
    causal: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "data").write_bytes(content)
    assert run(["weights", "fisher", str(causal), "--data", str(tmp_path / "data")]) == 2
    assert words in capsys.readouterr().err


def test_a_classifier_has_no_empirical_fisher_of_text(
    classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    estimate(classifier, tmp_path / "o.safetensors", "--empirical", status=2)
    assert "text alone has no classes" in capsys.readouterr().err


def test_without_the_extra_one_line_says_what_to_install(
    causal: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend_missing(monkeypatch, "transformers")
    estimate(causal, tmp_path / "o.safetensors", status=2)
    error = capsys.readouterr().err
    assert "estimating a Fisher needs transformers: pip install 'tiebreak[learn]'" in error
