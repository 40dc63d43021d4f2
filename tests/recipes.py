"""Tiny language models in folders, and recipes of mergekit that merge them, as a user runs them."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from tiebreak.cli.dispatch import run
from tiny import checkpoint, tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from tiny import Array

EMBED, NORM, HEAD = "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"
ATTENTION, MLP = "self_attn.q_proj.weight", "mlp.up_proj.weight"
CONFIG = {"architectures": ["LlamaForCausalLM"], "torch_dtype": "float32"}


def layer(number: int, rest: str) -> str:
    """The name of a layer's tensor."""
    return f"model.layers.{number}.{rest}"


def language_model(
    seed: int, layers: int = 4, *, head: bool = True, vocab: int = 6
) -> dict[str, Array]:
    """Random tensors of the usual names; no two entries are the same."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {EMBED: (vocab, 4)}
    for number in range(layers):
        shapes |= {layer(number, ATTENTION): (4, 4), layer(number, MLP): (8, 4)}
    shapes |= {NORM: (4,)} | ({HEAD: (vocab, 4)} if head else {})
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def save(folder: Path, held: Mapping[str, Array], **config: Any) -> None:
    """A folder with a model; `config` is in its config.json, which counts its layers."""
    folder.mkdir()
    count = len({name.split(".")[2] for name in held if name.startswith("model.layers.")})
    said = CONFIG | {"num_hidden_layers": count, "vocab_size": len(held[EMBED])} | config
    (folder / "config.json").write_text(json.dumps(said, indent=2))
    (folder / "model.safetensors").write_bytes(checkpoint(held))


def family(folder: Path, count: int = 3, **config: Any) -> dict[str, dict[str, Array]]:
    """A model `base` and others, a, b, ..., that were trained from it."""
    base = language_model(0)
    found = {"base": base}
    for number, name in enumerate("abcdefg"[:count], 1):
        change = language_model(number)
        found[name] = {k: (v + change[k] / 8).astype(np.float32) for k, v in base.items()}
    for name, held in found.items():
        save(folder / name, held, **config)
    return found


def merge(folder: Path, recipe: str, *options: str, out: str = "out") -> int:
    """Run a recipe with the models in the folder; the exit code."""
    (folder / "recipe.yml").write_text(textwrap.dedent(recipe))
    return run(["weights", "mergekit", str(folder / "recipe.yml"), str(folder / out), *options])


def merged(folder: Path, recipe: str, *options: str, out: str = "out") -> dict[str, Array]:
    """The tensors that a recipe writes."""
    assert merge(folder, recipe, *options, out=out) == 0
    return written(folder / out)


def written(folder: Path) -> dict[str, Array]:
    """The tensors of all files of a folder."""
    return {
        name: array
        for path in sorted(folder.glob("*.safetensors"))
        for name, array in tensors(path.read_bytes()).items()
    }


def config(folder: Path) -> dict[str, Any]:
    """What the model in a folder says of itself."""
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


def refusal(folder: Path, recipe: str, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The one line that a recipe is refused with; nothing is left behind."""
    capsys.readouterr()
    assert merge(folder, recipe, *options) == 2
    assert not (folder / "out").exists()
    assert not list(folder.glob("out.*"))
    (line,) = capsys.readouterr().err.splitlines()
    return line.replace(f"{folder}/", "")
