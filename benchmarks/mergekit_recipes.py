#!/usr/bin/env python3
"""Recipes of mergekit run by tiebreak and by mergekit, and what both write, tensor by tensor.

    python benchmarks/mergekit_recipes.py --mergekit PATH/TO/mergekit-yaml [RECIPE.yml...]

Without recipes, those in `RECIPES`: the shapes of mergekit's own examples and one for each method
without chance, on models of 0.2 million parameters that are made here (a base, and fine-tunes that
have a part of their changes in common). Printed are the tensors, the share of entries with the same
bits, the share that differs by more than a float32 computation rounds (one part in 2^18 and 1e-7),
and the largest difference. Recipes name their models from the folder that the command is run in.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.engine import Output, write_checkpoint
from tiebreak.weights.values import decode, encode
from weights_speed import MERGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LAYERS: Final = 4
WIDTH, INNER, TOKENS = 64, 128, 300
CONFIG: Final = f"""{{
  "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": {WIDTH},
  "intermediate_size": {INNER}, "num_hidden_layers": {LAYERS}, "num_attention_heads": 4,
  "num_key_value_heads": 4, "vocab_size": {TOKENS}, "torch_dtype": "float32",
  "tie_word_embeddings": false, "rms_norm_eps": 1e-05, "max_position_embeddings": 128
}}
"""
ROUNDED: Final = 2.0**-18
SMALL: Final = 1e-7


def _two(method: str, more: str = "", one: str = "", two: str = "", *, based: bool = True) -> str:
    """A recipe of two models."""
    base = "base_model: base\n" if based else ""
    sides = "".join(
        f"  - {{model: {name}, parameters: {{{given}}}}}\n"
        for name, given in (("a", one), ("b", two))
    )
    return f"merge_method: {method}\n{base}models:\n{sides}parameters: {{{more}}}\ndtype: float32\n"


WEIGHTS: Final = ("weight: 0.7", "weight: 0.4")
SPARSE: Final = ("weight: 0.7, density: 0.3", "weight: 0.4, density: [0.2, 0.6]")

RECIPES: Final = {
    "linear, three models": """\
merge_method: linear
models:
  - {model: a, parameters: {weight: 1.0}}
  - {model: b, parameters: {weight: 0.3}}
  - {model: c, parameters: {weight: 0.5}}
dtype: float32
out_dtype: float16
""",
    "ties, gradients and a filter": """\
merge_method: ties
base_model: base
models:
  - {model: a, parameters: {density: [1, 0.7, 0.1], weight: 1.0}}
  - {model: b, parameters: {density: 0.5, weight: [0, 0.3, 0.7, 1]}}
  - model: c
    parameters: {density: 0.33, weight: [{filter: mlp, value: 0.5}, {value: 0}]}
parameters: {normalize: true, int8_mask: true}
dtype: float32
out_dtype: float16
""",
    "slerp, gradients by filter": """\
merge_method: slerp
base_model: a
slices:
  - sources: [{model: a, layer_range: [0, 4]}, {model: b, layer_range: [0, 4]}]
parameters:
  t:
    - {filter: self_attn, value: [0, 0.5, 0.3, 0.7, 1]}
    - {filter: mlp, value: [1, 0.5, 0.7, 0.3, 0]}
    - value: 0.5
dtype: float32
""",
    "passthrough, stacked": """\
merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [0, 3]}]
  - sources:
      - model: b
        layer_range: [1, 4]
        parameters: {scale: [{filter: o_proj, value: 0.5}, {value: 1.0}]}
dtype: float16
""",
    "linear, slices with weights": """\
merge_method: linear
slices:
  - sources:
      - {model: a, layer_range: [0, 2], parameters: {weight: 0.2}}
      - {model: b, layer_range: [0, 2]}
    parameters: {weight: 0.9}
  - sources: [{model: c, layer_range: [1, 4]}]
parameters: {weight: 1.0}
dtype: float32
""",
    "ties, summed": _two("ties", "normalize: false", *SPARSE),
    "task_arithmetic": _two("task_arithmetic", "lambda: 0.6, normalize: true", *WEIGHTS),
    "dare_ties, nothing dropped": _two("dare_ties", "normalize: true", *WEIGHTS),
    "della, nothing dropped": _two("della", "", *WEIGHTS),
    "breadcrumbs": _two("breadcrumbs", "", *SPARSE),
    "breadcrumbs_ties": _two("breadcrumbs_ties", "gamma: 0.05", *SPARSE),
    "nuslerp": _two("nuslerp", "", *WEIGHTS),
    "nuslerp, rows": _two("nuslerp", "nuslerp_flatten: false", *WEIGHTS, based=False),
    "multislerp": _two("multislerp", "", *WEIGHTS),
    "karcher": _two("karcher", based=False),
    "model_stock": _two("model_stock"),
    "model_stock, by filter": _two("model_stock", "filter_wise: true"),
    "sce": _two("sce", "select_topk: 0.3"),
    "ram": _two("ram", "epsilon: 0.001"),
    "ramplus_tl": _two("ramplus_tl", "epsilon: 0.001"),
    "nearswap": """\
merge_method: nearswap
base_model: base
models: [{model: a}]
parameters: {t: 0.001}
dtype: float32
""",
    "arcee_fusion": """\
