"""The tokenizer's files: one token for each id, the same in every file, and a row for each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tiebreak.weights.errors import shown
from tiebreak.weights.verifying.folder import Finding
from tiebreak.weights.verifying.vocabulary import row_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.weights.verifying.folder import Folder

_MOST: Final = 20  # lines; a whole vocabulary that is shifted by one is one mistake

_NUMBER: Final = re.compile("[0-9]{1,18}")

Token = tuple[str, int, str]  # content, id, file


def duplicates(folder: Folder) -> Iterator[Finding]:
    """Two tokens with one id, or one token with two."""
    by_id: dict[int, tuple[str, str]] = {}
    by_content: dict[str, tuple[int, str]] = {}
    found: list[Finding] = []
    for content, number, file in all_tokens(folder):
        other, place = by_id.setdefault(number, (content, file))
        earlier, source = by_content.setdefault(content, (number, file))
        if other != content:
            both = f"{shown(repr(other))} and {shown(repr(content))}"
            found.append(Finding(file, f"id {number} stands for {both}{_in(place, file)}", _APART))
        elif earlier != number:
            what = f"{shown(repr(content))} has the ids {earlier} and {number}{_in(source, file)}"
            found.append(Finding(file, what, _AGREE))
    yield from _limited(list(dict.fromkeys(found)))


_APART: Final = "give one of them the next free id and move its row of the embedding there"
_AGREE: Final = "keep the id whose row was trained, in all files of the tokenizer"


def beyond_rows(folder: Folder) -> Iterator[Finding]:
    """Ids for which the embedding has no row."""
    known = row_count(folder)
    if known is None:
        return
    found = {}
    for content, number, file in all_tokens(folder):
        if number >= known:
            what = f"{shown(repr(content))} has id {number}, the embedding has {known} rows"
            found[number] = Finding(file, what, "take the embedding that was resized with it")
    yield from _limited([found[number] for number in sorted(found)])


def all_tokens(folder: Folder) -> Iterator[Token]:
    """Every token that any file of the tokenizer mentions."""
    yield from _tokenizer(folder.json("tokenizer.json"))
    for file in ("added_tokens.json", "vocab.json"):
        for content, number in folder.json(file).items():
            yield from _token(content, number, file)
    decoder = folder.json("tokenizer_config.json").get("added_tokens_decoder")
    if isinstance(decoder, dict):
        for key, token in decoder.items():
            number = int(key) if _NUMBER.fullmatch(key) else None
            said = token.get("content") if isinstance(token, dict) else None
            yield from _token(said, number, "tokenizer_config.json")


def _tokenizer(found: dict[str, Any]) -> Iterator[Token]:
    """The file of the tokenizers library: the model's vocabulary, then what was added to it."""
    file, model = "tokenizer.json", found.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, dict):
        for content, number in vocabulary.items():
            yield from _token(content, number, file)
    if isinstance(vocabulary, list):  # Unigram: pairs of token and score, the id is the position
        for number, pair in enumerate(vocabulary):
            if isinstance(pair, list) and pair:
                yield from _token(pair[0], number, file)
    added = found.get("added_tokens")
    for token in added if isinstance(added, list) else ():
        if isinstance(token, dict):
            yield from _token(token.get("content"), token.get("id"), file)


def _token(content: object, number: object, file: str) -> Iterator[Token]:
    if isinstance(content, str) and type(number) is int:
        yield content, number, file


def _in(place: str, file: str) -> str:
    return "" if place == file else f" (in {place})"


def _limited(found: list[Finding]) -> Iterator[Finding]:
    yield from found[:_MOST]
    if found[_MOST:]:
        last = found[_MOST]
        yield Finding(last.file, f"and {len(found) - _MOST} more of this kind", last.fix)
