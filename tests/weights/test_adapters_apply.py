"""Adapters in the model that they were trained for: `tiebreak weights adapters apply`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lora import CONFIG, PREFIX, WEIGHTS, change, factors, noise, save_adapter
from tiebreak.cli.dispatch import run
from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tiny import Array

Q, V, EMBED = "layers.0.q_proj", "layers.0.v_proj", "embed_tokens"
SIZES = {Q: (8, 6), V: (4, 6)}
MODEL = {
    f"{EMBED}.weight": noise(1, 10, 6),
    f"{Q}.weight": noise(2, 8, 6),
    f"{V}.weight": noise(3, 4, 6, dtype="float16"),
    "norm.weight": full(1, 6),
    "ids": np.arange(4),
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_model(tmp_path / "base", MODEL)


def save_model(folder: Path, held: dict[str, Array], config: str = "{}") -> Path:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(checkpoint(held))
    (folder / "config.json").write_text(config)
    return folder


def apply(base: Path, *adapters: Path, options: tuple[str, ...] = ()) -> dict[str, Array]:
    out = base.parent / f"out{len(list(base.parent.glob('out*')))}"
    names = [str(path) for path in (base, *adapters)]
    assert run(["weights", "adapters", "apply", *names, "-o", str(out), *options]) == 0
    return tensors((out / "model.safetensors").read_bytes())


def test_the_change_is_added_and_rounded_once(tmp_path: Path, base: Path) -> None:
    pairs = factors(10, SIZES, 3)
    found = apply(base, save_adapter(tmp_path / "a", pairs))
    for name, (a, b) in pairs.items():
        before = MODEL[f"{name}.weight"]
        expected = (before.astype("float64") + change(a, b)).astype(before.dtype)
        assert found[f"{name}.weight"].dtype == before.dtype
        np.testing.assert_array_equal(found[f"{name}.weight"], expected)


def test_what_the_adapter_is_not_about_is_copied(tmp_path: Path, base: Path) -> None:
    found = apply(base, save_adapter(tmp_path / "a", factors(10, {Q: (8, 6)}, 3)))
    assert list(found) == list(MODEL)
    same = [name for name in MODEL if found[name].tobytes() == MODEL[name].tobytes()]
    assert same == [name for name in MODEL if name != f"{Q}.weight"]
    assert (tmp_path / "out0" / "config.json").read_text() == "{}"


def test_an_adapter_of_weight_0_or_untrained_changes_no_bit(tmp_path: Path, base: Path) -> None:
    a = noise(1, 2, 6)
    untrained = save_adapter(tmp_path / "a", {Q: (a, full(0, 8, 2))})
    trained = save_adapter(tmp_path / "b", factors(10, SIZES, 3))
    apply(base, untrained)
    apply(base, trained, options=("--weight", "0"))
    before = (base / "model.safetensors").read_bytes()
    for name in ("out0", "out1"):
        assert (tmp_path / name / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("rslora", [False, True])
def test_several_adapters_are_summed_before_rounding(
    rslora: bool,  # noqa: FBT001
    tmp_path: Path,
    base: Path,
) -> None:
    first, second = factors(10, SIZES, 3), factors(20, SIZES, 2)
    paths = [
        save_adapter(tmp_path / "a", first, use_rslora=rslora),
        save_adapter(tmp_path / "b", second, lora_alpha=1, alpha_pattern={"v_proj": 5}),
    ]
    found = apply(base, *paths, options=("--weight", "0.5", "--weight", "-2"))
    for name, alpha in ((Q, 1), (V, 5)):
        moved = 0.5 * change(*first[name], rslora=rslora) - 2 * change(*second[name], alpha)
        before = MODEL[f"{name}.weight"]
        expected = (before.astype("float64") + moved).astype(before.dtype)
        np.testing.assert_allclose(found[f"{name}.weight"], expected, rtol=2e-3, atol=1e-6)


def test_layers_that_are_stored_as_inputs_by_outputs(tmp_path: Path) -> None:
    """GPT-2's; a square one too, which no shape tells apart."""
    held = {"h.0.c_attn.weight": noise(1, 4, 6), "h.0.c_proj.weight": noise(2, 4, 4)}
    pairs = {"transformer.h.0.c_attn": (noise(3, 2, 4), noise(4, 6, 2))}
    pairs["transformer.h.0.c_proj"] = (noise(5, 2, 4), noise(6, 4, 2))
    adapter = save_adapter(tmp_path / "a", pairs, fan_in_fan_out=True)
    found = apply(save_model(tmp_path / "base", held), adapter)
    for module, pair in pairs.items():
        name = f"{module.removeprefix('transformer.')}.weight"  # as gpt2 is stored
        np.testing.assert_allclose(found[name], held[name] + change(*pair).T, rtol=1e-6)


