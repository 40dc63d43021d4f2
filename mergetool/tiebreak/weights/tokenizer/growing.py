"""A tokenizer's files with the tokens of a union in them.

New words go into the vocabulary of ``tokenizer.json`` so that a text is written as before wherever
the tokenizer could write it before:

* BPE: words without merges, which no text is written with (single characters it did not know, and
  whole words where it ignores merges, are the exception);
* Unigram: a score below any sum of others, so they only stand where there was an unknown before;
* WordPiece and WordLevel: these take the longest word that they know, so new ones are used.

mergekit 0.1.5 adds them beside the vocabulary instead, where the literal text of each is cut out of
any text before anything else sees it: with "er" among them, "merge" is never again one word.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown
from tiebreak.weights.settings_files import dump
from tiebreak.weights.tokenizer.config import read_json
from tiebreak.weights.tokenizer.reading import ADDED, FILE, SETTINGS, WORDS
from tiebreak.weights.vocabulary.union import OPAQUE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tiebreak.weights.tokenizer.config import Json
    from tiebreak.weights.tokenizer.plan import Plan
    from tiebreak.weights.tokenizer.reading import Known

    Texts = dict[str, str | bytes | None]

VOCABULARY: Final = "vocab.json"
NEVER: Final = -1e6  # the logarithm of a probability: less than a line of unlikely words has

_PLAIN: Final = {"single_word": False, "lstrip": False, "rstrip": False}


def grown(lead: Known, plan: Plan) -> Texts:
    """The lead's files that change, with what the plan adds. Raises `InputError`."""
    raw = {name: _raw(lead.path, name) for name in (FILE, SETTINGS, ADDED, VOCABULARY, WORDS)}
    if raw[FILE] is None:
        raise InputError(
            f"{shown(lead.name)}: tokens can only be added to a {FILE}, which it lacks: load the "
            "tokenizer with transformers and save it there"
        )
    entries = [
        {"id": plan.tokens[token], "content": token, **_flags(how)}
        for token, how in sorted(plan.added.items(), key=lambda item: plan.tokens[item[0]])
    ]
    content = read_json(lead.path, FILE)
    content |= {"added_tokens": _with_entries(content.get("added_tokens") or [], entries)}
    found: Texts = {}
    if plan.words:
        content["model"] = _model(content.get("model"), lead, plan)
        found |= _words(lead, plan, raw)
    found[FILE] = dump(content, raw[FILE])
    if raw[ADDED] is not None and entries:
        more = {entry["content"]: entry["id"] for entry in entries}
        found[ADDED] = dump(read_json(lead.path, ADDED) | more, raw[ADDED])
    settings = read_json(lead.path, SETTINGS)
    if isinstance(settings.get("added_tokens_decoder"), dict) and entries:
        more = {str(entry["id"]): {k: entry[k] for k in entry if k != "id"} for entry in entries}
        decoder = settings["added_tokens_decoder"] | more
        found[SETTINGS] = dump(settings | {"added_tokens_decoder": decoder}, raw[SETTINGS])
    return found


def check_library(text: bytes, plan: Plan) -> None:
    """Raise `InputError` unless the tokenizers library reads the planned ids from the file."""
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_str(text.decode()).get_vocab(with_added_tokens=True)
    except Exception as error:  # the library raises no class of its own
        raise InputError(f"{FILE}: the tokenizers library cannot read it: {error}") from error
    wrong = [token for token, number in plan.tokens.items() if found.get(token) != number]
    if wrong:
        token = wrong[0]
        raise InputError(
            f"{FILE}: the tokenizers library would give {shown(repr(token))} the id "
            f"{found.get(token)} where {plan.tokens[token]} is planned; its ids have gaps"
        )


def _model(model: Any, lead: Known, plan: Plan) -> Json:
    """The model of a ``tokenizer.json`` that knows every token of the plan."""
    known = model.get("vocab") if isinstance(model, dict) else None
    order = sorted(plan.tokens, key=plan.tokens.__getitem__)
    if isinstance(known, dict):
        return {**model, "vocab": {token: plan.tokens[token] for token in order}}
    if not isinstance(known, list):
        raise InputError(f"{shown(lead.name)}: {FILE} has no vocabulary that words can be added to")
    _check_gapless(order, plan, lead)
    return {**model, "vocab": known + [[token, NEVER] for token in order[len(known) :]]}


def _words(lead: Known, plan: Plan, raw: dict[str, bytes | None]) -> Texts:
    """The older forms of a vocabulary beside it; what cannot take new words is left out."""
    found: Texts = {name: None for name in OPAQUE if os.path.isfile(os.path.join(lead.path, name))}
    if raw[VOCABULARY] is not None:
        more = {word: plan.tokens[word] for word in plan.words}
        found[VOCABULARY] = dump(read_json(lead.path, VOCABULARY) | more, raw[VOCABULARY])
    if raw[WORDS] is not None:
        order = sorted(plan.tokens, key=plan.tokens.__getitem__)
        _check_gapless(order, plan, lead)
        lines = "".join(f"{token}\n" for token in order)
        found[WORDS] = lines.encode("utf-8", "surrogateescape")
    return found


def _check_gapless(order: list[str], plan: Plan, lead: Known) -> None:
    """Where the place in a list is the id, each id must have a token."""
    if [plan.tokens[token] for token in order] != list(range(len(order))):
        raise InputError(f"{shown(lead.name)}: its ids have gaps, so nothing can be added to it")


def _flags(how: Json) -> Json:
    special = bool(how.get("special"))
    return {**_PLAIN, "normalized": not special, "special": special, **how}


def _with_entries(known: list[Json], entries: Iterable[Json]) -> list[Json]:
    found = {entry["content"]: entry for entry in (*known, *entries)}
    return sorted(found.values(), key=lambda entry: entry["id"])


def _raw(folder: str, name: str) -> bytes | None:
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read()
