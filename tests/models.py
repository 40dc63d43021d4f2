"""Folders of tiny models: shards with their index, and the files that name tokens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tiny import Array

    Files = dict[str, str | bytes]

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def sharded(shards: Mapping[str, Mapping[str, Array]], **extra: Any) -> Files:
    """A checkpoint in shards, with its index."""
    total = sum(array.nbytes for held in shards.values() for array in held.values())
    places = {name: shard for shard, held in shards.items() for name in held}
    index = {"metadata": {"total_size": total} | extra, "weight_map": places}
    files: Files = {name: checkpoint(held) for name, held in shards.items()}
    return files | {INDEX: json.dumps(index, indent=2, sort_keys=True) + "\n"}


def model(
    rows: Array, tokens: Mapping[str, int], *, head: Array | None = None, **more: Any
) -> Files:
    """A model in one file, with every kind of file that names ids; `more` is in its config."""
    added = [{"id": n, "content": t, "special": False} for t, n in tokens.items()]
    held = {EMBED: rows, "model.norm.weight": full(1, 2)}
    files = {
        "config.json": {"vocab_size": len(rows), "hidden_size": 2} | more,
        "tokenizer.json": {
            "added_tokens": added,
            "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}},
        },
        "added_tokens.json": dict(tokens),
        "tokenizer_config.json": {
            "added_tokens_decoder": {str(n): {"content": t} for t, n in tokens.items()}
        },
    }
    texts: Files = {name: json.dumps(content, indent=2) for name, content in files.items()}
    return texts | {SINGLE: checkpoint(held if head is None else held | {HEAD: head})}


def grown(start: Array, *rows: float) -> Array:
    """A table with more rows, each of one value."""
    return np.vstack([start, *(full(value, 1, 2) for value in rows)])


def values(files: Mapping[str, bytes]) -> dict[str, Array]:
    """The tensors of all files, each of which is in one of them."""
    found: dict[str, Array] = {}
    for name, content in files.items():
        if name.endswith(".safetensors"):
            assert not set(found) & set(tensors(content))
            found |= tensors(content)
    return found
