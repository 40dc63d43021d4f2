"""The files that name ids of tokens: what a model says in them, with its tokens' new ids."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG: Final = "config.json"
FILES: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "vocab.json",
    CONFIG,
    "generation_config.json",
)
SIZE: Final = "vocab_size"

# Settings whose numbers are ids, at any depth: pad_token_id, eos_token_id (a list too), ...
_NAMES_IDS: Final = re.compile(r".*_token_ids?|.*_token_index|(begin_)?suppress_tokens|.*words_ids")

Json = dict[str, Any]


def renumbered(name: str, content: Json, moved: Mapping[int, int]) -> Json:
    """A file of the model with the new ids in the places of the old ones."""
    if not moved or not content:
        return content
    content = copy.deepcopy(content)
    if name in {"added_tokens.json", "vocab.json"}:
        return {token: _new(number, moved) for token, number in content.items()}
    if name == "tokenizer.json":
        _tokenizer(content, moved)
    elif name == "tokenizer_config.json":
        _decoder(content, moved)
    else:
        _settings(content, moved)
    return content


def sized(config: Json, rows: int) -> Json:
    """`config.json` with the number of rows, where it says one."""
    inner = config.get("text_config")
    if SIZE not in config and isinstance(inner, dict) and SIZE in inner:
        return config | {"text_config": inner | {SIZE: rows}}
    return config | {SIZE: rows} if SIZE in config else config


def _new(number: object, moved: Mapping[int, int]) -> object:
    return moved.get(number, number) if type(number) is int else number


def _tokenizer(content: Json, moved: Mapping[int, int]) -> None:
    """The file of the tokenizers library: tokens, what is put around a text, and padding."""
    model = content.get("model")
    if isinstance(model, dict) and isinstance(model.get("vocab"), dict):
        model["vocab"] = {t: _new(n, moved) for t, n in model["vocab"].items()}
    for token in content.get("added_tokens") or ():
        if isinstance(token, dict):
            token["id"] = _new(token.get("id"), moved)
    if isinstance(content.get("padding"), dict):
        content["padding"]["pad_id"] = _new(content["padding"].get("pad_id"), moved)
    if isinstance(content.get("post_processor"), dict):
        _post_processor(content["post_processor"], moved)


def _post_processor(content: Json, moved: Mapping[int, int]) -> None:
    """``special_tokens`` of a template, ``sep`` and ``cls`` of BERT's; processors in sequence."""
    for inner in content.get("processors") or ():
        if isinstance(inner, dict):
            _post_processor(inner, moved)
    special = content.get("special_tokens")
    for token in special.values() if isinstance(special, dict) else ():
        if isinstance(token, dict) and isinstance(token.get("ids"), list):
            token["ids"] = [_new(number, moved) for number in token["ids"]]
    for key in ("sep", "cls"):
        pair = content.get(key)
        if isinstance(pair, list):
            content[key] = [_new(part, moved) for part in pair]


def _decoder(content: Json, moved: Mapping[int, int]) -> None:
    decoder = content.get("added_tokens_decoder")
    if isinstance(decoder, dict):
        content["added_tokens_decoder"] = {
            str(_new(int(key), moved)) if key.isdecimal() else key: token
            for key, token in decoder.items()
        }


def _settings(content: Json, moved: Mapping[int, int]) -> None:
    for key, value in content.items():
        if isinstance(value, dict):
            _settings(value, moved)
        elif names_ids(key):
            content[key] = moved_ids(value, moved)


def names_ids(key: str) -> bool:
    """Whether a setting of this name holds ids of tokens."""
    return _NAMES_IDS.fullmatch(key) is not None


def moved_ids(value: object, moved: Mapping[int, int]) -> object:
    """An id, or lists of ids, with the new numbers."""
    if isinstance(value, list):
        return [moved_ids(item, moved) for item in value]
    return _new(value, moved)
