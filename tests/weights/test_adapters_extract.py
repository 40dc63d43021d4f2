"""What a model was fine-tuned by, as an adapter: `tiebreak weights adapters extract`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lora import CONFIG, PREFIX, WEIGHTS, change, changes, noise
from tiebreak.cli.dispatch import run
from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    from pathlib import Path

    from tiny import Array

Q, V, O = "m.layers.0.q_proj", "m.layers.0.v_proj", "m.layers.1.q_proj"  # noqa: E741
EMBED, HEAD, NORM = "m.embed_tokens.weight", "lm_head.weight", "m.norm.weight"
BASE = {
    f"{Q}.weight": noise(1, 8, 6),
    f"{Q}.bias": noise(2, 8),
    f"{V}.weight": noise(3, 4, 6),
    f"{O}.weight": noise(4, 8, 6),
    EMBED: noise(5, 10, 6),
    HEAD: noise(6, 10, 6),
    NORM: full(1, 6),
    "m.ids": np.arange(4),
}


def model(folder: Path, held: dict[str, Array], **config: Any) -> Path:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(checkpoint(held))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def low(seed: int, rows: int, columns: int, rank: int = 2) -> Array:
    found: Array = (noise(seed, rows, rank) @ noise(seed + 1, rank, columns)).astype("float32")
    return found


def extract(
    tmp_path: Path, moved: dict[str, Array], options: str, status: int = 0, **config: Any
) -> Path:
    """Extract what was added to tensors of the base."""
    held = BASE | {name: BASE[name] + delta for name, delta in moved.items()}
    if config.get("tie_word_embeddings"):
        held = {name: array for name, array in held.items() if name != HEAD}
    base = {name: array for name, array in BASE.items() if name in held}
    names = [str(model(tmp_path / "base", base, **config)), str(model(tmp_path / "tuned", held))]
    out = tmp_path / "out"
    command = ["weights", "adapters", "extract", *names, "-o", str(out), *options.split()]
    assert run(command) == status
    return out


def applied(tmp_path: Path) -> dict[str, Array]:
    names = [str(tmp_path / name) for name in ("base", "out")]
    command = ["weights", "adapters", "apply", *names, "-o", str(tmp_path / "back")]
    assert run(command) == 0
    return tensors((tmp_path / "back" / "model.safetensors").read_bytes())


MOVED = {
    f"{Q}.weight": low(10, 8, 6),
    f"{Q}.bias": noise(11, 8),
    f"{O}.weight": low(12, 8, 6, 1),
    HEAD: low(13, 10, 6),
    EMBED: low(14, 10, 6),
    NORM: noise(15, 6),
}


@pytest.mark.parametrize("options", ["--rank 2", "--rank 2 --tables", "--rank auto"])
def test_a_change_of_low_rank_comes_back(options: str, tmp_path: Path) -> None:
    extract(tmp_path, MOVED, options)
    found = applied(tmp_path)
    assert list(found) == list(BASE)
    tolerance = 0.5 if "auto" in options else 1e-5  # a hundredth of the energy is given up
    for name, before in BASE.items():
        if name in MOVED:
            np.testing.assert_allclose(found[name], before + MOVED[name], atol=tolerance)
        else:
            assert found[name].tobytes() == before.tobytes()


def test_what_is_stored_and_what_peft_is_told(tmp_path: Path) -> None:
    out = extract(tmp_path, MOVED, "--rank 2", architectures=["LlamaForCausalLM"])
    config = json.loads((out / CONFIG).read_text())
    held = tensors((out / WEIGHTS).read_bytes())
    assert set(held) == {
        *(f"{PREFIX}{name}.lora_{ab}.weight" for name in (Q, O) for ab in "AB"),
        f"{PREFIX}{Q}.base_layer.bias",
        *(f"{PREFIX}{name}" for name in (EMBED, HEAD, NORM)),
    }
    assert (config["r"], config["lora_alpha"], config["rank_pattern"]) == (2, 2, {})
    assert config["target_modules"] == ["q_proj"]
    assert config["modules_to_save"] == ["m.embed_tokens", "lm_head", "m.norm"]
    assert (config["bias"], config["task_type"]) == ("all", "CAUSAL_LM")


def test_modules_are_named_in_full_where_a_part_says_too_much(tmp_path: Path) -> None:
    out = extract(tmp_path, {f"{Q}.weight": low(10, 8, 6)}, "--rank 2")
    assert json.loads((out / CONFIG).read_text())["target_modules"] == [Q]


def test_the_nearest_of_a_lower_rank_and_its_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    delta = noise(10, 8, 6)
    out = extract(tmp_path, {f"{Q}.weight": delta}, "--rank 3 --json")
    real = (BASE[f"{Q}.weight"] + delta).astype("float64") - BASE[f"{Q}.weight"]
    u, s, v = np.linalg.svd(real, full_matrices=False)
    np.testing.assert_allclose(changes(out)[Q], (u[:, :3] * s[:3]) @ v[:3], atol=1e-5)
    (module,) = json.loads(capsys.readouterr().out)["modules"]
    assert module["error"] == pytest.approx(np.linalg.norm(s[3:]) / np.linalg.norm(s), abs=1e-6)


def test_tables_as_factors(tmp_path: Path) -> None:
    out = extract(tmp_path, {HEAD: low(13, 10, 6), EMBED: low(14, 10, 6)}, "--rank 2 --tables")
    held = tensors((out / WEIGHTS).read_bytes())
    stem = f"{PREFIX}m.embed_tokens.lora_embedding_"
    np.testing.assert_allclose(change(held[f"{stem}A"], held[f"{stem}B"], 2).T, low(14, 10, 6),
                               atol=1e-5)  # fmt: skip
    np.testing.assert_allclose(changes(out)["lm_head"], low(13, 10, 6), atol=1e-5)


def test_a_tied_table_is_replaced_in_both_places(tmp_path: Path) -> None:
    """PEFT wraps the input and the output by themselves, whatever ties them in the model."""
    moved = {f"{Q}.weight": low(10, 8, 6), EMBED: low(14, 10, 6)}
    out = extract(tmp_path, moved, "--rank 2 --tables", tie_word_embeddings=True)
    held = tensors((out / WEIGHTS).read_bytes())
    one, two = held[f"{PREFIX}{EMBED}"], held[f"{PREFIX}{HEAD}"]
    assert one.tobytes() == two.tobytes()
    saved = json.loads((out / CONFIG).read_text())["modules_to_save"]
    assert saved == ["m.embed_tokens", "lm_head"]
    np.testing.assert_array_equal(applied(tmp_path)[EMBED], BASE[EMBED] + moved[EMBED])


def test_layers_that_are_stored_as_inputs_by_outputs(tmp_path: Path) -> None:
    delta = low(10, 8, 6)
    out = extract(tmp_path, {f"{Q}.weight": delta}, "--rank 2", model_type="gpt2")
    assert json.loads((out / CONFIG).read_text())["fan_in_fan_out"] is True
    np.testing.assert_allclose(changes(out)[Q], delta.T, atol=1e-5)
    np.testing.assert_allclose(applied(tmp_path)[f"{Q}.weight"], BASE[f"{Q}.weight"] + delta,
                               atol=1e-5)  # fmt: skip


def test_a_module_that_is_saved_is_saved_with_all_it_has(tmp_path: Path) -> None:
    bias = "m.ln.bias"
    base = BASE | {"m.ln.weight": full(1, 6), bias: full(0, 6)}
    tuned = base | {f"{Q}.weight": BASE[f"{Q}.weight"] + 1, bias: full(2, 6)}
    names = [str(model(tmp_path / n, held)) for n, held in (("b", base), ("t", tuned))]
    out = tmp_path / "out"
    assert run(["weights", "adapters", "extract", *names, "-o", str(out), "--rank", "1"]) == 0
    held = tensors((out / WEIGHTS).read_bytes())
    assert {f"{PREFIX}m.ln.weight", f"{PREFIX}{bias}"} <= set(held)


def test_what_cannot_be_factors_can_be_left_out(tmp_path: Path) -> None:
    held = tensors((extract(tmp_path, MOVED, "--rank 2 --no-whole") / WEIGHTS).read_bytes())
    assert all(".lora_" in name for name in held)


def test_the_same_bytes_for_any_number_of_threads(tmp_path: Path) -> None:
    files = []
    for threads in "14":
        (tmp_path / threads).mkdir()
        out = extract(tmp_path / threads, MOVED, f"--rank 3 --threads {threads}")
        files.append((out / WEIGHTS).read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("base", "tuned", "line"),
    [
        ({}, {}, "no matrix differs from the base's"),
        ({}, {"x": full(1, 1)}, "lacks tensor 'x', which"),
        ({}, {EMBED: noise(1, 11, 6)}, "is [11, 6], in the base [10, 6]; resize the base first"),
        ({"x": full(1, 2)}, {f"{Q}.weight": full(1, 8, 6), "x": full(2, 2)}, "is in no module"),
        ({}, {f"{Q}.weight": full(np.nan, 8, 6)}, "holds NaN or infinity"),
    ],
)
def test_what_cannot_be_extracted_is_one_line(
    base: dict[str, Array],
    tuned: dict[str, Array],
    line: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [str(model(tmp_path / n, BASE | h)) for n, h in (("b", base), ("t", base | tuned))]
    command = ["weights", "adapters", "extract", *names, "-o", str(tmp_path / "out"), "--rank", "2"]
    assert run(command) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
