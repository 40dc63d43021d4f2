"""``config.json``: what models say of themselves, and what the merged one has to say.

The output's is that of the donor (the base model, or without one the first model that the recipe
names), with what the merge changes in it: the number of layers, lists with an entry for each layer,
the element type, the number of tokens, and whether the output matrix is the embedding. mergekit
leaves lists of layers as they were, and the type where the recipe does not name one.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown
from tiebreak.weights.settings_files import dump

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CONFIG: Final = "config.json"

# How configurations call the number of layers
_COUNTS: Final = frozenset(
    {
        "num_hidden_layers", "n_layer", "n_layers", "num_layers", "depth",
        "num_decoder_layers", "num_encoder_layers", "decoder_layers", "encoder_layers",
    }
)  # fmt: skip
_NAMES: Final = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"}


class Config(NamedTuple):
    """A model's configuration, empty where it has none. `path` is for messages."""

    path: str
    text: bytes | None
    value: Mapping[str, Any]

    def setting(self, key: str) -> object:
        """A setting of the model, or of the part of it that reads text."""
        nested = self.value.get("text_config")
        if key not in self.value and isinstance(nested, dict):
            return nested.get(key)
        return self.value.get(key)

    @property
    def architecture(self) -> str:
        """What kind of model it is; "" where that is not said."""
        found = self.value.get("architectures")
        if isinstance(found, list) and found:
            return str(found[0])
        return str(self.value.get("model_type") or "")


class Changes(NamedTuple):
    """What differs from the donor's. `layers` has the entry that each layer had before."""

    dtype: str = ""
    layers: Sequence[tuple[Config, int]] | None = None
    stack: str = ""
    untied: bool = False


def read_config(folder: str) -> Config:
    """The configuration in a folder. Raises `InputError` when it is no JSON object."""
    path = os.path.join(folder, CONFIG)
    if not os.path.isfile(path):
        return Config(path, None, {})
    try:
        with open(path, "rb") as file:
            text = file.read()
        value = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{shown(path, 400)}: cannot be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{shown(path, 400)}: expected an object with settings")
    return Config(path, text, value)


def layer_counts(config: Config) -> dict[str, int]:
    """What a configuration says about numbers of layers, by the path of the setting."""
    return {".".join(where): count for where, count in _counts(config.value, ())}


def _counts(
    value: Mapping[str, Any], where: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], int]]:
    for key, found in value.items():
        if isinstance(found, dict):
            yield from _counts(found, (*where, key))
        elif key in _COUNTS and type(found) is int:
            yield (*where, key), found


def changed(donor: Config, changes: Sequence[Changes]) -> bytes | None:
    """The donor's configuration with the changes; None where it has none."""
    if donor.text is None:
        return None
    value = json.loads(donor.text)
    for change in changes:
        if change.layers is not None:
            _restack(value, donor, change.stack, change.layers)
        if change.dtype in _NAMES:
            _set_dtype(value, _NAMES[change.dtype])
        if change.untied:
            _untie(value)
    return dump(value, donor.text)


def _restack(
    value: dict[str, Any], donor: Config, stack: str, layers: Sequence[tuple[Config, int]]
) -> None:
    """Another number of layers, and of every list with an entry for each of them."""
    where = counting(donor, stack)
    if where is None:
        raise InputError(
            f"{shown(donor.path, 400)}: no setting for the number of layers of {shown(stack)}"
        )
    holder = _at(value, where[:-1])
    before = holder[where[-1]]
    holder[where[-1]] = len(layers)
    for key, found in holder.items():
        if isinstance(found, list) and len(found) == before and before > 1:
            holder[key] = [_entry(config, (*where[:-1], key), n) for config, n in layers]


def counting(config: Config, stack: str) -> tuple[str, ...] | None:
    """The setting with the number of layers of a stack.

    Of several, the one that shares the most words with the stack's name (``encoder_layers`` and
    ``model.encoder.layers``), else the one at the top.
    """
    found = [where for where, _count in _counts(config.value, ())]
    words = frozenset(stack.replace(".", "_").split("_"))

    def rank(where: tuple[str, ...]) -> tuple[int, int]:
        own = frozenset(word for part in where for word in part.split("_"))
        return -len(words & own), len(where)

    return min(found, key=rank, default=None)


def _entry(config: Config, where: Sequence[str], number: int) -> Any:
    found = _at(config.value, where[:-1]).get(where[-1])
    if not isinstance(found, list) or number >= len(found):
        key = ".".join(where)
        raise InputError(f"{shown(config.path, 400)}: {key} has no entry for layer {number}")
    return found[number]


def _at(value: Mapping[str, Any], where: Sequence[str]) -> Any:
    found: Any = value
    for key in where:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    return found


def _set_dtype(value: dict[str, Any], name: str) -> None:
    """The type, where it is named: ``torch_dtype``, and ``dtype`` since transformers 4.56."""
    places = [value, *(found for found in value.values() if isinstance(found, dict))]
    named = [(p, key) for p in places for key in ("torch_dtype", "dtype") if _names_type(p, key)]
    for place, key in named or [(value, "torch_dtype")]:
        place[key] = name


def _names_type(place: Mapping[str, Any], key: str) -> bool:
    return place.get(key) in {*_NAMES.values(), *(f"torch.{name}" for name in _NAMES.values())}


def _untie(value: dict[str, Any]) -> None:
    places = [value, *(found for found in value.values() if isinstance(found, dict))]
    for place in places:
        if "tie_word_embeddings" in place:
            place["tie_word_embeddings"] = False
    value["tie_word_embeddings"] = False
