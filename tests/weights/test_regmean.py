"""RegMean: known values of the formula, the Grams of real models, and where they are looked for."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from matrices import error, low_rank, normal, peak_of, side
from transformers import BertConfig, BertForSequenceClassification
from transformers.utils import logging

from tiebreak.cli.dispatch import run
from tiebreak.errors import InputError
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.importance import GRAM, MODEL, content_of
from tiebreak.weights.methods import METHODS, Terms, check, merge_tensor
from tiebreak.weights.values import decode
from tiny import checkpoint, full, tensors
from weights_end_to_end import byte_tokenizer, new_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matrices import Array

REGMEAN = METHODS["regmean"]
NAME = "layers.0.up.weight"
ALL = {"reduce_non_diagonal": 1.0}


def merged(
    models: Sequence[Array],
    grams: Sequence[Array],
    given: dict[str, object] | None = None,
    dtype: str = "F64",
    *,
    transposed: bool = False,
) -> Array:
    sides, importances = (tuple(side(x, dtype) for x in many) for many in (models, grams))
    terms = Terms(NAME, models[0].shape, dtype, None, sides, importances, transposed)
    found = decode(merge_tensor(REGMEAN, terms, check(REGMEAN, given or {}, len(models))), dtype)
    return np.asarray(found, np.float64).reshape(models[0].shape)


def gram(seed: int, inputs: int, number: int = 200) -> Array:
    seen = normal(seed, number, inputs) @ normal(seed + 50, inputs, inputs)
    return seen.T @ seen / number


def test_the_worked_example() -> None:
    models = [np.array([[1.0, 2]]), np.array([[3.0, -2]])]
    for kept in (0.0, 0.9, 1.0):
        given: dict[str, object] = {"reduce_non_diagonal": kept}
        found = merged(models, [np.diag([1.0, 3]), np.diag([3.0, 1])], given)
        assert found == pytest.approx(np.array([[2.5, 1.0]]))


@pytest.mark.parametrize("kept", [0.5, 0.9, 1.0])
def test_the_formula_of_the_paper(kept: float) -> None:
    models, grams = [normal(n, 7, 5) for n in range(3)], [gram(n, 5) for n in range(3)]
    weights = [1.0, 2.0, 0.5]
    reduced = [w * (kept * g + (1 - kept) * np.diag(np.diag(g))) for w, g in zip(weights, grams)]  # noqa: B905
    right = sum(g @ model.T for g, model in zip(reduced, models, strict=True))
    expected = (np.linalg.inv(sum(reduced)) @ right).T
    given: dict[str, object] = {"weight": weights, "reduce_non_diagonal": kept}
    assert error(merged(models, grams, given), expected) < 1e-6
    turned = merged([model.T for model in models], grams, given, transposed=True)
    assert error(turned.T, expected) < 1e-6


def test_the_outputs_are_the_nearest_there_are() -> None:
    """For the inputs themselves: plain least squares on both models' data."""
    inputs = [normal(n, 40, 6) @ normal(n + 9, 6, 6) for n in range(2)]
    models = [normal(n + 20, 4, 6) for n in range(2)]
    wanted = np.vstack([x @ model.T for x, model in zip(inputs, models, strict=True)])
    expected = np.linalg.lstsq(np.vstack(inputs), wanted, rcond=None)[0].T
    found = merged(models, [x.T @ x / 40 for x in inputs], ALL)
    assert error(found, expected) < 1e-6


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
def test_equal_grams_give_the_average(dtype: str) -> None:
    models, same = [normal(n, 7, 5) for n in range(2)], gram(1, 5)
    linear = METHODS["linear"]
    terms = Terms(NAME, (7, 5), dtype, None, tuple(side(model, dtype) for model in models))
    average = decode(merge_tensor(linear, terms, check(linear, {}, 2)), dtype).reshape(7, 5)
    assert merged(models, [same, same], None, dtype) == pytest.approx(average, rel=1e-2, abs=1e-6)
    assert error(merged(models, [same, same]), np.mean(models, 0)) < 1e-12


