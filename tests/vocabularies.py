"""Folders of tiny models with real tokenizers, trained here by the tokenizers library."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from models import EMBED, HEAD, SINGLE
from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tiny import Array

FIRST = "the cat sat on the mat and the dog sat on the log with the cat"
SECOND = "le chat dort sur le lit et le chien dort sur le tapis avec le chat"
UNKNOWN = "[UNK]"
KINDS = ("bpe", "wordpiece", "unigram")


def trained(kind: str, text: str, added: Sequence[str] = (), size: int = 60) -> Tokenizer:
    """A tokenizer of one of the `KINDS`, with tokens added to it afterwards."""
    if kind == "bpe":
        found = Tokenizer(models.BPE())
        found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        found.decoder = decoders.ByteLevel()
        trainer: Any = trainers.BpeTrainer(vocab_size=size, special_tokens=["<s>"])
    elif kind == "wordpiece":
        found = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
        found.pre_tokenizer = pre_tokenizers.Whitespace()
        found.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=["<s>", UNKNOWN])
    else:
        found = Tokenizer(models.Unigram())
        found.pre_tokenizer = pre_tokenizers.Metaspace()
        found.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=size, special_tokens=["<s>", UNKNOWN], unk_token=UNKNOWN
        )
    found.train_from_iterator([text] * 20, trainer)
    found.add_special_tokens([AddedToken(token, special=True) for token in added])
    return found


def row_of(token: str, of: float) -> float:
    """The value in a token's row: the token's own part, and the model's."""
    return zlib.crc32(token.encode()) % 512 + of


def saved(  # noqa: PLR0913
    folder: Path,
    tokenizer: Tokenizer,
    of: float,
    *,
    padding: int = 0,
    head: bool | None = None,
    dtype: str = "float32",
    **config: Any,
) -> str:
    """A model with that tokenizer; gives its path. `padding` rows without a token follow.

    `head`: with an output of its own, or with one that equals the embedding (False); None: without.
    """
    folder.mkdir()
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    rows = max(vocabulary.values()) + 1 + padding
    embedding = full(-1 - of, rows, 2, dtype=dtype)
    for token, number in vocabulary.items():
        embedding[number] = row_of(token, of)
    held = {EMBED: embedding, "model.norm.weight": full(of, 2)}
    if head is not None:
        held[HEAD] = embedding + head
    sizes = {"vocab_size": rows, "hidden_size": 2, "num_attention_heads": 1}
    settings = {"model_type": "llama", **sizes, **config}
    write(folder, "config.json", settings)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {
        str(number): {"content": token, "special": True}
        for token, number in vocabulary.items()
        if token.startswith("<|")
    }
    about: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    write(folder, "tokenizer_config.json", about | {"added_tokens_decoder": special})
    (folder / SINGLE).write_bytes(checkpoint(held))
    return str(folder)


def write(folder: Path, name: str, content: Any) -> None:
    """A JSON file of the folder."""
    (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")


def read(folder: Path, name: str) -> Any:
    """A JSON file of the folder."""
    return json.loads((folder / name).read_text(encoding="utf-8"))


def merged(folder: Path) -> dict[str, Array]:
    """The tensors of a folder with one file."""
    return tensors((folder / SINGLE).read_bytes())


def vocabulary(folder: Path) -> dict[str, int]:
    """The ids that the tokenizers library reads from a folder."""
    found: dict[str, int] = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    return found


def ids(folder: Path, text: str) -> list[int]:
    """How a folder's tokenizer writes a text."""
    found: list[int] = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    return found


def values(table: Array, numbers: Mapping[str, int]) -> dict[str, float]:
    """The value in the row of each token."""
    assert np.array_equal(table[:, 0], table[:, 1])
    return {token: float(table[number, 0]) for token, number in numbers.items()}
