"""`tiebreak weights mergekit`: what recipes mean, against the formulas in plain numpy."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lora import change, factors, save_adapter
from recipes import (
    ATTENTION,
    EMBED,
    HEAD,
    MLP,
    NORM,
    config,
    family,
    language_model,
    layer,
    merge,
    merged,
    save,
    written,
)
from tiebreak.weights.mergekit.methods import IGNORED, THEIRS
from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    from pathlib import Path

    from tiny import Array


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Array]]:
    """The models in the current folder."""
    monkeypatch.chdir(tmp_path)
    return family(tmp_path)


def near(found: Array, expected: Array) -> bool:
    return bool(np.allclose(found, expected, rtol=3e-7, atol=0))


MLP_2 = layer(2, MLP)
LINEAR = """
    merge_method: linear
    models:
      - model: a
        parameters: {weight: 1.0}
      - model: b
        parameters: {weight: 3}
"""


def test_linear_divides_by_the_weights(tmp_path: Path, models: dict[str, dict[str, Array]]) -> None:
    found = merged(tmp_path, LINEAR)
    a, b = models["a"], models["b"]
    assert list(found) == list(a)
    for name, value in found.items():
        assert near(value, (a[name].astype("f8") + 3 * b[name].astype("f8")) / 4)
    summed = merged(tmp_path, LINEAR + "    parameters: {normalize: false}\n", out="sum")
    assert near(summed[NORM], a[NORM].astype("f8") + 3 * b[NORM].astype("f8"))


def test_the_recipe_and_the_configuration_are_beside_the_model(
    tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    merged(tmp_path, LINEAR)
    out = tmp_path / "out"
    assert (out / "mergekit_config.yml").read_bytes() == (tmp_path / "recipe.yml").read_bytes()
    assert config(out) == config(tmp_path / "a")
    card = {"README.md", "tiebreak_merge.json"}
    assert set(os.listdir(out)) == card | {
        "config.json",
        "mergekit_config.yml",
        "model.safetensors",
    }


def test_the_narrowest_place_gives_a_parameter(
    tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    recipe = """
        merge_method: linear
        slices:
          - sources:
              - {model: a, layer_range: [0, 2], parameters: {weight: 5}}
              - {model: b, layer_range: [0, 2]}
            parameters: {weight: 3}
          - sources:
              - {model: a, layer_range: [2, 4]}
              - {model: b, layer_range: [2, 4]}
        parameters: {weight: 1, normalize: false}
    """
    found, a, b = merged(tmp_path, recipe), models["a"], models["b"]
    first, last = layer(0, MLP), layer(3, MLP)
    assert near(found[first], 5.0 * a[first].astype("f8") + 3.0 * b[first].astype("f8"))
    assert near(found[last], a[last].astype("f8") + b[last])


def test_filters_and_gradients(tmp_path: Path, models: dict[str, dict[str, Array]]) -> None:
    recipe = """
        merge_method: linear
        models:
          - model: a
            parameters:
              weight:
                - filter: mlp
                  value: [0, 3]
                - filter: q_proj
                  value: [1, 2, 5]
                - value: 7
          - model: b
            parameters: {weight: [10, 20]}
        parameters: {normalize: false}
    """
    found, a, b = merged(tmp_path, recipe), models["a"], models["b"]

    def expected(name: str, one: float, two: float) -> Array:
        return np.asarray(one * a[name].astype("f8") + two * b[name].astype("f8"))

    for number in range(4):
        name = layer(number, MLP)
        assert near(found[name], expected(name, number, 10 + 10 * number / 3))
    for number, weight in enumerate((1, 1 + 2 / 3, 3, 5)):  # over four layers, at 0, 2/3, 4/3, 2
        name = layer(number, ATTENTION)
        assert near(found[name], expected(name, weight, 10 + 10 * number / 3))
    assert near(found[EMBED], expected(EMBED, 7, 10))  # outside of layers: the first point
    assert near(found[HEAD], expected(HEAD, 7, 10))


def test_slerp_begins_at_the_base(tmp_path: Path, models: dict[str, dict[str, Array]]) -> None:
    recipe = """
        merge_method: slerp
        base_model: b
        models: [{model: a}, {model: b}]
        parameters: {t: [{filter: mlp, value: 0}, {filter: norm, value: 1}, {value: 0.25}]}
    """
    found, a, b = merged(tmp_path, recipe), models["a"], models["b"]
    assert found[layer(1, MLP)].tobytes() == b[layer(1, MLP)].tobytes()
    assert near(found[NORM], a[NORM])
    x, y = b[EMBED].astype("f8"), a[EMBED].astype("f8")
    cosine = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
    angle = np.arccos(cosine)
    arc = (np.sin(0.75 * angle) * x + np.sin(0.25 * angle) * y) / np.sin(angle)
    assert cosine < 0.9995
    assert near(found[EMBED], arc)


VECTORS = """
    merge_method: {method}
    base_model: base
    models:
      - model: base
      - model: a
        parameters: {{weight: 0.5}}
      - model: b
        parameters: {{weight: 1.5}}
    parameters: {{{parameters}}}
