"""Making a vocabulary of pieces (see `tiebreak.ranker.vocabulary`) from texts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tiebreak.ranker.columns import lex
from tiebreak.ranker.encoding import SPECIAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def train(texts: Iterable[bytes], size: int, path: Path) -> None:
    """Learn `size` pieces from the words of `texts`; the same texts give the same file."""
    from tokenizers import Tokenizer, models, trainers

    counts: Counter[bytes] = Counter()
    for text in texts:
        counts.update(lex(text))
    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=[chr(byte) for byte in range(256)],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_repeated(counts), trainer)
    tokenizer.save(str(path), pretty=False)


def _repeated(counts: Counter[bytes]) -> Iterator[str]:
    """Each word as often as it weighs: the square root keeps a few repositories from ruling."""
    for word, count in sorted(counts.items()):
        text = word.decode("latin-1")
        yield from (text for _ in range(round(count**0.5)))
