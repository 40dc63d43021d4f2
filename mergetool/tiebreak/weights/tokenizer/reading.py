"""A model's tokenizer as its files describe it: which token has which id, and how it was added."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown
from tiebreak.weights.tokenizer.config import read_json, vocabulary_rows
from tiebreak.weights.verifying.folder import Folder
from tiebreak.weights.verifying.tokens import all_tokens
from tiebreak.weights.vocabulary.files import CONFIG, SIZE
from tiebreak.weights.vocabulary.union import OPAQUE, VocabularyError, read_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tiebreak.weights.checkpoint import Checkpoint

Json = dict[str, Any]

FILE: Final = "tokenizer.json"
SETTINGS: Final = "tokenizer_config.json"
ADDED: Final = "added_tokens.json"
WORDS: Final = "vocab.txt"  # one token a line, BERT's
FLAGS: Final = ("single_word", "lstrip", "rstrip", "normalized", "special")


class Known(NamedTuple):
    """A model's tokenizer. `added` has the tokens that stand beside its vocabulary, and how.

    `rows` is how many rows its tables have; ids from there on have none.
    """

    name: str
    path: str
    tokens: dict[str, int]
    added: dict[str, Json]
    rows: int

    def ordered(self) -> list[str]:
        """The tokens that have a row, by id."""
        return sorted(filter(self.has, self.tokens), key=self.tokens.__getitem__)

    def beside(self) -> dict[str, Json]:
        """Those of them that stand beside the vocabulary."""
        return {token: how for token, how in self.added.items() if self.has(token)}

    def has(self, token: str) -> bool:
        """Whether there is a row for the token."""
        return self.tokens.get(token, self.rows) < self.rows


def read(model: Checkpoint, name: str) -> Known:
    """The tokenizer beside a checkpoint. Raises `InputError` where it is not certain."""
    if not os.path.isdir(model.path):
        raise InputError(f"{shown(name)}: its tokenizer is not known: name a folder, not a file")
    with closing(Folder(model.path)) as folder:
        try:
            tokens = _tokens(folder, name)
        except VocabularyError as error:
            raise InputError(str(error)) from error
        added = _added(folder, tokens)
    rows = vocabulary_rows(model, read_json(model.path, CONFIG))
    if rows is None:
        raise InputError(f"{shown(name)}: no tensor has as many rows as {CONFIG} says ({SIZE})")
    return Known(name, model.path, tokens, added, rows)


def tokens_of(path: str) -> set[str]:
    """Every token that the files of a folder mention, whether or not they agree."""
    with closing(Folder(path)) as folder:
        return {token for token, _, _ in all_tokens(folder)}


def _tokens(folder: Folder, name: str) -> dict[str, int]:
    found = read_tokens(folder, shown(name))
    if FILE in folder.names or "vocab.json" in folder.names:
        return found
    if WORDS in folder.names:
        with open(folder.file(WORDS), encoding="utf-8", errors="surrogateescape") as lines:
            return {line.rstrip("\n"): number for number, line in enumerate(lines)} | found
    unread = next((file for file in OPAQUE if file in folder.names), "")
    if unread:
        raise InputError(
            f"{shown(name)}: {unread} is not read, and there is no {FILE}: load the tokenizer "
            "with transformers and save it there"
        )
    raise InputError(
        f"{shown(name)}: has no tokenizer; if it is another model's, copy that one's files there"
    )


def _added(folder: Folder, tokens: Mapping[str, int]) -> dict[str, Json]:
    """How each token was added, in the order of the ids; the file of the library knows best."""
    found: dict[str, Json] = {token: {} for token in folder.json(ADDED) if token in tokens}
    decoder = folder.json(SETTINGS).get("added_tokens_decoder")
    entries = list(decoder.values()) if isinstance(decoder, dict) else []
    listed = folder.json(FILE).get("added_tokens")
    for entry in (*entries, *(listed if isinstance(listed, list) else ())):
        if isinstance(entry, dict) and entry.get("content") in tokens:
            found[entry["content"]] = {key: entry[key] for key in FLAGS if key in entry}
    return dict(sorted(found.items(), key=lambda item: tokens[item[0]]))