def test_equal_models_are_that_model_bit_by_bit() -> None:
    model = normal(1, 7, 5)
    assert (merged([model, model], [gram(1, 5), gram(2, 5)]) == model).all()


def test_what_a_model_alone_has_seen_is_that_models() -> None:
    """Inputs of the first lie in one half of the space, those of the second in the other."""
    models = [normal(n, 7, 6) for n in range(2)]
    halves = [np.diag([1.0] * 3 + [0] * 3), np.diag([0.0] * 3 + [1] * 3)]
    found = merged(models, halves)
    assert error(found, np.hstack([models[0][:, :3], models[1][:, 3:]])) < 1e-8


def test_inputs_that_nobody_saw_keep_the_average() -> None:
    models = [normal(n, 7, 6) for n in range(2)]
    found = merged(models, [np.zeros((6, 6))] * 2)
    assert error(found, np.mean(models, 0)) < 1e-12
    deficient = [low_rank(n, 6, 6, 2) for n in range(2)]
    found = merged(models, [x.T @ x for x in deficient], ALL)
    assert np.isfinite(found).all()


def test_the_order_of_the_models_does_not_matter() -> None:
    models, grams = [normal(n, 7, 5) for n in range(3)], [gram(n, 5) for n in range(3)]
    assert error(merged(models[::-1], grams[::-1]), merged(models, grams)) < 1e-9


def test_what_has_no_gram_takes_the_average() -> None:
    models = [normal(n, 7, 5) for n in range(2)]
    assert error(merged(models, []), np.mean(models, 0)) < 1e-12


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    models, grams = [normal(n, 7, 5) for n in range(2)], [gram(n, 5) for n in range(2)]
    grams[1][0, 0] = bad
    with pytest.raises(InputError, match="of model 2: its Gram holds NaN"):
        merged(models, grams)
    models[0][0, 0] = bad
    with pytest.raises(InputError, match="of model 1: the model holds NaN"):
        merged(models, grams)


# Files ---------------------------------------------------------------------