"""


def vectors(models: dict[str, dict[str, Array]], name: str) -> tuple[Array, Array, Array]:
    base = models["base"][name].astype("f8")
    return base, models["a"][name] - base, models["b"][name] - base


@pytest.mark.parametrize(
    ("parameters", "scale"),
    [("", 1.0), ("lambda: 0.5", 0.5), ("normalize: true", 0.5), ("int8_mask: true", 1.0)],
)
def test_task_arithmetic(
    parameters: str, scale: float, tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    recipe = VECTORS.format(method="task_arithmetic", parameters=parameters)
    for name, value in merged(tmp_path, recipe).items():
        base, one, two = vectors(models, name)
        assert near(value, base + scale * (0.5 * one + 1.5 * two))


def elected(base: Array, deltas: list[Array], weights: list[float], *, mean: bool) -> Array:
    """The sum, or the weighted mean, of the deltas that have the sign of their weighted sum."""
    weighted = [w * d for w, d in zip(weights, deltas, strict=True)]
    sign = np.where(sum(weighted) >= 0, 1, -1)
    total = sum(np.where(np.sign(d) == sign, d, 0) for d in weighted)
    mass = sum(np.where(np.sign(d) == sign, w, 0) for w, d in zip(weights, weighted, strict=True))
    return np.asarray(base + (total / np.where(mass == 0, 1, mass) if mean else total))


def trimmed(delta: Array, density: float) -> Array:
    least = np.sort(np.abs(delta).ravel())[-max(1, int(density * delta.size))]
    return np.asarray(np.where(np.abs(delta) >= least, delta, 0))


@pytest.mark.parametrize("normalize", [True, False])
def test_ties_keeps_everything_and_takes_the_mean_unless_told(
    *,
    normalize: bool,
    tmp_path: Path,
    models: dict[str, dict[str, Array]],
) -> None:
    said = "" if normalize else "normalize: false"
    for name, value in merged(tmp_path, VECTORS.format(method="ties", parameters=said)).items():
        base, one, two = vectors(models, name)
        assert near(value, elected(base, [one, two], [0.5, 1.5], mean=normalize))


def test_a_density_of_none_takes_a_model_out(
    tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    recipe = """
        merge_method: ties
        base_model: base
        models:
          - model: a
            parameters: {weight: 1, density: [0, 1]}
          - model: b
            parameters: {weight: 1, density: [0, 0.25]}
    """
    found = merged(tmp_path, recipe)
    assert found[EMBED].tobytes() == models["base"][EMBED].tobytes()
    name = layer(3, MLP)
    base, one, two = vectors(models, name)
    assert near(found[name], elected(base, [one, trimmed(two, 0.25)], [1, 1], mean=True))


@pytest.mark.parametrize("method", ["dare_linear", "dare_ties"])
def test_dare_of_everything_drops_nothing(
    method: str, tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    for name, value in merged(tmp_path, VECTORS.format(method=method, parameters="")).items():
        base, one, two = vectors(models, name)
        whole = base + 0.5 * one + 1.5 * two
        expected = (
            whole if method == "dare_linear" else elected(base, [one, two], [0.5, 1.5], mean=False)
        )
        assert near(value, expected)


def test_dare_drops_by_the_seed(tmp_path: Path, models: dict[str, dict[str, Array]]) -> None:
    recipe = VECTORS.format(method="dare_linear", parameters="density: 0.5")
    found = [
        merged(tmp_path, recipe, *options, out=f"out{number}")
        for number, options in enumerate(((), ("--random-seed", "0"), ("--random-seed", "7")))
    ]
    assert found[0][EMBED].tobytes() == found[1][EMBED].tobytes() != found[2][EMBED].tobytes()


FRANKEN = """
    merge_method: passthrough
    slices:
      - sources: [{model: a, layer_range: [0, 3]}]
      - sources: [{model: b, layer_range: [1, 4]}]
