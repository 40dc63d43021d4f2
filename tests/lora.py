"""Tiny LoRA adapters as PEFT stores them, written and multiplied without tiebreak's own code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tiny import checkpoint, tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tiny import Array

    Factors = Mapping[str, tuple[Array, Array]]  # by module: A (rank x inputs), B (outputs x rank)

PREFIX = "base_model.model."
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def noise(seed: int, *shape: int, dtype: str = "float32") -> Array:
    """The same numbers for the same seed."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def factors(seed: int, modules: Mapping[str, tuple[int, int]], rank: int) -> Factors:
    """Factors of modules that are given by outputs and inputs."""
    return {
        name: (noise(seed + at, rank, inputs), noise(seed + at + 500, outputs, rank))
        for at, (name, (outputs, inputs)) in enumerate(modules.items())
    }


def save_adapter(
    folder: Path, pairs: Factors, more: Mapping[str, Array] | None = None, **config: Any
) -> Path:
    """An adapter's folder. `more` are tensors that are stored as a whole, by their full names."""
    ranks = {name: len(a) for name, (a, _) in pairs.items()}
    settings = {
        "peft_type": "LORA",
        "base_model_name_or_path": "some/model",
        "r": max(ranks.values()),
        "lora_alpha": 6,
        "rank_pattern": {} if len(set(ranks.values())) == 1 else ranks,
        "target_modules": sorted({name.rpartition(".")[2] for name in pairs}),
    }
    held = {
        f"{PREFIX}{name}.lora_{which}.weight": factor
        for name, pair in pairs.items()
        for which, factor in zip("AB", pair, strict=True)
    }
    folder.mkdir()
    (folder / WEIGHTS).write_bytes(checkpoint(held | dict(more or {})))
    (folder / CONFIG).write_text(json.dumps(settings | config))
    return folder


def change(a: Array, b: Array, alpha: float = 6, *, rslora: bool = False) -> Array:
    """What a pair changes its module by, as a matrix; see PEFT's `get_delta_weight`."""
    rank = len(a)
    product = b.astype("float64").reshape(len(b), rank) @ a.astype("float64").reshape(rank, -1)
    return product * (alpha / (rank**0.5 if rslora else rank))


def changes(folder: Path) -> dict[str, Array]:
    """All changes of an adapter, by module, read as PEFT reads them."""
    settings = json.loads((folder / CONFIG).read_text())
    held = tensors((folder / WEIGHTS).read_bytes())
    found = {}
    for name, a in held.items():
        if ".lora_A" in name:
            module = name.removeprefix(PREFIX).partition(".lora_A")[0]
            alpha = settings.get("alpha_pattern", {}).get(module, settings["lora_alpha"])
            assert settings["rank_pattern"].get(module, settings["r"]) == len(a)
            b = held[name.replace(".lora_A", ".lora_B")]
            found[module] = change(a, b, alpha, rslora=settings.get("use_rslora", False))
    return found
