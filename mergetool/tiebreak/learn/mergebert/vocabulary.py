"""Byte-level BPE of source code: any bytes become ids, there is no unknown token.

Bytes that are no UTF-8 are read as U+FFFD: a model may see them so, and never writes text itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokenizers import Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer

if TYPE_CHECKING:
    from collections.abc import Iterable

SPECIAL: Final = ("[PAD]", "[CLS]", "[SEP]")  # their ids are their places: 0, 1, 2
# Names, numbers, runs of blanks, line ends, runs of signs: no piece crosses a border of these, so
# text encoded token by token (`tiebreak.text.lexer`) finds the pieces learned on whole text.
_WORDS: Final = r"[\p{L}_$][\p{L}\p{N}_$]*|\p{N}+|[ \t\f\v]+|\r\n|\n|\r|[^\p{L}\p{N}_$\s]+|\s"


def train_tokenizer(texts: Iterable[bytes], size: int) -> Tokenizer:
    """Learn `size` pieces, `SPECIAL` and the 256 bytes among them; the same texts give the same.

    Keep it with ``tokenizer.save(path)``, which writes JSON; read it with ``Tokenizer.from_file``.
    """
    tokenizer = Tokenizer(BPE())
    words = Split(Regex(_WORDS), "isolated")
    tokenizer.pre_tokenizer = Sequence([words, ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(SPECIAL),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((as_text(text) for text in texts), trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, text: bytes) -> list[int]:
    """The ids of `text`, without special tokens."""
    ids: list[int] = tokenizer.encode(as_text(text), add_special_tokens=False).ids
    return ids


def as_text(text: bytes) -> str:
    """`text` as the tokenizer reads it."""
    return text.decode("utf-8", "replace")
