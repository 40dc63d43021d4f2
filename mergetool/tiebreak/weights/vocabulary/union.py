"""Which token gets which id, and whose row.

Ids below `Union.first` mean the same in every version. Each token that a side added keeps the id
that ours gave it; what only theirs added comes after all of ours. Whatever does not fit that is
refused with the reason: a token that a side removed or renumbered, a tokenizer that cannot be read.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.weights.errors import shown
from tiebreak.weights.verifying.tokens import all_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.verifying.folder import Folder

OPAQUE: Final = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt")

Tokens = dict[str, int]


class VocabularyError(Exception):
    """Why the vocabularies cannot be joined, in words."""


class Row(NamedTuple):
    """One added token: its id in the result, and its row in each model that has it."""

    token: str
    number: int
    rows: tuple[int | None, ...]


class Union(NamedTuple):
    """The joined vocabulary of a base and of models that grew from it.

    `moved` has for each model the new ids of the tokens whose id there is another. `end` is one
    more than the largest id.
    """

    first: int
    end: int
    rows: tuple[Row, ...]
    moved: tuple[Mapping[int, int], ...]

    @property
    def grew(self) -> bool:
        """Whether any model added a token."""
        return bool(self.rows)


def join(base: Folder, models: Sequence[Folder]) -> Union:
    """The union of the models' vocabularies. Raises `VocabularyError` where nobody can tell."""
    _check_opaque(base, models)
    known = read_tokens(base, "the base")
    sides = [read_tokens(model, f"model {n}") for n, model in enumerate(models, 1)]
    for number, side in enumerate(sides, 1):
        _check_kept(known, side, number)
    added = [{t: i for t, i in side.items() if t not in known} for side in sides]
    lowest = [min(tokens.values()) for tokens in added if tokens]
    last = max(known.values(), default=-1)
    if not lowest:
        return Union(last + 1, last + 1, (), tuple({} for _ in models))
    first = min(lowest)
    if first <= last:
        raise VocabularyError(f"a new token has the id {first}, below those of the base ({last})")
    return _numbered(first, added)


def _numbered(first: int, added: Sequence[Tokens]) -> Union:
    """Each token gets the id that the first model with it gave it, unless an earlier one has it."""
    ids: Tokens = {}
    end = first
    for tokens in added:
        for token, number in sorted(tokens.items(), key=lambda item: item[1]):
            if token not in ids:
                ids[token] = max(number, end)
                end = ids[token] + 1
    rows = tuple(
        Row(token, number, tuple(tokens.get(token) for tokens in added))
        for token, number in sorted(ids.items(), key=lambda item: item[1])
    )
    moved = tuple(
        {old: ids[token] for token, old in tokens.items() if ids[token] != old} for tokens in added
    )
    return Union(first, end, rows, moved)


def read_tokens(folder: Folder, who: str) -> Tokens:
    """Every token of a folder and its id."""
    found: Tokens = {}
    by_id: dict[int, str] = {}
    for content, number, file in all_tokens(folder):
        if found.setdefault(content, number) != number or by_id.setdefault(number, content) != (
            content
        ):
            raise VocabularyError(f"{who}: {file} disagrees about the id of {shown(repr(content))}")
    if folder.broken_json:
        raise VocabularyError(f"{who}: {folder.broken_json[0]}")
    return found


def _check_kept(known: Tokens, side: Tokens, number: int) -> None:
    for token, old in known.items():
        if side.get(token) != old:
            did = "removed" if token not in side else f"renumbered (to {side[token]})"
            raise VocabularyError(f"model {number} {did} the token {shown(repr(token))}")


def _check_opaque(base: Folder, models: Sequence[Folder]) -> None:
    """Files with a vocabulary that is not read must be the same everywhere."""
    for name in OPAQUE:
        if len({_content(folder, name) for folder in (base, *models)}) > 1:
            raise VocabularyError(f"{name} differs, whose vocabulary is not read")


def _content(folder: Folder, name: str) -> str:
    if name not in folder.names:
        return ""
    with open(folder.file(name), "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()
