"""The pieces of words are those of the library that made the vocabulary."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiebreak.ranker.model import folder
from tiebreak.ranker.vocabulary import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokenizers import Tokenizer

WORDS = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.text("abcdefgnoprst_019", min_size=1, max_size=60).map(str.encode),
    st.lists(st.sampled_from(["get", "Value", "string", "The", "_", "self"]), min_size=1).map(
        lambda parts: "".join(parts).encode()
    ),
)


@cache
def _both() -> tuple[Callable[[bytes], list[int]], Tokenizer]:
    tokenizers = pytest.importorskip("tokenizers")
    path = os.path.join(folder(), "vocabulary.json")
    return load(path), tokenizers.Tokenizer.from_file(path)


@settings(deadline=None)  # the first word waits for the library
@given(WORDS)
def test_a_word_has_the_pieces_that_tokenizers_gives(word: bytes) -> None:
    ours, theirs = _both()
    assert ours(word) == theirs.encode(word.decode("latin-1")).ids


def test_a_long_word_takes_no_long_time() -> None:
    ours, _ = _both()
    assert len(ours(b"aGVsbG8gd29ybGQ0" * 5_000)) > 5_000
