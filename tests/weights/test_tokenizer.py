"""`tiebreak weights merge --tokenizer`: models whose tokenizers differ."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from test_engine import tiebreak_merge

import vocabularies
from models import EMBED, HEAD, SINGLE
from tiebreak.weights.verify import verify
from tiny import full
from vocabularies import FIRST, KINDS, SECOND, ids, merged, read, row_of, saved, trained, values

LINEAR = ("--method", "linear")
TASK = ("--method", "task_arithmetic")
NO_CARD = ("--no-card",)


def three(folder: Path, kind: str = "bpe") -> list[str]:
    """A base, and two models: one with a token more, one with a tokenizer of its own."""
    return [
        saved(folder / "base", trained(kind, FIRST, ["<|pad|>"]), 0, padding=3),
        saved(folder / "one", trained(kind, FIRST, ["<|pad|>", "<|im_start|>"]), 10),
        saved(folder / "two", trained(kind, SECOND, ["<|im_end|>", "<|pad|>"]), 20),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_union_has_every_token_and_writes_as_the_base_does(kind: str, tmp_path: Path) -> None:
    names, out = three(tmp_path, kind), tmp_path / "out"
    assert tiebreak_merge(names, out, *LINEAR, "--tokenizer", "union") == 0
    base, one, two = (vocabularies.vocabulary(Path(name)) for name in names)
    union = vocabularies.vocabulary(out)
    assert set(union) == set(base) | set(one) | set(two)
    assert {token: union[token] for token in base} == base
    assert sorted(union.values()) == list(range(len(union)))
    assert ids(out, FIRST) == ids(Path(names[0]), FIRST)
    assert ids(out, "<|im_start|>cat<|im_end|>")[0] == union["<|im_start|>"]
    assert verify(str(out)) == []
    found = values(merged(out)[EMBED], union)
    for token in union:
        having = [of for of, held in ((0, base), (10, one), (20, two)) if token in held]
        stand_in = 0.0 if token in base else sum(having) / len(having)
        sides = [of if token in held else stand_in for of, held in ((10, one), (20, two))]
        assert found[token] == row_of(token, sum(sides) / 2), token


def test_rows_without_a_token_are_kept(tmp_path: Path) -> None:
    names, out = three(tmp_path)[:2], tmp_path / "out"
    assert tiebreak_merge(names, out, *TASK, "--tokenizer", "base") == 0
    rows = len(vocabularies.vocabulary(tmp_path / "base")) + 3
    assert merged(out)[EMBED].shape == (rows, 2)
    assert read(out, "config.json")["vocab_size"] == rows
    # padding that the model has none of is the base's, so it does not move
    assert np.array_equal(merged(out)[EMBED][-3:], full(-1, 3, 2))


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_a_models_tokenizer_is_copied(order: tuple[int, ...], tmp_path: Path) -> None:
    base, *sides = three(tmp_path)
    names, out = [base, *(sides[n] for n in order)], tmp_path / "out"
    assert tiebreak_merge(names, out, *LINEAR, "--tokenizer", sides[1]) == 0
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (out / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    two = vocabularies.vocabulary(tmp_path / "two")
    assert merged(out)[EMBED].shape == (len(two), 2)
    assert values(merged(out)[EMBED], two)["<|im_end|>"] == row_of("<|im_end|>", 20)


def test_one_tokenizer_is_a_merge_without_any(tmp_path: Path) -> None:
    same = trained("bpe", FIRST)
    names = [saved(tmp_path / f"{of}", same, of, padding=2) for of in (0, 1, 5)]
    for out, options in (("plain", NO_CARD), ("asked", (*NO_CARD, "--tokenizer", "union"))):
        assert tiebreak_merge(names, tmp_path / out, *TASK, *options) == 0
    for file in (tmp_path / "plain").iterdir():
        assert (tmp_path / "asked" / file.name).read_bytes() == file.read_bytes()


def test_an_output_is_in_the_order_of_the_embedding(tmp_path: Path) -> None:
    names = [
        saved(tmp_path / "base", trained("bpe", FIRST), 0, head=True),
        saved(tmp_path / "one", trained("bpe", SECOND), 8, head=True),
    ]
    assert tiebreak_merge(names, tmp_path / "out", *LINEAR, "--tokenizer", "base") == 0
    held = merged(tmp_path / "out")
    assert np.array_equal(held[HEAD], held[EMBED] + 1)


def test_ids_in_the_configuration_follow_their_tokens(tmp_path: Path) -> None:
    one, two = (trained("bpe", text, [special]) for text, special in
                ((FIRST, "<|a|>"), (SECOND, "<|b|>")))  # fmt: skip
    base = saved(tmp_path / "base", one, 0, eos_token_id=one.token_to_id("<|a|>"))
    eos, chat = two.token_to_id("<|b|>"), two.token_to_id("<s>")
    side = saved(tmp_path / "side", two, 1, eos_token_id=[eos], bos_token_id=chat)
    vocabularies.write(tmp_path / "side", "generation_config.json", {"eos_token_id": [chat, eos]})
    union, based = tmp_path / "union", tmp_path / "based"
    assert tiebreak_merge([base, side], union, *LINEAR, "--tokenizer", "union") == 0
    number = vocabularies.vocabulary(union)["<|b|>"]
    assert number != eos
    assert read(union, "config.json")["eos_token_id"] == [number]
    assert read(union, "generation_config.json")["eos_token_id"] == [chat, number]
    assert tiebreak_merge([base, side], based, *LINEAR, "--tokenizer", "base") == 0
    assert read(based, "config.json")["eos_token_id"] == one.token_to_id("<|a|>")
    assert read(based, "generation_config.json")["eos_token_id"] == [chat]


def test_a_token_beyond_the_rows_gets_one(tmp_path: Path) -> None:
    plain, more = trained("bpe", FIRST), trained("bpe", FIRST, ["<|pad|>"])
    base, side = saved(tmp_path / "base", plain, 0), saved(tmp_path / "side", more, 4)
    more.save(str(tmp_path / "base" / "tokenizer.json"))  # a row was never made for it
    assert tiebreak_merge([base, side], tmp_path / "out", *TASK, "--tokenizer", "base") == 0
    found = values(merged(tmp_path / "out")[EMBED], vocabularies.vocabulary(tmp_path / "out"))
    assert found["<|pad|>"] == row_of("<|pad|>", 4)


@pytest.mark.parametrize("threads", ["1", "4"])
def test_any_number_of_threads_gives_the_same_rows(threads: str, tmp_path: Path) -> None:
    names = three(tmp_path)
    ties = ("--method", "ties", "--density", "0.5", "--tokenizer", "union")
    assert tiebreak_merge(names, tmp_path / "a", *ties) == 0
    assert tiebreak_merge(names, tmp_path / "b", *ties, "--threads", threads) == 0
    assert (tmp_path / "a" / SINGLE).read_bytes() == (tmp_path / "b" / SINGLE).read_bytes()


def test_transformers_reads_the_union(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    names, out = three(tmp_path), tmp_path / "out"
    assert tiebreak_merge(names, out, *LINEAR, "--tokenizer", "union") == 0
    found = AutoTokenizer.from_pretrained(str(out))
    union = vocabularies.vocabulary(out)
    assert found.get_vocab() == union
    assert found.encode("<|im_start|>", add_special_tokens=False) == [union["<|im_start|>"]]
    assert found.decode(found.encode(FIRST), skip_special_tokens=True) == FIRST
