"""``config.json``: what models say of themselves, and what the merged one has to say.

The output's is that of the donor (the base model, or without one the first model that the recipe
names), with what the merge changes in it: the number of layers, lists with an entry for each layer,
and the element type; what it says of tokens is for `tiebreak.weights.tokenizer`. mergekit leaves
lists of layers as they were, and the type where the recipe does not name one.
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

    @property
    def architecture(self) -> str:
        """What kind of model it is; "" where that is not said."""
        found = self.value.get("architectures")
        if isinstance(found, list) and found:
            return str(found[0])
        return str(self.value.get("model_type") or "")


class Restack(NamedTuple):
    """Another number of layers of a stack: the entry that each of them had in some model.

    `before` is how many the donor has, `others` are its other stacks.
    """

    stack: str
    layers: Sequence[tuple[Config, int]]
    before: int
    others: Sequence[str] = ()


class Changes(NamedTuple):
    """What differs from the donor's."""

    dtype: str = ""
    restacked: Sequence[Restack] = ()


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


def with_text(config: Config, text: bytes) -> Config:
    """The configuration with another content."""
    return config._replace(text=text, value=json.loads(text))


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


def changed(donor: Config, changes: Changes) -> bytes | None:
    """The donor's configuration with the changes; None where it has none."""
    if donor.text is None:
        return None
    value = json.loads(donor.text)
    for restack in changes.restacked:
        _restack(value, donor, restack)
    if changes.dtype in _NAMES:
        _set_dtype(value, _NAMES[changes.dtype])
    return dump(value, donor.text)


def _restack(value: dict[str, Any], donor: Config, restack: Restack) -> None:
    """Another number of layers, and of every list with an entry for each of them."""
    where = _counting(donor, restack)
    holder = _at(value, where[:-1])
    before, layers = holder[where[-1]], restack.layers
    holder[where[-1]] = len(layers)
    for key, found in holder.items():
        if isinstance(found, list) and len(found) == before and before > 1:
            holder[key] = [_entry(config, (*where[:-1], key), n) for config, n in layers]


def _counting(config: Config, restack: Restack) -> tuple[str, ...]:
    """The setting with the number of layers of a stack. Raises `InputError`.

    It says as many as there are. Of several, the one that shares the most words with the stack's
    name and the fewest with other stacks' (``encoder_layers`` and ``model.encoder.layers``), else
    the one nearest the top.
    """
    counts = list(_counts(config.value, ()))
    found = [where for where, count in counts if count == restack.before]
    if not found and len(counts) == 1:
        found = [counts[0][0]]
    own = _words(restack.stack)
    other = frozenset(word for stack in restack.others for word in _words(stack)) - own

    def rank(where: tuple[str, ...]) -> tuple[int, int, int]:
        words = _words("_".join(where))
        return -len(words & own), len(words & other), len(where)

    found.sort(key=rank)
    if not found or (len(found) > 1 and rank(found[0]) == rank(found[1])):
        where = f"which setting counts the {restack.before} layers of {shown(restack.stack)}"
        raise InputError(f"{shown(config.path, 400)}: it is not plain {where}")
    return found[0]


def _words(name: str) -> frozenset[str]:
    return frozenset(name.replace(".", "_").split("_"))


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