def embedding(a: Array, b: Array) -> dict[str, Array]:
    stem = f"{PREFIX}{EMBED}.lora_embedding_"
    return {f"{stem}A": a, f"{stem}B": b}


def test_embeddings(tmp_path: Path, base: Path) -> None:
    a, b = noise(3, 2, 10), noise(4, 6, 2)
    adapter = save_adapter(tmp_path / "a", factors(10, {Q: (8, 6)}, 2), embedding(a, b))
    name = f"{EMBED}.weight"
    found = apply(base, adapter)[name]
    np.testing.assert_allclose(found, MODEL[name] + change(a, b, 6).T, rtol=1e-6)


def test_convolutions(tmp_path: Path) -> None:
    """As PEFT computes it: a 1 x 1 convolution of the B after the A's."""
    torch = pytest.importorskip("torch")
    held = {"conv.weight": noise(1, 8, 3, 3, 3)}
    a, b = noise(2, 2, 3, 3, 3), noise(3, 8, 2, 1, 1)
    adapter = save_adapter(tmp_path / "a", {"conv": (a, b)})
    found = apply(save_model(tmp_path / "base", held), adapter)["conv.weight"]
    product = torch.nn.functional.conv2d(torch.tensor(a).transpose(0, 1), torch.tensor(b))
    expected = held["conv.weight"] + 3 * product.transpose(0, 1).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_tensors_that_are_stored_as_a_whole_take_their_place(tmp_path: Path, base: Path) -> None:
    saved, wrapped = full(5, 6), noise(9, 8, 6)
    more = {f"{PREFIX}norm.weight": saved, f"{PREFIX}{Q}.base_layer.weight": wrapped}
    pairs = factors(10, {Q: (8, 6)}, 2)
    found = apply(base, save_adapter(tmp_path / "a", pairs, more))
    np.testing.assert_array_equal(found["norm.weight"], saved)
    np.testing.assert_allclose(found[f"{Q}.weight"], wrapped + change(*pairs[Q]), rtol=1e-6)


def test_large_tensors_are_the_same_for_any_number_of_threads(tmp_path: Path) -> None:
    """Several stretches, which do not end with a row; of a tensor that threads share, too."""
    sizes = {"small": (1100, 1001), "large": (4100, 4101)}
    model = {f"{n}.weight": full(1, *s) for n, s in sizes.items()}
    base = save_model(tmp_path / "base", model)
    pairs = factors(10, sizes, 5)
    adapter = save_adapter(tmp_path / "a", pairs)
    found = [apply(base, adapter, options=("--threads", n)) for n in "14"]
    for name, pair in pairs.items():
        one, four = (tensors_[f"{name}.weight"] for tensors_ in found)
        assert one.tobytes() == four.tobytes()
        np.testing.assert_allclose(one, 1 + change(*pair), rtol=1e-5, atol=1e-5)


def edited(path: Path, **config: Any) -> None:
    settings = json.loads((path / CONFIG).read_text())
    (path / CONFIG).write_text(json.dumps(settings | config))


def setting(**config: Any) -> Callable[[Path], None]:
    return lambda path: edited(path, **config)


def held(**more: Array) -> Callable[[Path], None]:
    def change_file(path: Path) -> None:
        before = tensors((path / WEIGHTS).read_bytes())
        named = {name.replace("__", "."): array for name, array in more.items()}
        (path / WEIGHTS).write_bytes(checkpoint(before | named))

    return change_file


