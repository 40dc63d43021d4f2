"""``config.json`` beside a checkpoint: of the language half, where a model has several."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown
from tiebreak.weights.tokenizer.tables import length
from tiebreak.weights.verifying.vocabulary import EMBEDDINGS
from tiebreak.weights.vocabulary.files import SIZE

if TYPE_CHECKING:
    from tiebreak.weights.checkpoint import Checkpoint

TIE: Final = "tie_word_embeddings"

Json = dict[str, Any]


def read_json(folder: str, name: str) -> Json:
    """A JSON file of a folder, an empty object where there is none. Raises `InputError`."""
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        return {}
    try:
        with open(path, "rb") as file:
            found = json.load(file)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown(path, 400)}: cannot be read as JSON: {error}") from error
    return found if isinstance(found, dict) else {}


def setting(config: Json, key: str) -> Any:
    """A setting of the model, or else of its language half."""
    inner = config.get("text_config")
    return inner.get(key) if key not in config and isinstance(inner, dict) else config.get(key)


def with_setting(config: Json, key: str, value: object) -> Json:
    """The configuration that says so, in both places where both exist."""
    inner = config.get("text_config")
    halves = {"text_config": inner | {key: value}} if isinstance(inner, dict) else {}
    return config | halves | {key: value}


def vocabulary_rows(model: Checkpoint, config: Json) -> int | None:
    """How many rows a table of tokens has: what the configuration says if a tensor is so long.

    Else the rows of an embedding by the names that common architectures give it; None without one.
    """
    said = setting(config, SIZE)
    sizes = {length(model.info(name)) for name in model.names}
    if type(said) is int and said in sizes:
        return said
    ends = tuple(f".{end}" for end in EMBEDDINGS)
    named = [length(model.info(name)) for name in model.names if f".{name}".endswith(ends)]
    return min(named, default=None)
