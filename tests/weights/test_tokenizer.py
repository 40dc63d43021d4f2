"""`tiebreak weights merge --tokenizer`: models whose tokenizers differ."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_engine import tiebreak_merge
from tokenizers import Tokenizer

import vocabularies
from models import EMBED, HEAD, SINGLE
from tiebreak.weights.tokenizer.plan import MEAN, plan
from tiebreak.weights.tokenizer.reading import Known
from tiebreak.weights.tokenizer.request import Request
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


def test_every_file_with_a_vocabulary_grows(tmp_path: Path) -> None:
    base, one, two = three(tmp_path, "wordpiece")
    folder, known = Path(base), vocabularies.vocabulary(Path(base))
    words = sorted(set(known) - {"<|pad|>"}, key=known.__getitem__)
    vocabularies.write(folder, "vocab.json", {word: known[word] for word in words})
    vocabularies.write(folder, "added_tokens.json", {"<|pad|>": known["<|pad|>"]})
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    (folder / "tokenizer.model").write_bytes(b"pieces")
    out = tmp_path / "out"
    assert tiebreak_merge([base, one, two], out, *LINEAR, "--tokenizer", "union") == 0
    union = vocabularies.vocabulary(out)
    added = {"<|pad|>", "<|im_start|>", "<|im_end|>"}
    assert read(out, "added_tokens.json") == {token: union[token] for token in added}
    assert set(read(out, "vocab.json")) == set(union) - added
    lines = (out / "vocab.txt").read_text().splitlines()
    assert lines == sorted(union, key=union.__getitem__)
    decoder = read(out, "tokenizer_config.json")["added_tokens_decoder"]
    assert {entry["content"] for entry in decoder.values()} == added
    assert not (out / "tokenizer.model").exists()
    assert verify(str(out)) == []


def test_tokens_alone_leave_the_pieces_as_they_are(tmp_path: Path) -> None:
    base, one, _ = three(tmp_path)
    (Path(base) / "tokenizer.model").write_bytes(b"pieces")
    assert tiebreak_merge([base, one], tmp_path / "out", *LINEAR, "--tokenizer", "union") == 0
    assert (tmp_path / "out/tokenizer.model").read_bytes() == b"pieces"
    before = vocabularies.read(Path(base), "tokenizer.json")["model"]
    assert read(tmp_path / "out", "tokenizer.json")["model"] == before


def test_a_row_of_another_type_is_rounded_once(tmp_path: Path) -> None:
    base = saved(tmp_path / "base", trained("bpe", FIRST), 1 / 3, dtype="float16")
    side = saved(tmp_path / "side", trained("bpe", SECOND), 1 / 3)
    assert tiebreak_merge([base, side], tmp_path / "out", *LINEAR, "--tokenizer", "base") == 0
    numbers = vocabularies.vocabulary(tmp_path / "out")
    own = vocabularies.vocabulary(Path(side))
    table = merged(tmp_path / "out")[EMBED]
    assert table.dtype == np.float32  # the first model's
    for token, number in numbers.items():
        value = np.float32(row_of(token, 1 / 3))
        assert table[number, 0] == (value if token in own else np.float16(value)), token


def test_a_table_in_a_layer_is_known_by_its_length(tmp_path: Path) -> None:
    base, side = three(tmp_path)[::2]
    inside = "model.layers.0.mlp.up_proj.weight"
    for name, of in ((base, 1), (side, 3)):
        held = merged(Path(name))
        held[inside] = full(of, len(held[EMBED]), 3)
        (Path(name) / SINGLE).write_bytes(vocabularies.checkpoint(held))
    sizes = {len(merged(Path(name))[inside]) for name in (base, side)}
    assert len(sizes) == 2  # it follows the vocabulary from model to model
    assert tiebreak_merge([base, side], tmp_path / "out", *LINEAR, "--tokenizer", "base") == 0
    assert len(merged(tmp_path / "out")[inside]) == len(merged(tmp_path / "out")[EMBED])


def test_a_layer_as_wide_as_the_vocabulary_is_no_table(tmp_path: Path) -> None:
    base = saved(tmp_path / "base", trained("bpe", FIRST), 0)
    swapped = Tokenizer.from_str(_swapped(trained("bpe", FIRST).to_str(), "a", "t"))
    side, inside = saved(tmp_path / "side", swapped, 8), "model.layers.0.mlp.up_proj.weight"
    for name in (base, side):
        held = merged(Path(name))
        held[inside] = np.arange(2.0 * len(held[EMBED]), dtype=np.float32).reshape(-1, 2)
        (Path(name) / SINGLE).write_bytes(vocabularies.checkpoint(held))
    assert tiebreak_merge([base, side], tmp_path / "out", *LINEAR, "--tokenizer", "base") == 0
    found = merged(tmp_path / "out")
    assert np.array_equal(found[inside], merged(tmp_path / "side")[inside])
    rows = values(found[EMBED], vocabularies.vocabulary(tmp_path / "base"))
    assert rows == {token: row_of(token, 8) for token in rows}


def _swapped(text: str, one: str, other: str) -> str:
    """A tokenizer in which two tokens have each other's ids."""
    found = json.loads(text)
    known = found["model"]["vocab"]
    known[one], known[other] = known[other], known[one]
    return json.dumps(found)


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "with a union of the other kind": (
        ("--tokenizer", "union", "--vocabulary", "union"),
        "--tokenizer and --vocabulary union: give one of them",
    ),
    "of nobody": (("--tokenizer", "three"), "expected union, base or one of the models"),
    "with a Fisher": (
        ("--tokenizer", "union", "--method", "fisher"),
        "fisher needs models with one tokenizer",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_options_that_do_not_go_together(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, said = REFUSED[name]
    assert tiebreak_merge(three(tmp_path), tmp_path / "out", *LINEAR, *options) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def without(name: str) -> None:
    (Path(name) / "tokenizer.json").unlink()


def only_pieces(name: str) -> None:
    without(name)
    (Path(name) / "tokenizer.model").write_bytes(b"pieces")


def contradicting(name: str) -> None:
    vocabularies.write(Path(name), "added_tokens.json", {"<|pad|>": 0})


def broken(name: str) -> None:
    (Path(name) / "config.json").write_text("{")


def resized(name: str) -> None:
    config = read(Path(name), "config.json")
    held = merged(Path(name))
    vocabularies.write(Path(name), "config.json", config | {"vocab_size": 2})
    (Path(name) / SINGLE).write_bytes(vocabularies.checkpoint(held))


BROKEN = {
    "no tokenizer": (without, "has no tokenizer; if it is another model's, copy that one's files"),
    "only pieces": (only_pieces, "tokenizer.model is not read, and there is no tokenizer.json"),
    "files that disagree": (contradicting, "disagrees about the id of '<|pad|>'"),
    "no configuration": (broken, "config.json: cannot be read as JSON"),
    "another size": (resized, "model.embed_tokens.weight has"),
}


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_certain_is_refused(
    name: str, number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = three(tmp_path)
    damage, said = BROKEN[name]
    damage(names[number])
    assert tiebreak_merge(names, tmp_path / "out", *LINEAR, "--tokenizer", "union") == 2
    err = capsys.readouterr().err
    assert said in err
    assert names[number] in err
    assert err.count("\n") == 1


def test_files_have_no_tokenizer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [f"{name}/{SINGLE}" for name in three(tmp_path)]
    for option in (("--tokenizer", "union"), ("--chat-template", "auto")):
        assert tiebreak_merge(files, tmp_path / "out", *LINEAR, *option) == 2
        assert f"{option[0]} needs the tokenizers: name folders" in capsys.readouterr().err


WORDS = [a + b for a in "abc" for b in ("", *"abc")]


@given(
    st.lists(st.lists(st.sampled_from(WORDS), unique=True, min_size=1), min_size=1, max_size=4),
    st.sampled_from([0, None]),
    st.integers(0, 3),
)
def test_a_plan_gives_each_token_its_own_row(
    words: list[list[str]], base: int | None, padding: int
) -> None:
    models = [
        Known(f"{n}", "", {word: i for i, word in enumerate(held)}, {}, len(held) + padding)
        for n, held in enumerate(words)
    ]
    found = plan(models, base, Request("union"))
    assert sorted(found.tokens.values()) == list(range(len(found.tokens)))
    assert set(found.tokens) == {word for held in words for word in held}
    assert {word: found.tokens[word] for word in words[0]} == models[0].tokens
    assert found.rows == max(len(found.tokens), models[0].rows)
    for token, number in found.tokens.items():
        for model, own in zip(models, found.own, strict=True):
            assert own[number] == model.tokens.get(token, -1)
        donor = int(found.donor[number])
        having = [n for n, model in enumerate(models) if token in model.tokens]
        if donor >= 0:
            assert donor in having
            assert models[donor].tokens[token] == found.donor_row[number]
        else:
            assert len(having) > 1
            assert donor == MEAN
