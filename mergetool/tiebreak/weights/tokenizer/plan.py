"""The vocabulary of the result: each token's id, and the row of each model that it takes.

The tokens of one model, the lead, keep their ids: the base model's, or that of the model whose
tokenizer is asked for. A union adds after them what the others have: first ordinary tokens, then
those that stand beside a vocabulary, model by model, each by its id. What stands for a row that a
model does not have follows mergekit 0.1.5 (``tokenizer/embed.py``), in this order:

1. the rule that was given for the token;
2. the row of the only model that has the token;
3. zeros, if no model has it;
4. the base model's row;
5. the mean of the models that have it.

Rows without a token are padding, and stay: each model's own, else the lead's, else (a size that was
rounded up) the mean of the model's own tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tiebreak.errors import InputError, UsageError
from tiebreak.weights.errors import shown
from tiebreak.weights.tokenizer.request import BASE, UNION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from tiebreak.weights.tokenizer.reading import Json, Known
    from tiebreak.weights.tokenizer.request import Request, TokenRule

    Numbers = NDArray[np.int64]

NONE: Final = -1  # as a row: the model has none; as a donor: zeros
ZERO, MEAN, AVERAGE = -1, -2, -3  # donors that are no model: of the others; of all the own tokens


class Plan(NamedTuple):
    """For `rows` ids, the row of each model (`own`), or whose row (`donor`, `donor_row`) it takes.

    `words` are new in the vocabulary of the lead's tokenizer; `added` has the tokens that are added
    beside it, by token, and how.
    """

    lead: int
    tokens: dict[str, int]
    words: tuple[str, ...]
    added: dict[str, Json]
    own: tuple[Numbers, ...]
    donor: Numbers
    donor_row: Numbers

    @property
    def rows(self) -> int:
        """How many rows the tables of the result have."""
        return len(self.donor)

    def keeps(self, number: int, known: Known) -> bool:
        """Whether a model's tables stay as they are."""
        return known.rows == self.rows and bool(
            np.array_equal(self.own[number], np.arange(self.rows))
        )


def plan(models: Sequence[Known], base: int | None, request: Request) -> Plan:
    """The plan for models with these tokenizers. Raises `InputError` for a rule that cannot be."""
    lead = _lead(base, request)
    known = _vocabulary(models, lead, request)
    tokens = known.tokens
    rows = max(models[lead].rows, max(tokens.values(), default=-1) + 1)
    if request.multiple:
        rows += -rows % request.multiple
    taken = np.zeros(rows, bool)
    taken[list(tokens.values())] = True
    own = tuple(_own(model, tokens, taken) for model in models)
    donor, donor_row = _donors(own, taken, base, (lead, models[lead].rows))
    found = Plan(lead, tokens, tuple(known.words), known.added, own, donor, donor_row)
    for token, rule in request.tokens.items():
        _rule(found, models, token, rule)
    return found


def _lead(base: int | None, request: Request) -> int:
    if request.source in {UNION, BASE}:
        return base or 0
    if isinstance(request.source, int):
        return request.source
    raise UsageError(f"the tokenizer of {request.source!r}: expected union, base or a model")


class _Vocabulary:
    """The tokens of the result so far, those that are new words, and how others are added."""

    __slots__ = ("added", "after", "tokens", "words")

    def __init__(self, tokens: Mapping[str, int]) -> None:
        """To begin with the tokens that stay."""
        self.tokens, self.words = dict(tokens), list[str]()
        self.added: dict[str, Json] = {}
        self.after = max(self.tokens.values(), default=-1) + 1

    def extend(self, tokens: Iterable[str]) -> None:
        """Words that come after all others."""
        for token in tokens:
            if self._enter(token):
                self.words.append(token)

    def add(self, token: str, how: Json) -> None:
        """A token beside the vocabulary; a word of it becomes one."""
        self._enter(token)
        self.added.setdefault(token, how)

    def _enter(self, token: str) -> bool:
        new = token not in self.tokens
        if new:
            self.tokens[token] = self.after
            self.after += 1
        return new


def _vocabulary(models: Sequence[Known], lead: int, request: Request) -> _Vocabulary:
    found = _Vocabulary(models[lead].tokens)
    if request.source == UNION:
        others = [model for number, model in enumerate(models) if number != lead]
        beside = {token: how for model in reversed(others) for token, how in model.beside().items()}
        for model in others:
            found.extend(token for token in model.ordered() if token not in beside)
        for model in others:
            for token in model.beside():
                if token not in models[lead].added:
                    found.add(token, beside[token])
    for token in request.tokens:
        if token not in found.tokens:
            found.add(token, {})
    return found


def _own(model: Known, tokens: dict[str, int], taken: NDArray[np.bool_]) -> Numbers:
    rows = len(taken)
    found: Numbers = np.full(rows, NONE, np.int64)
    padding = ~taken
    padding[[number for number in model.tokens.values() if number < rows]] = False
    padding[model.rows :] = False
    found[padding] = np.flatnonzero(padding)
    for token, number in tokens.items():
        if model.has(token):
            found[number] = model.tokens[token]
    return found


def _donors(
    own: Sequence[Numbers], taken: NDArray[np.bool_], base: int | None, lead: tuple[int, int]
) -> tuple[Numbers, Numbers]:
    """Who stands in for a model without a row, and with which one. `lead`: its number and rows."""
    rows = np.stack(own)
    has = rows != NONE
    count = has.sum(axis=0)
    donor: Numbers = np.where(count == 0, ZERO, MEAN)
    if base is not None:
        donor[has[base]] = base
    only = count == 1
    donor[only] = has.argmax(axis=0)[only]
    place: Numbers = np.arange(len(taken))
    donor[~taken] = np.where(place < lead[1], lead[0], AVERAGE)[~taken]
    donor_row = np.where(taken, rows[np.maximum(donor, 0), place], place)
    return donor, donor_row


def _rule(found: Plan, models: Sequence[Known], token: str, rule: TokenRule) -> None:
    """Enter what was asked for of one token."""
    number = found.tokens[token]
    found.donor[number], found.donor_row[number] = _ruled(models, token, rule)
    for own in found.own if rule.force else ():
        own[number] = NONE


def _ruled(models: Sequence[Known], text: str, rule: TokenRule) -> tuple[int, int]:
    if rule.model is None:
        return ZERO, NONE
    model = models[rule.model]
    named = text if rule.token is None else rule.token
    row = rule.number if rule.number is not None else model.tokens.get(named)
    if row is None or not 0 <= row < model.rows:
        what = f"id {row}" if row is not None else f"token {shown(repr(named))}"
        raise InputError(
            f"the row for {shown(repr(text))}: {shown(model.name)} has no {what} with a row "
            f"(it has {model.rows})"
        )
    return rule.model, row