A = {NAME: full(1, 3, 2), "norm.weight": full(5, 3), "ids": full(1, 2, dtype="int64")}
B = {NAME: full(3, 3, 2), "norm.weight": full(7, 3), "ids": full(1, 2, dtype="int64")}
GRAMS = ({NAME: np.diag([1, 3]).astype(np.float32)}, {NAME: np.diag([3, 1]).astype(np.float32)})


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Folders `a` and `b`, each with a model and its Gram."""
    for name, model, seen in zip("ab", (A, B), GRAMS, strict=True):
        (tmp_path / name).mkdir()
        file = tmp_path / name / "model.safetensors"
        file.write_bytes(checkpoint(model))
        with open_checkpoint(str(file)) as found:
            metadata = {"format": "pt", MODEL: content_of(found)}
        (tmp_path / name / GRAM.beside(file.name)).write_bytes(checkpoint(seen, metadata))
    return tmp_path


def merge(models: Path, *options: str) -> int:
    names = [str(models / name) for name in "aab"]
    return run(
        ["weights", "merge", *names, "-o", str(models / "out"), "--method", "regmean", *options]
    )


def test_the_command_finds_the_gram_beside_each_model(models: Path) -> None:
    assert merge(models) == 0
    found = tensors((models / "out/model.safetensors").read_bytes())
    assert found[NAME] == pytest.approx(np.array([[2.5, 1.5]] * 3), rel=1e-6)
    assert found["norm.weight"].tolist() == [6, 6, 6]
    assert found["ids"].tolist() == [1, 1]
    assert not (models / "out/model.gram.safetensors").exists()
    assert run(["weights", "verify", str(models / "a")]) == 0


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (None, "b/model.gram.safetensors: there is no such file"),
        ({NAME: full(1, 3, 3)}, "is F32 [3, 3], expected [2, 2] or [1, 3, 3]"),
        ({"norm.weight": full(1, 3)}, "the Gram of tensor 'norm.weight' is F32 [3], expected none"),
        ({"other": full(1, 3, 3)}, f"only some have a Gram of tensor '{NAME}'"),
        ({NAME: full(-1, 2, 2)}, "the Gram of model 2 has a negative diagonal"),
    ],
)
def test_a_gram_that_does_not_fit_is_one_line(
    models: Path, capsys: pytest.CaptureFixture[str], seen: dict[str, Array] | None, words: str
) -> None:
    file = models / "b/model.gram.safetensors"
    file.unlink()
    if seen is not None:
        file.write_bytes(checkpoint(seen))
    assert merge(models) == 2
    *before, line = capsys.readouterr().err.splitlines()
    assert words in line
    assert all(one.startswith("regmean: ") for one in before)  # how much memory it would take
    assert not (models / "out").exists()


def test_the_gram_of_another_version_is_refused(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (models / "b/model.safetensors").write_bytes(checkpoint(B | {NAME: full(4, 3, 2)}))
    assert merge(models) == 2
    assert "the Gram is of another version of the model; tiebreak weights gram" in (
        capsys.readouterr().err
    )


SIZE, LAYERS = 256, 3


@pytest.fixture
def layers(tmp_path: Path) -> list[str]:
    """A base and two models with three square layers each, and their Grams."""
    paths = []
    for seed in range(3):
        names = [f"layers.{n}.weight" for n in range(LAYERS)]
        held = {name: normal(seed, SIZE, SIZE).astype(np.float32) for name in names}
        file = tmp_path / f"{seed}.safetensors"
        file.write_bytes(checkpoint(held | {"norm.weight": full(seed, 9)}))
        seen = {name: gram(seed + n, SIZE).astype(np.float32) for n, name in enumerate(names)}
        (tmp_path / GRAM.beside(file.name)).write_bytes(checkpoint(seen))
        paths.append(str(file))
    return paths


def test_any_number_of_threads_gives_the_same_bytes(layers: list[str], tmp_path: Path) -> None:
    found = set()
    for threads in ("1", "4"):
        out = tmp_path / threads
        given = ["--method", "regmean", "--threads", threads]
        assert run(["weights", "merge", *layers, "-o", str(out), *given]) == 0
        found.add(out.read_bytes())
    assert len(found) == 1
    read = tensors(found.pop())
    sides, seen = (
        [tensors((tmp_path / f"{n}{end}.safetensors").read_bytes()) for n in (1, 2)]
        for end in ("", ".gram")
    )
    name = "layers.2.weight"
    expected = merged(*([one[name].astype(np.float64) for one in many] for many in (sides, seen)))
    assert error(read[name], expected) < 1e-6


@pytest.mark.parametrize("threads", [1, 3])
def test_a_thread_holds_no_more_than_is_said(
    layers: list[str], threads: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["weights", "merge", *layers, "--method", "regmean", "--threads", str(threads)]
    assert run([*command, "-o", str(tmp_path / "first")]) == 0  # what is imported and read once
    capsys.readouterr()
    found = []
    peak = peak_of(lambda: found.append(run([*command, "-o", str(tmp_path / "out")])))
    assert found == [0]
    matrix = REGMEAN.copies * SIZE * SIZE * 8
    assert matrix / 2 < peak < threads * matrix + (1 << 20)
    held = threads * (matrix + SIZE * SIZE * 4 + (1 << 22))
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("regmean: ")
    assert f"at most {held / 1e6:.1f} MB" in first


def test_what_is_held_is_of_the_largest_gram(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A layer of 3 outputs and 2 inputs, and one of 2 outputs and 900 inputs."""
    wide = "layers.0.down.weight"
    for name, model, seen in zip("ab", (A, B), GRAMS, strict=True):
        file = models / name / "model.safetensors"
        file.write_bytes(checkpoint(model | {wide: full(1, 2, 900), "other.weight": full(1, 9, 9)}))
        seen = seen | {wide: np.eye(900, dtype=np.float32)}  # noqa: PLW2901
        (models / name / GRAM.beside(file.name)).write_bytes(checkpoint(seen))
    assert merge(models, "--threads", "1") == 0
    held = REGMEAN.copies * 8 * 900 * 900 + 4 * 2 * 900 + (1 << 22)
    assert f"regmean: holds at most {held / 1e6:.1f} MB in memory\n" in capsys.readouterr().err


