"""The pieces of words: a byte-level BPE vocabulary, each word by itself.

A word's bytes are taken for the letters of Latin-1, so that every text has pieces, whatever its
encoding. P. Gage, "A new algorithm for data compression" (1994); R. Sennrich et al., "Neural
machine translation of rare words with subword units" (arXiv 1508.07909).

The file is one of the library tokenizers, which makes it. Here its merges are applied in Python:
a conflict has some tens of words, and importing the library costs more than they do.
"""

from __future__ import annotations

import json
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Ranks = Mapping[tuple[str, str], int]


def load(path: Path | str) -> Callable[[bytes], list[int]]:
    """The function from a word to its pieces, from a vocabulary file."""
    with open(path, encoding="utf-8") as file:
        model = json.load(file)["model"]
    numbers: dict[str, int] = model["vocab"]
    ranks = {(left, right): rank for rank, (left, right) in enumerate(model["merges"])}

    @lru_cache(maxsize=65536)
    def pieces(word: bytes) -> list[int]:
        return [numbers[part] for part in _merged(word.decode("latin-1"), ranks)]

    return pieces


def _merged(word: str, ranks: Ranks) -> list[str]:
    """Join neighbours, the pair that was learned first and the leftmost of its kind first."""
    parts: list[str] = list(word)
    before, after = list(range(-1, len(parts))), list(range(1, len(parts) + 1))
    pairs = enumerate(pairwise(parts))
    queue = [(rank, at) for at, pair in pairs if (rank := ranks.get(pair)) is not None]
    heapify(queue)
    while queue:
        rank, at = heappop(queue)
        following = after[at]
        if following == len(parts) or ranks.get((parts[at], parts[following])) != rank:
            continue  # one of the two is part of something longer by now
        parts[at], parts[following] = parts[at] + parts[following], ""
        after[at] = after[following]
        before[after[at]] = at
        for left, right in ((before[at], at), (at, after[at])):
            if left >= 0 and right < len(parts):
                rank = ranks.get((parts[left], parts[right]))
                if rank is not None:
                    heappush(queue, (rank, left))
    return [part for part in parts if part]
