"""What mergekit does silently wrong, or says late, is one line here that names the place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lora import factors, save_adapter
from recipes import (
    EMBED,
    HEAD,
    MLP,
    NORM,
    family,
    language_model,
    layer,
    merge,
    merged,
    refusal,
    save,
)
from tiny import checkpoint, full

if TYPE_CHECKING:
    from pathlib import Path

    from tiny import Array


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Array]]:
    """The models in the current folder."""
    monkeypatch.chdir(tmp_path)
    return family(tmp_path)


TIES = """\
merge_method: ties
base_model: base
models:
  - model: a
    parameters:
      weight: 1
      density: 0.5
  - model: b
    parameters:
      weight: 1
dtype: float32
"""
SLICES = """\
merge_method: passthrough
slices:
  - sources:
      - model: a
        layer_range: [0, 3]
  - sources:
      - model: b
        layer_range: [1, 4]
"""


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("recipe", "before", "after", "line", "said"),
    [
        (TIES, "density: 0.5", "denisty: 0.5", 7, "did you mean density?"),
        (TIES, "dtype: float32", "parameters:\n  lamda: 3", 12, "did you mean lambda?"),
        (TIES, "merge_method: ties", "merge_method: dare-ties", 1, "did you mean dare_ties?"),
        (TIES, "base_model", "base_mdoel", 2, "did you mean base_model?"),
        (TIES, "- model: b", "- modle: b", 8, "did you mean model?"),
        (
            TIES,
            "    parameters:\n      weight: 1\ndtype",
            "    paramters: {}\ndtype",
            9,
            "parameters?",
        ),
        (TIES, "dtype: float32", "dtype: bf16", 11, "expected one of bfloat16, float16"),
        (TIES, "dtype: float32", "tokenizr_source: base", 11, "did you mean tokenizer_source?"),
        (TIES, "density: 0.5", "density: 53", 7, "density: expected a number from"),
        (TIES, "density: 0.5", "density: half", 7, "density: expected a number, got 'half'"),
        (TIES, "density: 0.5", "weight: 2", 7, "'weight' is there twice"),
        (TIES, "density: 0.5", "normalize: true", 7, "normalize is not of one model"),
        (TIES, "density: 0.5", "density: []", 7, "an empty list is no value"),
        (TIES, "density: 0.5", "density: [{filtre: x, value: 1}]", 7, "got 'filtre'"),
        (TIES, "density: 0.5", "density: [{filter: x}]", 7, "value is missing"),
        (TIES, "      weight: 1\ndtype", "      density: 1\ndtype", 8, "no value for weight of b"),
        (TIES, "- model: b", "- model: a", 8, "a is there twice"),
        (TIES, "base_model: base\n", "", 2, "ties needs a base model"),
        (TIES, "- model: b", "- model: c0", 8, "c0: there is no such file or folder"),
        (TIES, "- model: b", "- model: org/b", 8, "get it with: hf download org/b"),
        (TIES, "- model: b", "- model: org/b@v1", 8, "hf download org/b --revision v1"),
        (TIES, "merge_method: ties\n", "", 1, "merge_method is missing"),
        (TIES, "models:", "slices: []\nmodels:", 3, "exactly one of models, slices and modules"),
        (TIES, TIES, "", 1, "the file is empty"),
        (TIES, TIES, "[1, 2]", 1, "a recipe: expected keys with values, got a list"),
        (TIES, "models:", "models: [", 4, "not proper YAML"),
        (TIES, "models:", "models: &m [*m]\nslices:", 3, "an alias that holds itself"),
        (SLICES, "[1, 4]", "[1, 5]", 7, "b has 4 layers, the last range ends at 4"),
        (SLICES, "[1, 4]", "[3, 1]", 8, "[3, 1] holds no layer"),
        (SLICES, "[1, 4]", "[2, 2]", 8, "[2, 2] holds no layer"),
        (SLICES, "[1, 4]", "[1.5, 4]", 8, "expected two whole numbers"),
        (SLICES, "        layer_range: [1, 4]\n", "", 7, "layer_range is missing"),
        (SLICES, "[1, 4]", "[1, 4]\n    residual_weight: 0.5", 9, "residual_weight does nothing"),
        (SLICES, "[1, 4]", "[1, 4]\n      - {model: a, layer_range: [0, 2]}", 6, "they have 3, 2"),
        (
            SLICES,
            "[1, 4]",
            "[1, 4]\n      - {model: a, layer_range: [0, 3]}",
            6,
            "takes 1 model in a group",
        ),
        (SLICES, "passthrough", "ties\nbase_model: base", 4, "base is none of the sources"),
    ],
)
def test_a_line_of_the_recipe(  # noqa: PLR0913, PLR0917
    recipe: str,
    before: str,
    after: str,
    line: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert before in recipe
    found = refusal(tmp_path, recipe.replace(before, after, 1), capsys)
    assert found.startswith(f"tiebreak: recipe.yml:{line}: ")
    assert said in found


def test_a_tensor_that_not_all_have(
    tmp_path: Path, models: dict[str, dict[str, Array]], capsys: pytest.CaptureFixture[str]
) -> None:
    extra = models["b"] | {"model.layers.0.self_attn.q_proj.bias": full(1, 4)}
    (tmp_path / "b" / "model.safetensors").write_bytes(checkpoint(extra))
    said = refusal(tmp_path, TIES, capsys)
    assert "a lacks 'model.layers.0.self_attn.q_proj.bias', which b has" in said
    found = merged(tmp_path, TIES, "--tensor-intersection")
    assert list(found) == list(models["a"])
    assert "left out: model.layers.0.self_attn.q_proj.bias" in capsys.readouterr().err


def test_a_tensor_of_no_known_architecture_is_merged(
    tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    name = "model.layers.2.self_attn.q_proj.bias"
    for seed, (model, held) in enumerate(models.items()):
        extra = held | {name: full(seed, 4)}
        (tmp_path / model / "model.safetensors").write_bytes(checkpoint(extra))
    recipe = TIES.replace("merge_method: ties", "merge_method: linear").replace("density", "weight")
    recipe = recipe.replace("      weight: 0.5\n", "").replace("base_model: base\n", "")
    assert merged(tmp_path, recipe)[name].tolist() == [1.5] * 4


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("recipe", [TIES, SLICES])
def test_nan_and_infinity(
    bad: float,
    recipe: str,
    tmp_path: Path,
    models: dict[str, dict[str, Array]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = layer(2, MLP)
    broken = models["b"][name].copy()
    broken[1, 3] = bad
    held = models["b"] | {name: broken}
    (tmp_path / "b" / "model.safetensors").write_bytes(checkpoint(held))
    said = refusal(tmp_path, recipe, capsys)
    assert "element 7: b holds NaN or infinity there; --allow-nan writes it" in said
    found = merged(tmp_path, recipe, "--allow-nan")
    assert sum(int((~np.isfinite(value)).sum()) for value in found.values()) == 1


def test_what_becomes_too_large_for_its_type(
    tmp_path: Path, models: dict[str, dict[str, Array]], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        held = models[name] | {NORM: full(1e5, 4)}
        (tmp_path / name / "model.safetensors").write_bytes(checkpoint(held))
    said = refusal(tmp_path, TIES.replace("float32", "float16"), capsys)
    assert "the result is not finite: too large for its type" in said


def test_models_without_a_common_origin(
    tmp_path: Path, models: dict[str, dict[str, Array]], capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate(("base", "a", "b")):
        held = models[name] | {EMBED: np.random.default_rng(seed).standard_normal((1500, 4))}
        (tmp_path / name / "model.safetensors").write_bytes(checkpoint(held))
    said = refusal(tmp_path, TIES, capsys)
    assert said.startswith("tiebreak: recipe.yml:4: base and a have no common origin (cosine ")
    assert merge(tmp_path, TIES, "--allow-unrelated") == 0


def test_other_architectures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    family(tmp_path)
    config = json.loads((tmp_path / "b" / "config.json").read_text())
    config["architectures"] = ["MistralForCausalLM"]
    (tmp_path / "b" / "config.json").write_text(json.dumps(config))
    said = refusal(tmp_path, TIES, capsys)
    assert "recipe.yml:8: base is a LlamaForCausalLM, b a MistralForCausalLM" in said
    assert merge(tmp_path, TIES, "--allow-crimes") == 0


def test_other_numbers_of_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, count in (("base", 4), ("a", 4), ("b", 5)):
        save(tmp_path / name, language_model(0, count))
    said = refusal(tmp_path, TIES, capsys)
    assert "recipe.yml:8: model.layers: a has 4 layers, b 5; slices can pick layers" in said


def test_a_configuration_that_counts_more_layers_than_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    family(tmp_path, num_hidden_layers=5)
    said = refusal(tmp_path, TIES, capsys)
    assert "base has 4 layers in model.layers, its config.json counts 5" in said


def test_a_layer_is_missing_between_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        held = language_model(0)
        held = {k: v for k, v in held.items() if not k.startswith("model.layers.1.")}
        save(tmp_path / name, held)
    assert "recipe.yml:4: a lacks layer 1 of 4" in refusal(tmp_path, SLICES, capsys)


def test_other_numbers_of_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, vocab in (("base", 6), ("a", 6), ("b", 8)):
        save(tmp_path / name, language_model(0, vocab=vocab))
    said = refusal(tmp_path, TIES, capsys)
    assert "is F32 [6, 4] in a, F32 [8, 4] in b; tokenizer_source: union" in said


def test_other_tokens_under_the_same_ids(
    tmp_path: Path, models: dict[str, dict[str, Array]], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, token in (("base", "<x>"), ("a", "<x>"), ("b", "<y>")):
        added = [{"id": 5, "content": token, "special": True}]
        text = json.dumps({"added_tokens": added, "model": {"vocab": {"a": 0}}})
        (tmp_path / name / "tokenizer.json").write_text(text)
    assert "recipe.yml:1: " in refusal(tmp_path, TIES, capsys)
    assert merge(tmp_path, TIES, "--vocabulary", "ignore") == 0


def test_a_model_without_an_output_matrix_that_is_not_tied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("base", "a", "b"):
        save(tmp_path / name, language_model(0, head=name != "b"), tie_word_embeddings=False)
    assert f"tie_word_embeddings is false, but there is no {HEAD}" in refusal(
        tmp_path, TIES, capsys
    )


def test_numbers_that_are_copied_differ(
    tmp_path: Path, models: dict[str, dict[str, Array]], capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (name, held) in enumerate(models.items()):
        extra = held | {"position_ids": np.full(3, number, np.int64)}
        (tmp_path / name / "model.safetensors").write_bytes(checkpoint(extra))
    said = refusal(tmp_path, TIES, capsys)
    assert "'position_ids' holds I64, which is copied, and a and b differ in it" in said


def test_quantized_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    family(tmp_path, quantization_config={"quant_method": "fp8"})
    assert "recipe.yml:2: base is quantized" in refusal(tmp_path, TIES, capsys)


def test_a_place_that_is_taken(
    tmp_path: Path, models: dict[str, dict[str, Array]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    assert merge(tmp_path, TIES) == 2
    assert "there is something already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("size", ["5 parameters", "0", "-3M", "B"])
def test_a_shard_size_is_in_bytes(
    size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "expected a number of bytes" in refusal(tmp_path, TIES, capsys, "--out-shard-size", size)


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("recipe", "before", "after", "said"),
    [
        (TIES, "ties", "task_arithmetic", "recipe.yml:7: density does nothing in task_arithmetic"),
        (
            TIES,
            "models:",
            "models:\n  - {model: base, parameters: {weight: 1}}",
            "recipe.yml:4: weight of the base model plays no part in ties",
        ),
        (
            TIES,
            "density: 0.5",
            "density: [{filter: slef_attn, value: 0.1}, {value: 0.5}]",
            "recipe.yml:7: filter 'slef_attn' is in no tensor's name",
        ),
    ],
)
def test_what_has_no_effect_is_said(  # noqa: PLR0913, PLR0917
    recipe: str,
    before: str,
    after: str,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert merge(tmp_path, recipe.replace(before, after, 1)) == 0
    assert f"{tmp_path}/{said}" in capsys.readouterr().err


SEVERAL = """\
merge_method: passthrough
models: [{model: x}]
---
name: x
merge_method: passthrough
models: [{model: a}]
"""


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("model: a", "model: x", "recipe.yml:4: merges that need each other: x, x"),
        ("name: x", "name: ../x", "recipe.yml:4: name: ../x is no name of a folder"),
        ("name: x\n", "", "recipe.yml:4: no name: each merge but the last"),
        ("merge_method", "name: y\nmerge_method", "one merge has to be without a name"),
        ("merge_method", "name: x\nmerge_method", "recipe.yml:5: a second merge named x"),
    ],
)
def test_several_merges(
    before: str, after: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = SEVERAL.replace(before, after, 1)
    assert said in refusal(tmp_path, recipe, capsys, "--intermediate-dir", "between")


@pytest.mark.usefixtures("models")
def test_several_merges_need_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--intermediate-dir" in refusal(tmp_path, SEVERAL, capsys)


@pytest.mark.usefixtures("models")
def test_an_adapter_of_another_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_adapter(tmp_path / "adapter", factors(7, {"model.layers.9.mlp.up_proj": (8, 4)}, 2))
    said = refusal(tmp_path, TIES.replace("- model: b", "- model: b+adapter"), capsys)
    assert said.startswith("tiebreak: recipe.yml:8: b: has no tensor")
    said = refusal(tmp_path, TIES.replace("- model: b", "- model: b+adapter+a"), capsys)
    assert "recipe.yml:8: b+adapter+a: expected MODEL, or MODEL+ADAPTER" in said