# Real models ---------------------------------------------------------------------

TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 4
LENGTH = 16


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal model, whose layers keep their weights transposed, and its tokenizer."""
    logging.disable_progress_bar()
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "causal"
    new_model().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    (folder.parent / "text.txt").write_text(TEXT)
    return folder


def estimate(model: Path, *options: str) -> int:
    text = str(model.parent / "text.txt")
    sizes = ["--length", str(LENGTH), "--examples", "6"]
    return run(["weights", "gram", str(model), "--data", text, *sizes, *options])


def test_the_gram_is_the_mean_square_of_what_a_layer_sees(causal: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.gram.safetensors"
    assert estimate(causal, "-o", str(out), "--examples", "99", "--batch", "3") == 0
    found = tensors(out.read_bytes())
    assert not any("wte" in name or "lm_head" in name for name in found)
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(causal).eval()
    seen: list[torch.Tensor] = []
    layer = model.transformer.h[1].mlp.c_fc
    layer.register_forward_pre_hook(lambda _module, given: seen.append(given[0][0].detach()))
    for start in range(0, len(TEXT) - LENGTH + 1, LENGTH):
        model(torch.tensor([list(TEXT[start : start + LENGTH].encode())]))
    inputs = torch.cat(seen).double().numpy()
    expected = inputs.T @ inputs / len(inputs)
    values = found["transformer.h.1.mlp.c_fc.weight"]
    assert values.shape == (1, *expected.shape)
    assert error(values[0], expected) < 1e-4


def test_a_classifier_has_grams_of_its_layers(causal: Path, tmp_path: Path) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1}
    config = BertConfig(vocab_size=256, num_attention_heads=2, num_labels=3, **sizes)
    folder = tmp_path / "classifier"
    BertForSequenceClassification(config).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    (tmp_path / "text.txt").write_text(TEXT)
    assert estimate(folder, "--length", "99") == 0
    found = tensors((folder / "model.gram.safetensors").read_bytes())
    shapes = {name.removeprefix("bert.encoder.layer.0."): x.shape for name, x in found.items()}
    assert shapes["output.dense.weight"] == (24, 24)
    assert shapes["intermediate.dense.weight"] == shapes["classifier.weight"] == (16, 16)


def test_from_two_models_to_their_merge(causal: Path, tmp_path: Path) -> None:
    """The whole way, and that the merge is nearer to its parents' outputs than the average."""
    from transformers import GPT2LMHeadModel

    names = [tmp_path / name for name in ("a", "b")]
    torch.manual_seed(1)
    for name, text in zip(names, ("abcab" * 60, "xyzyx" * 60), strict=True):
        shutil.copytree(causal, name)
        (tmp_path / "text.txt").write_text(text)
        model = GPT2LMHeadModel.from_pretrained(causal)
        for parameter in model.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
        model.save_pretrained(name)
        for _ in range(2):  # it replaces what it wrote before
            assert estimate(name) == 0
    merge = ["weights", "merge", str(causal), *map(str, names), "-o"]
    for method in ("regmean", "linear"):
        assert run([*merge, str(tmp_path / method), "--method", method]) == 0

    def first_outputs(folder: Path, text: str) -> torch.Tensor:
        model, seen = GPT2LMHeadModel.from_pretrained(folder).eval(), []
        layer = model.transformer.h[0].mlp.c_proj
        parent = GPT2LMHeadModel.from_pretrained(names[0 if "a" in text else 1]).eval()
        given: list[torch.Tensor] = []
        parent.transformer.h[0].mlp.c_proj.register_forward_pre_hook(
            lambda _module, inputs: given.append(inputs[0])
        )
        parent(torch.tensor([list(text.encode())]))
        seen.append(layer(given[0]))
        return seen[0].detach()

    far = {}
    for method in ("regmean", "linear"):
        far[method] = sum(
            float(
                (first_outputs(tmp_path / method, text) - first_outputs(name, text)).square().sum()
            )
            for name, text in zip(names, ("abcab" * 3, "xyzyx" * 3), strict=True)
        )
    assert far["regmean"] < 0.5 * far["linear"]