merge_method: arcee_fusion
base_model: base
models: [{model: a}]
dtype: float32
""",
}


class Compared(NamedTuple):
    """Two merged models. `odd` are names, types and shapes that are not the same."""

    tensors: int
    elements: int
    same: int
    far: int
    largest: float
    odd: tuple[str, ...]


def main() -> None:
    """Run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", type=Path)
    parser.add_argument("--mergekit", required=True)
    given = parser.parse_args()
    print("| recipe | tensors | same bits | differ by more than rounding | largest difference |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.recipes:
            for number, recipe in enumerate(given.recipes):
                print(row(recipe.stem, run(recipe, folder / str(number), given.mergekit, None)))
            return
        make_models(folder)
        for number, (title, text) in enumerate(RECIPES.items()):
            recipe = folder / f"{number}.yml"
            recipe.write_text(text)
            found = run(recipe, folder / str(number), given.mergekit, folder)
            print(row(title, found), flush=True)


def row(title: str, found: Compared) -> str:
    """A line of the table."""
    same, far = (100 * part / max(1, found.elements) for part in (found.same, found.far))
    odd = "".join(f"; {what}" for what in found.odd[:3])
    return f"| {title} | {found.tensors} | {same:.3f} % | {far:.3f} % | {found.largest:.3g}{odd} |"


def run(recipe: Path, out: Path, program: str, around: Path | None) -> Compared:
    """One recipe by both."""
    mine, other = out.with_suffix(".ours"), out.with_suffix(".theirs")
    quiet = ("--quiet", "--no-copy-tokenizer", "--no-write-model-card", "--lazy-unpickle")
    commands = (
        [sys.executable, "-c", MERGE, "weights", "mergekit", str(recipe), str(mine)],
        [program, str(recipe), str(other), *quiet],
    )
    for command in commands:
        done = subprocess.run(command, check=False, capture_output=True, cwd=around)
        if done.returncode:
            sys.exit(f"{recipe}: {command[0]}: {done.stderr.decode(errors='replace')}")
    return compare(mine, other)


def compare(mine: Path, other: Path) -> Compared:
    """Over all tensors that both wrote in the same form."""
    ours, theirs = open_checkpoint(str(mine)), open_checkpoint(str(other))
    odd = [f"{name} is only in one" for name in set(ours.names) ^ set(theirs.names)]
    elements = same = far = 0
    largest = 0.0
    for name in ours.names:
        if name not in theirs:
            continue
        one, two = ours.info(name), theirs.info(name)
        if (one.dtype, one.shape) != (two.dtype, two.shape):
            odd.append(f"{name} is {one.dtype} here, {two.dtype} there")
            continue
        x, y = (decode(bytes(c.raw(name)), one.dtype).astype("f8") for c in (ours, theirs))
        gap = np.abs(x - y)
        elements, same = elements + x.size, same + int((gap == 0).sum())
        bound = np.maximum(np.abs(x), np.abs(y)) * max(ROUNDED, _step(one.dtype)) + SMALL
        far += int((gap > bound).sum())
        largest = max(largest, float(gap.max(initial=0.0)))
    return Compared(len(ours), elements, same, far, largest, tuple(sorted(odd)))


def _step(dtype: str) -> float:
    """Two neighbouring values of a type, of their size."""
    return {"BF16": 2.0**-7, "F16": 2.0**-10}.get(dtype, 0.0)


def make_models(folder: Path) -> None:
    """The base and its fine-tunes."""
    rng = np.random.default_rng(0)
    base = {name: rng.standard_normal(shape) / 50 for name, shape in shapes()}
    common = {name: _changes(rng, value.shape) for name, value in base.items()}
    for name in ("base", "a", "b", "c"):
        own = {
            tensor: value
            if name == "base"
            else value + common[tensor] + _changes(rng, value.shape) / 2
            for tensor, value in base.items()
        }
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(CONFIG)
        outputs = [
            Output(tensor, "F32", value.shape, memoryview(encode(value, "F32")))
            for tensor, value in own.items()
        ]
        path = os.fspath(folder / name / "model.safetensors")
        write_checkpoint(path, outputs, {"format": "pt"}, 1)


def _changes(rng: np.random.Generator, shape: Sequence[int]) -> Array:
    """With heavy tails, as fine-tuning makes them."""
    return np.asarray(rng.standard_normal(shape) ** 3 / 500)


def shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """The tensors of a small Llama."""
    yield "model.embed_tokens.weight", (TOKENS, WIDTH)
    for number in range(LAYERS):
        layer = f"model.layers.{number}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{layer}.{norm}.weight", (WIDTH,)
        for matrix in "qkvo":
            yield f"{layer}.self_attn.{matrix}_proj.weight", (WIDTH, WIDTH)
        for matrix in ("gate", "up"):
            yield f"{layer}.mlp.{matrix}_proj.weight", (INNER, WIDTH)
        yield f"{layer}.mlp.down_proj.weight", (WIDTH, INNER)
    yield "model.norm.weight", (WIDTH,)
    yield "lm_head.weight", (TOKENS, WIDTH)


if __name__ == "__main__":
    main()