STEM = f"{PREFIX}{Q}"


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (setting(use_dora=True), "use_dora is set: DoRA divides every row by its norm"),
        (setting(lora_bias=True), "lora_bias is set: a bias of lora_B"),
        (setting(peft_type="IA3"), "an adapter of type 'IA3'; only LORA"),
        (setting(init_lora_weights="pissa"), "init_lora_weights is 'pissa': it was trained beside"),
        (setting(new_idea={"x": 1}), "new_idea is set: what this makes of the factors is not kn"),
        (setting(lora_alpha=None), "lora_alpha is None for layers.0.q_proj, not a number"),
        (setting(alpha_pattern={"(a*)*b": 2}), "alpha_pattern has a regular expression"),
        (setting(modules_to_save="score"), "modules_to_save is 'score', which PEFT does not write"),
        (setting(bias=["all"]), "bias is ['all'], which PEFT does not write"),
        (lambda path: (path / CONFIG).unlink(), "without it the factors have no scale"),
        (lambda path: (path / CONFIG).write_text("["), "adapter_config.json: not proper JSON"),
        (lambda path: (path / CONFIG).write_text("[]"), "expected an object of settings"),
        (held(x__lora_A__weight=full(1, 2, 6)), "x has A of its factors"),
        (held(x__lora_magnitude_vector=full(1, 2)), "'x.lora_magnitude_vector' is no factor"),
        (held(**{f"{STEM}.lora_A.weight": full(1, 3, 6)}), "are no pair of factors"),
        (held(**{f"{STEM}.lora_A.weight": np.ones((2, 6), int)}), "is I64, not floating point"),
        (held(**{f"{STEM}.lora_A.weight": full(np.nan, 2, 6)}), "holds NaN or infinity"),
        (held(**{f"{STEM}.lora_A.weight": full(1, 2, 7)}), "the change is [8, 7], "),
        (held(**{f"{PREFIX}norm.weight": full(1, 7)}), "'base_model.model.norm.weight' is [7], in"),
        (held(**{f"{PREFIX}score.weight": full(1, 7)}), "has no tensor 'score.weight'; is it the"),
    ],
)
def test_what_cannot_be_applied_is_one_line(
    spoil: Callable[[Path], None],
    line: str,
    tmp_path: Path,
    base: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    adapter = save_adapter(tmp_path / "a", factors(10, {Q: (8, 6)}, 2))
    spoil(adapter)
    command = ["weights", "adapters", "apply", str(base), str(adapter), "-o", str(tmp_path / "out")]
    assert run(command) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.startswith("tiebreak: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "status"),
    [
        ('{"tie_word_embeddings": true}', 2),
        ('{"architectures": ["GPT2LMHeadModel"]}', 2),
        ('{"architectures": ["BertModel"]}', 0),
        ('{"architectures": ["GPT2LMHeadModel"], "tie_word_embeddings": false}', 0),
    ],
)
def test_an_embedding_that_is_the_output_too(
    config: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = save_model(tmp_path / "base", {f"{EMBED}.weight": noise(1, 10, 6)}, config)
    adapter = tmp_path / "a"
    save_adapter(adapter, factors(10, {Q: (8, 6)}, 2))
    (adapter / WEIGHTS).write_bytes(checkpoint(embedding(noise(3, 2, 10), noise(4, 6, 2))))
    command = ["weights", "adapters", "apply", str(base), str(adapter), "-o", str(tmp_path / "out")]
    assert run(command) == status
    assert ("untie them in the model first" in capsys.readouterr().err) == (status == 2)


def test_two_adapters_that_replace_one_tensor(
    tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [
        save_adapter(
            tmp_path / name, factors(10, {Q: (8, 6)}, 2), {f"{PREFIX}norm.weight": full(value, 6)}
        )
        for name, value in (("a", 1), ("b", 1), ("c", 2))
    ]
    apply(base, paths[0], paths[1])
    command = ["weights", "adapters", "apply", str(base), str(paths[0]), str(paths[2]), "-o", "x"]
    assert run(command) == 2
    assert "apply one of them" in capsys.readouterr().err