"""


def test_layers_are_stacked_and_numbered(
    tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    found, a, b = merged(tmp_path, FRANKEN), models["a"], models["b"]
    expected = {EMBED: a[EMBED], NORM: b[NORM], HEAD: b[HEAD]}
    for rest in (ATTENTION, MLP):
        expected |= {layer(n, rest): a[layer(n, rest)] for n in range(3)}
        expected |= {layer(2 + n, rest): b[layer(n, rest)] for n in range(1, 4)}
    assert {k: v.tobytes() for k, v in found.items()} == {
        k: v.tobytes() for k, v in expected.items()
    }
    assert config(tmp_path / "out")["num_hidden_layers"] == 6


def test_copies_keep_every_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    held = language_model(0)
    held[NORM] = np.array([-0.0, 0.0, 1e-45, -1e-45], np.float32)
    save(tmp_path / "a", held)
    save(tmp_path / "b", held)
    assert merged(tmp_path, FRANKEN)[NORM].tobytes() == held[NORM].tobytes()


def test_a_scale_by_filter(tmp_path: Path, models: dict[str, dict[str, Array]]) -> None:
    recipe = """
        merge_method: passthrough
        slices:
          - sources:
              - model: a
                layer_range: [0, 1]
                parameters: {scale: [{filter: q_proj, value: 0.5}, {value: 1}]}
    """
    found, a = merged(tmp_path, recipe), models["a"]
    assert near(found[layer(0, ATTENTION)], a[layer(0, ATTENTION)] / 2)
    assert found[layer(0, MLP)].tobytes() == a[layer(0, MLP)].tobytes()


def test_lists_with_an_entry_for_each_layer_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("ab"):
        kinds = [f"{name}{number}" for number in range(4)]
        save(tmp_path / name, language_model(seed), layer_types=kinds, text_config={"rest": 1})
    merged(tmp_path, FRANKEN)
    assert config(tmp_path / "out")["layer_types"] == ["a0", "a1", "a2", "b1", "b2", "b3"]


def test_slices_merge_layers_of_other_depths(
    tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    recipe = """
        merge_method: linear
        slices:
          - sources:
              - {model: a, layer_range: [0, 2]}
              - {model: b, layer_range: [2, 4]}
        parameters: {weight: 1}
    """
    found, a, b = merged(tmp_path, recipe), models["a"], models["b"]
    for number in (0, 1):
        one, two = a[layer(number, MLP)], b[layer(number + 2, MLP)]
        assert near(found[layer(number, MLP)], (one.astype("f8") + two) / 2)
    assert len(found) == 3 + 2 * 2


def test_modules_are_parts_of_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [
        "shared.weight", "lm_head.weight", "encoder.block.0.layer.0.w", "encoder.block.1.layer.0.w",
        "encoder.final_layer_norm.weight", "decoder.block.0.layer.0.w",
        "decoder.block.1.layer.0.w",
    ]  # fmt: skip
    held = {
        model: {name: full(10 * seed + place, 2) for place, name in enumerate(names)}
        for seed, model in enumerate("ab", 1)
    }
    for model, found in held.items():
        (tmp_path / model).mkdir()
        (tmp_path / model / "model.safetensors").write_bytes(checkpoint(found))
        counts = {"num_decoder_layers": 2, "num_layers": 2, "num_heads": 2}
        (tmp_path / model / "config.json").write_text(json.dumps(counts))
    recipe = """
        merge_method: passthrough
        modules:
          encoder:
            slices:
              - sources: [{model: a, layer_range: [1, 2]}]
              - sources: [{model: a, layer_range: [0, 2]}]
          decoder: {models: [{model: b}]}
          shared: {models: [{model: b}]}
    """
    found, a, b = merged(tmp_path, recipe), held["a"], held["b"]
    assert {name: float(value[0]) for name, value in found.items()} == {
        "shared.weight": b["shared.weight"][0],
        "lm_head.weight": b["lm_head.weight"][0],
        "encoder.block.0.layer.0.w": a["encoder.block.1.layer.0.w"][0],
        "encoder.block.1.layer.0.w": a["encoder.block.0.layer.0.w"][0],
        "encoder.block.2.layer.0.w": a["encoder.block.1.layer.0.w"][0],
        "encoder.final_layer_norm.weight": a["encoder.final_layer_norm.weight"][0],
        "decoder.block.0.layer.0.w": b["decoder.block.0.layer.0.w"][0],
        "decoder.block.1.layer.0.w": b["decoder.block.1.layer.0.w"][0],
    }
    assert config(tmp_path / "out") == {
        "num_decoder_layers": 2, "num_layers": 3, "num_heads": 2, "torch_dtype": "float32",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("dtype: float16", "float16"),
        ("{dtype: float64, out_dtype: torch.float16}", "float16"),
        ("dtype: float64", "float64"),
        ("{}", "float32"),
    ],
)
def test_the_type_of_the_output(
    said: str, expected: str, tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    words = said.strip("{}").replace(", ", "\n    ")
    found = merged(tmp_path, f"{LINEAR}\n    {words}\n")
    assert {value.dtype.name for value in found.values()} == {expected}
    exact = (models["a"][EMBED].astype("f8") + 3 * models["b"][EMBED].astype("f8")) / 4
    assert found[EMBED].tobytes() == exact.astype(expected).tobytes()
    assert config(tmp_path / "out")["torch_dtype"] == expected


def test_mixed_types_take_the_wider(tmp_path: Path, models: dict[str, dict[str, Array]]) -> None:
    halves = {name: value.astype(np.float16) for name, value in models["b"].items()}
    (tmp_path / "b" / "model.safetensors").write_bytes(checkpoint(halves))
    found = merged(tmp_path, LINEAR)
    assert {value.dtype.name for value in found.values()} == {"float32"}


@pytest.mark.parametrize("method", sorted(THEIRS))
def test_models_that_are_equal_only_change_their_type(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    held = language_model(0)
    for name in ("base", "a", "b"):
        save(tmp_path / name, held)
    theirs = THEIRS[method]
    count = 1 if theirs.first else theirs.sides[0]
    given = {"weight": 1, "t": 0.5, "density": 1}
    recipe = {
        "merge_method": method,
        "base_model": "base" if theirs.base != IGNORED else None,
        "models": [{"model": name} for name in "ab"[:count]],
        "parameters": {k: v for k, v in given.items() if k in (*theirs.own, *theirs.shared)},
        "dtype": "float16",
    }
    found = merged(tmp_path, json.dumps(recipe))
    for name, value in found.items():
        assert value.tobytes() == held[name].astype("f2").tobytes()
    assert config(tmp_path / "out")["torch_dtype"] == "float16"


def test_the_same_bytes_for_any_number_of_threads(
    tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    recipe = VECTORS.format(method="dare_ties", parameters="density: [0.2, 0.9]")
    for threads in ("1", "2"):
        assert merge(tmp_path, recipe, "--threads", threads, out=f"out{threads}") == 0
    one, two = ((tmp_path / f"out{n}" / "model.safetensors").read_bytes() for n in (1, 2))
    assert one == two


def test_shards_of_the_size_that_is_asked_for(
    tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    whole = merged(tmp_path, LINEAR, out="whole")
    found = merged(tmp_path, LINEAR, "--out-shard-size", "300")
    assert {k: v.tobytes() for k, v in found.items()} == {k: v.tobytes() for k, v in whole.items()}
    index = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(value.nbytes for value in whole.values())
    for file in set(index["weight_map"].values()):
        held = tensors((tmp_path / "out" / file).read_bytes())
        assert sum(value.nbytes for value in held.values()) <= 300
        assert all(index["weight_map"][name] == file for name in held)


def test_an_interrupted_merge_goes_on(tmp_path: Path, models: dict[str, dict[str, Array]]) -> None:
    broken = dict(models["b"]) | {HEAD: np.full_like(models["b"][HEAD], np.nan)}
    (tmp_path / "b" / "model.safetensors").write_bytes(checkpoint(broken))
    options = ("--out-shard-size", "300", "--resume", "--threads", "1")
    assert merge(tmp_path, LINEAR, *options) == 2
    kept = sorted((tmp_path / "out.tiebreak-partial").glob("*.safetensors"))
    assert kept
    before = [file.stat().st_ino for file in kept]
    assert merge(tmp_path, LINEAR, *options, "--allow-nan") == 2  # another command
    assert merge(tmp_path, LINEAR, *options) == 2
    assert [file.stat().st_ino for file in kept] == before


def test_the_donor_is_the_base_or_the_first(
    tmp_path: Path, models: dict[str, dict[str, Array]]
) -> None:
    for name in models:
        (tmp_path / name / "tokenizer_config.json").write_text(json.dumps({"of": name}))
    merged(tmp_path, LINEAR)
    assert json.loads((tmp_path / "out" / "tokenizer_config.json").read_text()) == {"of": "a"}
    merged(tmp_path, VECTORS.format(method="ties", parameters=""), out="based")
    assert json.loads((tmp_path / "based" / "tokenizer_config.json").read_text()) == {"of": "base"}
    merged(tmp_path, LINEAR, "--no-copy-tokenizer", out="without")
    assert not (tmp_path / "without" / "tokenizer_config.json").exists()


def test_a_model_of_the_hub_is_found_in_its_cache(
    tmp_path: Path, models: dict[str, dict[str, Array]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache" / "models--org--a"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("abc123")
    (cache / "snapshots").mkdir()
    (tmp_path / "a").rename(cache / "snapshots" / "abc123")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in ("org/a", "org/a@main", "org/a@abc123"):
        found = merged(
            tmp_path, LINEAR.replace("model: a", f"model: {name}"), out=name.replace("/", "-")
        )
        assert near(found[NORM], (models["a"][NORM].astype("f8") + 3 * models["b"][NORM]) / 4)


def test_yaml_may_say_a_thing_once(tmp_path: Path, models: dict[str, dict[str, Array]]) -> None:
    recipe = """
        merge_method: linear
        models:
          - model: a
            parameters: &both {weight: 1e0, }
          - model: {model: {path: b}}
            parameters: {<<: *both}
    """
    found = merged(tmp_path, recipe)
    assert near(found[NORM], (models["a"][NORM].astype("f8") + models["b"][NORM]) / 2)


def test_output_matrices_of_which_one_is_tied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tied, own = language_model(1, head=False), language_model(2)
    save(tmp_path / "a", tied, tie_word_embeddings=True)
    save(tmp_path / "b", own, tie_word_embeddings=False)
    found = merged(tmp_path, LINEAR)
    assert near(found[HEAD], (tied[EMBED].astype("f8") + 3 * own[HEAD].astype("f8")) / 4)
    assert near(found[EMBED], (tied[EMBED].astype("f8") + 3 * own[EMBED].astype("f8")) / 4)
    assert config(tmp_path / "out")["tie_word_embeddings"] is False


def test_all_tied_stays_tied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("ab"):
        save(tmp_path / name, language_model(seed, head=False), tie_word_embeddings=True)
    assert HEAD not in merged(tmp_path, LINEAR)
    assert config(tmp_path / "out")["tie_word_embeddings"] is True


def test_the_last_slice_is_tied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a", language_model(1), tie_word_embeddings=False)
    save(tmp_path / "b", language_model(2, head=False), tie_word_embeddings=True)
    found = merged(tmp_path, FRANKEN)
    assert found[HEAD].tobytes() == language_model(2, head=False)[EMBED].tobytes()
    assert written(tmp_path / "out")[EMBED].tobytes() == language_model(1)[EMBED].tobytes()


SEVERAL = """
    merge_method: linear
    models:
      - {model: first, parameters: {weight: 1}}
      - {model: second, parameters: {weight: 1}}
    ---
    name: second
    merge_method: linear
    models:
      - {model: first, parameters: {weight: 1}}
      - {model: b, parameters: {weight: 3}}
    ---
    name: first
    merge_method: passthrough
    models: [{model: a, parameters: {scale: 2}}]
