"""The door: models with their own tokenizers go in, models that any method can merge come out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.errors import InputError, UsageError
from tiebreak.weights.errors import shown
from tiebreak.weights.tokenizer.chat import chosen, unknown_tokens
from tiebreak.weights.tokenizer.chat import texts as chat_texts
from tiebreak.weights.tokenizer.files import config_texts, tokenizer_texts
from tiebreak.weights.tokenizer.growing import check_library
from tiebreak.weights.tokenizer.heads import settle
from tiebreak.weights.tokenizer.overlay import Overlay
from tiebreak.weights.tokenizer.plan import NONE, plan
from tiebreak.weights.tokenizer.reading import FILE, read, tokens_of
from tiebreak.weights.tokenizer.request import Aligned
from tiebreak.weights.tokenizer.rows import gathered
from tiebreak.weights.tokenizer.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.tokenizer.heads import Heads
    from tiebreak.weights.tokenizer.plan import Plan
    from tiebreak.weights.tokenizer.reading import Known
    from tiebreak.weights.tokenizer.request import Inputs, Request

_NAMED: Final = 5  # tokens in a note


def align(inputs: Inputs, request: Request) -> Aligned:
    """Models with the same matrices and, if a tokenizer is asked for, the same row for each token.

    Raises `InputError`, with one line, for whatever is not certain; nothing is written then. The
    models that are given stay open, and stay the caller's to close.
    """
    heads = settle(inputs)
    if request.source is None:
        folder = inputs.models[inputs.first].path
        texts = config_texts(folder, None, None, tied=heads.tied) if heads.tied is not None else {}
        return _with_chat(Aligned(heads.models, texts, heads.notes), inputs, request, folder)
    return _by_token(inputs, request, heads)


def _by_token(inputs: Inputs, request: Request, heads: Heads) -> Aligned:
    known = [read(model, name) for model, name in zip(inputs.models, inputs.names, strict=True)]
    found = plan(known, inputs.base, request)
    first, lead = known[inputs.first], known[found.lead]
    texts = tokenizer_texts(first.path, lead, found)
    if found.words or found.added:
        changed = texts[FILE]
        assert isinstance(changed, bytes)  # noqa: S101  (what is added to is written anew)
        check_library(changed, found)
    texts |= config_texts(first.path, (first, lead), found, tied=heads.tied)
    models = _in_order(heads.models, known, found, inputs)
    notes = (*heads.notes, *_notes(known, found))
    aligned = Aligned(models, texts, notes)
    return _with_chat(aligned, inputs, request, lead.path, found.tokens)


def _with_chat(
    aligned: Aligned,
    inputs: Inputs,
    request: Request,
    folder: str,
    tokens: Collection[str] | None = None,
) -> Aligned:
    """With the chat template that is asked for, in the files of the tokenizer in `folder`."""
    if not request.chat:
        return aligned
    chat = chosen(request.chat, [model.path for model in inputs.models])
    if not chat.text:
        return aligned._replace(notes=(*aligned.notes, "chat template: no model has one"))
    known = tokens if tokens is not None else tokens_of(folder)
    unknown = unknown_tokens(chat, known)
    notes = [f"chat template: {chat.source}"]
    if unknown:
        notes.append(f"chat template: the tokenizer does not know {_some(unknown)} as tokens")
    texts = aligned.texts | chat_texts(chat, folder, aligned.texts)
    return aligned._replace(texts=texts, notes=(*aligned.notes, *notes))


def _in_order(
    models: Sequence[Checkpoint], known: Sequence[Known], found: Plan, inputs: Inputs
) -> tuple[Checkpoint, ...]:
    """Each model with its tables in the order of the result; as it is, where they are already.

    A base that is not computed with stays as it is, too.
    """
    moved = [n for n, one in enumerate(known) if not found.keeps(n, one) and inputs.uses(n)]
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
        Overlay(model, {name: gathered(name, models, n, found, inputs.scratch) for name in names})
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
