"""What a recipe says of the tokenizer, as a request to `tiebreak.weights.tokenizer`.

    tokenizer_source: union | base | MODEL
    tokenizer: {source: ..., tokens: {TOKEN: {source: ..., force: true}}, pad_to_multiple_of: 64}
    chat_template: auto | NAME | TEMPLATE

A token's source is a model, {kind: zero}, or {kind: model_token, model: ..., token: ...} (or
token_id: ...).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tiebreak.weights.errors import shown
from tiebreak.weights.mergekit.document import refused
from tiebreak.weights.mergekit.schema import items_of, model_of, said, text_of
from tiebreak.weights.tokenizer.request import BASE, UNION, Request, TokenRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.mergekit.document import Entry, Place
    from tiebreak.weights.mergekit.schema import ModelName, Recipe

_KEYS = ("source", "tokens", "pad_to_multiple_of")
_KINDS = ("zero", "model_token")


class Asked(NamedTuple):
    """The request, and the lines of its parts, for when they cannot be met."""

    request: Request
    place: Place
    chat: Place


def asked(recipe: Recipe) -> Asked:
    """What the recipe asks for. Raises `RecipeError`."""
    names = recipe.models
    chat = recipe.chat_template or ""
    place = recipe.lines["merge_method"]
    line = recipe.lines.get("chat_template", place)
    if recipe.tokenizer_source is not None:
        entry = recipe.tokenizer_source
        return Asked(Request(_source(entry, recipe, names), chat=chat), entry.place, line)
    if recipe.tokenizer is None:
        return Asked(Request(chat=chat), place, line)
    found = _given(recipe.tokenizer, "tokenizer", _KEYS)
    source = _source(found["source"], recipe, names) if "source" in found else UNION
    rules = _given(found["tokens"], "tokens") if "tokens" in found else {}
    tokens = {token: _rule(entry, names) for token, entry in rules.items()}
    multiple = _whole(found["pad_to_multiple_of"], 1) if "pad_to_multiple_of" in found else 0
    return Asked(Request(source, tokens, multiple, chat), recipe.tokenizer.place, line)


def _given(entry: Entry, what: str, known: Sequence[str] | None = None) -> dict[str, Entry]:
    found = items_of(entry, what, known)
    return {key: value for key, value in found.items() if value.value is not None}


def _source(entry: Entry, recipe: Recipe, names: Sequence[ModelName]) -> str | int:
    if entry.value == BASE and recipe.base is None:
        raise refused(entry.place, "the tokenizer of the base needs a base: base_model: MODEL")
    return str(entry.value) if entry.value in {UNION, BASE} else _number(entry, names)


def _number(entry: Entry, names: Sequence[ModelName]) -> int:
    model = model_of(entry)
    if model not in names:
        raise refused(entry.place, f"{shown(str(model))} is none of the models of the recipe")
    return names.index(model)


def _rule(entry: Entry, names: Sequence[ModelName]) -> TokenRule:
    found = _given(entry, "a token", ("source", "force"))
    force = found["force"].value if "force" in found else False
    if not isinstance(force, bool):
        raise refused(entry.place, f"force: expected true or false, got {said(found['force'])}")
    if "source" not in found:
        raise refused(entry.place, "source is missing: whose row the token gets")
    return _donor(found["source"], names)._replace(force=force)


def _donor(entry: Entry, names: Sequence[ModelName]) -> TokenRule:
    if not isinstance(entry.value, dict) or "kind" not in entry.value:
        return TokenRule(_number(entry, names))
    kind = entry.value["kind"].value
    if kind == "zero":
        _given(entry, "kind: zero", ("kind",))
        return TokenRule(None)
    if kind != "model_token":
        raise refused(entry.place, f"kind: expected {' or '.join(_KINDS)}")
    found = _given(entry, "kind: model_token", ("kind", "model", "token", "token_id"))
    if "model" not in found or ("token" in found) == ("token_id" in found):
        raise refused(entry.place, "kind: model_token needs a model, and either token or token_id")
    token = text_of(found["token"], "token") if "token" in found else None
    number = _whole(found["token_id"], 0) if "token_id" in found else None
    return TokenRule(_number(found["model"], names), token, number)


def _whole(entry: Entry, least: int) -> int:
    if isinstance(entry.value, int) and not isinstance(entry.value, bool) and entry.value >= least:
        return entry.value
    raise refused(entry.place, f"expected a whole number from {least} on, got {said(entry)}")
