"""The door: models with their own tokenizers go in, models that any method can merge come out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.errors import InputError, UsageError
from tiebreak.weights.errors import shown
from tiebreak.weights.tokenizer.files import config_texts, tokenizer_texts
from tiebreak.weights.tokenizer.growing import check_library
from tiebreak.weights.tokenizer.heads import settle
from tiebreak.weights.tokenizer.overlay import Overlay
from tiebreak.weights.tokenizer.plan import NONE, plan
from tiebreak.weights.tokenizer.reading import FILE, read
from tiebreak.weights.tokenizer.request import Aligned
from tiebreak.weights.tokenizer.rows import gathered
from tiebreak.weights.tokenizer.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.tokenizer.plan import Plan
    from tiebreak.weights.tokenizer.reading import Known
    from tiebreak.weights.tokenizer.request import Inputs, Request

_NAMED: Final = 5  # tokens in a note


def align(inputs: Inputs, request: Request) -> Aligned:
    """Models with the same matrices and, if a tokenizer is asked for, the same row for each token.

    Raises `InputError`, with one line, for whatever is not certain; nothing is written then. The
    models that are given stay open, and stay the caller's to close.
    """
    if request.chat:
        raise UsageError("chat templates cannot be chosen yet")
    heads = settle(inputs)
    folder = inputs.models[inputs.first].path
    if request.source is None:
        texts = config_texts(folder, None, None, tied=heads.tied) if heads.tied is not None else {}
        return Aligned(heads.models, texts, heads.notes)
    known = [read(model, name) for model, name in zip(inputs.models, inputs.names, strict=True)]
    found = plan(known, inputs.base, request)
    first, lead = known[inputs.first], known[found.lead]
    texts = tokenizer_texts(folder, lead, found)
    if found.words or found.added:
        changed = texts[FILE]
        assert isinstance(changed, bytes)  # noqa: S101  (what is added to is written anew)
        check_library(changed, found)
    texts |= config_texts(folder, (first, lead), found, tied=heads.tied)
    models = _in_order(heads.models, known, found, inputs.scratch)
    return Aligned(models, texts, (*heads.notes, *_notes(known, found)))


def _in_order(
    models: Sequence[Checkpoint], known: Sequence[Known], found: Plan, scratch: str
) -> tuple[Checkpoint, ...]:
    """Each model with its tables in the order of the result; as it is, where they are already."""
    moved = [n for n, one in enumerate(known) if not found.keeps(n, one)]
    if not moved:
        return tuple(models)
    names = tables_of(models, [one.rows for one in known])
    if not names:
        raise InputError("no tensor has a row for each token: nothing can be matched by token")
    lacking = {n: name for name in names for n, m in enumerate(models) if name not in m}
    if lacking:
        number, name = next(iter(lacking.items()))
        raise InputError(f"{shown(known[number].name)}: lacks tensor {shown(name)!r}")
    return tuple(
        Overlay(model, {name: gathered(name, models, n, found, scratch) for name in names})
        if n in moved
        else model
        for n, model in enumerate(models)
    )


def _notes(known: Sequence[Known], found: Plan) -> list[str]:
    """What a person should know of the tokenizer: additions, losses, rows that nobody has."""
    lead = known[found.lead]
    beside = [token for token in found.added if token not in lead.tokens]
    notes = [f"tokenizer: {shown(lead.name)}'s, {len(found.tokens)} tokens, {found.rows} rows"]
    if found.words:
        notes.append(f"tokenizer: new words {_some(found.words)}")
    if beside:
        notes.append(f"tokenizer: added {_some(beside)}")
    for model in known:
        lost = [token for token in model.tokens if token not in found.tokens]
        if lost:
            notes.append(f"tokenizer: {shown(model.name)}'s {_some(lost)} not in the result")
    zero = [
        token
        for token, number in found.tokens.items()
        if found.donor[number] == NONE and any(own[number] == NONE for own in found.own)
    ]
    if zero:
        notes.append(f"tokenizer: rows of zeros for {_some(zero)}")
    return notes


def _some(tokens: Sequence[str]) -> str:
    named = ", ".join(shown(repr(token), 40) for token in tokens[:_NAMED])
    return f"{named} and {len(tokens) - _NAMED} more" if tokens[_NAMED:] else named


def source_of(text: str, names: Sequence[str], base: int | None) -> str | int:
    """What ``--tokenizer`` names: union, base, or one of the models as it was named."""
    if text == "union" or (text == "base" and base is not None):
        return text
    if text in names:
        return names.index(text)
    raise UsageError(f"--tokenizer {text}: expected union, base or one of the models")
