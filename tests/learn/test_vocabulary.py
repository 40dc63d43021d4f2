"""The vocabulary: bytes in, pieces out, nothing unknown, the same every time."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tokenizers")

from tokenizers import Tokenizer

from tiebreak.learn.mergebert.vocabulary import SPECIAL, encode, train_tokenizer
from tiebreak.learn.split import CALIBRATION, TRAIN, split_of

TEXTS = [b"def total(items):\n    return sum(items)\n", b"total = total + items[0]  # \xff\n"] * 3


def test_text_comes_back_and_nothing_is_unknown() -> None:
    tokenizer = train_tokenizer(TEXTS, 300)
    assert [tokenizer.token_to_id(name) for name in SPECIAL] == [0, 1, 2]
    for text in (TEXTS[0], "λ → ∅ \t\r\n".encode()):
        assert tokenizer.decode(encode(tokenizer, text)).encode() == text
    assert min(encode(tokenizer, b"[PAD] \xff\xfe")) >= 0


def test_pieces_do_not_cross_tokens() -> None:
    tokenizer = train_tokenizer(TEXTS, 400)
    apart = [piece for token in (b"total", b" ", b"=") for piece in encode(tokenizer, token)]
    assert encode(tokenizer, b"total =") == apart


def test_the_same_texts_give_the_same_file(tmp_path: Path) -> None:
    program = (
        "import sys; from tiebreak.learn.mergebert.vocabulary import train_tokenizer\n"
        f"train_tokenizer({TEXTS!r}, 330).save(sys.argv[1])"
    )
    for name in ("one", "two"):
        subprocess.run([sys.executable, "-c", program, tmp_path / name], check=True)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert Tokenizer.from_file(str(tmp_path / "one")).get_vocab_size() <= 330


def test_a_repository_is_always_in_the_same_part() -> None:
    names = [f"owner/name{number}" for number in range(500)]
    parts = [split_of(name) for name in names]
    assert parts == [split_of(name) for name in names]
    assert set(parts) == {TRAIN, CALIBRATION}
    assert 60 < parts.count(CALIBRATION) < 140
