"""The pieces of words: a byte-level BPE vocabulary, each word by itself.

A word's bytes are taken for the letters of Latin-1, so that every text has pieces, whatever its
encoding. P. Gage, "A new algorithm for data compression" (1994); R. Sennrich et al., "Neural
machine translation of rare words with subword units" (arXiv 1508.07909).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def load(path: Path | str) -> Callable[[bytes], list[int]]:
    """The function from a word to its pieces, from a vocabulary file."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))

    @lru_cache(maxsize=65536)
    def pieces(word: bytes) -> list[int]:
        found: list[int] = tokenizer.encode(word.decode("latin-1")).ids
        return found

    return pieces