"""


def test_merges_of_merges(tmp_path: Path, models: dict[str, dict[str, Array]]) -> None:
    options = ("--intermediate-dir", str(tmp_path / "between"))
    found = merged(tmp_path, SEVERAL, *options)
    a, b = (models[name][MLP_2].astype("f8") for name in "ab")
    assert near(found[MLP_2], (2 * a + (2 * a + 3 * b) / 4) / 2)
    assert sorted(os.listdir(tmp_path / "between")) == ["first", "second"]
    before = (tmp_path / "between" / "first" / "model.safetensors").stat().st_ino
    assert merge(tmp_path, SEVERAL, *options, out="again") == 2  # they are there already
    assert merge(tmp_path, SEVERAL, *options, "--resume", out="again") == 0
    assert (tmp_path / "between" / "first" / "model.safetensors").stat().st_ino == before
    again = written(tmp_path / "again")
    assert {k: v.tobytes() for k, v in again.items()} == {k: v.tobytes() for k, v in found.items()}


def test_a_model_with_an_adapter_in_it(tmp_path: Path, models: dict[str, dict[str, Array]]) -> None:
    module = layer(2, MLP).removesuffix(".weight")
    pairs = factors(7, {module: (8, 4)}, 2)
    save_adapter(tmp_path / "adapter", pairs)
    recipe = LINEAR.replace("model: a", "model: base+adapter")
    found, b, base = merged(tmp_path, recipe), models["b"], models["base"]
    changed = (base[MLP_2].astype("f8") + change(*pairs[module])).astype("f4")
    assert near(found[MLP_2], (changed.astype("f8") + 3 * b[MLP_2].astype("f8")) / 4)
    assert near(found[EMBED], (base[EMBED].astype("f8") + 3 * b[EMBED].astype("f8")) / 4)
    alone = """
        merge_method: passthrough
        models: [{model: {model: {path: base}, lora: {path: adapter}}}]
    """
    copied = merged(tmp_path, alone, out="alone")
    assert copied[MLP_2].tobytes() == changed.tobytes()
    assert {k for k, v in copied.items() if v.tobytes() != base[k].tobytes()} == {MLP_2}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tiebreak-")]
