"""Tokenizers of recipes: rows by token, and what is wrong with what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import vocabularies
from models import EMBED
from recipes import merged, refusal
from vocabularies import FIRST, SECOND, row_of, saved, trained, values

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """\
merge_method: linear
base_model: base
models:
  - model: one
    parameters: {weight: 1}
  - model: base
    parameters: {weight: 3}
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base, and a model with a tokenizer of its own and a token more."""
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "base", trained("bpe", FIRST, ["<|pad|>"]), 0)
    saved(tmp_path / "one", trained("bpe", SECOND, ["<|pad|>", "<|im_start|>"]), 8)
    return tmp_path


@pytest.mark.parametrize(
    "said", ["tokenizer_source: union", "tokenizer: {source: union}", "tokenizer: {tokens: null}"]
)
def test_a_union(said: str, models: Path) -> None:
    found = merged(models, f"{RECIPE}{said}\n")
    base, one = (vocabularies.vocabulary(models / name) for name in ("base", "one"))
    union = vocabularies.vocabulary(models / "out")
    assert set(union) == set(base) | set(one)
    assert vocabularies.read(models / "out", "config.json")["vocab_size"] == len(union)
    rows = values(found[EMBED], union)
    for token in union:
        own = 8 if token in one else 0  # who lacks a token takes the row of the only one with it
        other = 0 if token in base else 8
        assert rows[token] == row_of(token, (own + 3 * other) / 4), token


def test_the_tokenizer_of_one_model(models: Path) -> None:
    for source in ("one", "base"):
        out = f"of-{source}"
        found = merged(models, f"{RECIPE}tokenizer_source: {source}\n", out=out)
        file = "tokenizer.json"
        assert (models / out / file).read_bytes() == (models / source / file).read_bytes()
        assert len(found[EMBED]) == len(vocabularies.vocabulary(models / source))


def test_rows_of_single_tokens(models: Path) -> None:
    recipe = f"""{RECIPE}tokenizer:
  source: union
  pad_to_multiple_of: 64
  tokens:
    <|im_start|>: {{source: {{kind: model_token, model: base, token: cat}}, force: true}}
    <|pad|>: {{source: {{kind: zero}}, force: true}}
    <|new|>: {{source: {{kind: model_token, model: one, token_id: 0}}}}
    <s>: {{source: one, force: true}}
"""
    found = merged(models, recipe)
    union = vocabularies.vocabulary(models / "out")
    assert len(found[EMBED]) % 64 == 0
    rows = values(found[EMBED], union)
    first = next(t for t, n in vocabularies.vocabulary(models / "one").items() if n == 0)
    assert rows["<|im_start|>"] == row_of("cat", 0)
    assert rows["<|pad|>"] == 0
    assert rows["<|new|>"] == row_of(first, 8)
    assert rows["<s>"] == row_of("<s>", 8)


def test_a_frankenmerge_takes_its_embedding_from_the_first_slice(models: Path) -> None:
    recipe = """\
merge_method: passthrough
base_model: base
models: [{model: base}]
tokenizer: {source: base, pad_to_multiple_of: 8}
"""
    found = merged(models, recipe)
    assert found[EMBED].shape[0] % 8 == 0
    own = vocabularies.merged(models / "base")[EMBED]
    assert np.array_equal(found[EMBED][: len(own)], own)


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        ("tokenizer_source: two", 8, "two is none of the models of the recipe"),
        ("tokenizer: {source: union}\ntokenizer_source: base", 8, "keep one of them"),
        ("tokenizer: {sauce: union}", 8, "did you mean source?"),
        ("tokenizer: {pad_to_multiple_of: 0}", 8, "expected a whole number from 1 on, got 0"),
        ("tokenizer:\n  tokens:\n    a: {}", 10, "source is missing"),
        ("tokenizer:\n  tokens:\n    a: {source: {kind: nil}}", 10, "expected zero or model_token"),
        (
            "tokenizer:\n  tokens:\n    a: {source: {kind: model_token, model: one}}",
            10,
            "needs a model, and either token or token_id",
        ),
        ("tokenizer:\n  tokens:\n    a: {source: base, force: 1}", 10, "expected true or false"),
        (
            "tokenizer:\n  tokens:\n    a: {source: {kind: model_token, model: one, token: qqq}}",
            8,
            "one has no token 'qqq'",
        ),
    ],
)
def test_what_cannot_be(
    more: str, line: int, said: str, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = refusal(models, f"{RECIPE}{more}\n", capsys)
    assert found.startswith(f"tiebreak: recipe.yml:{line}: ")
    assert said in found


def test_a_base_that_there_is_not(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = RECIPE.replace("base_model: base\n", "") + "tokenizer_source: base\n"
    assert "recipe.yml:7: the tokenizer of the base needs a base" in refusal(models, recipe, capsys)


def test_a_chat_template(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    merged(models, f"{RECIPE}tokenizer_source: base\nchat_template: chatml\n")
    assert "<|im_start|>" in (models / "out" / "chat_template.jinja").read_text()
    written = "{{ messages[0].content }}"
    merged(models, f'{RECIPE}tokenizer_source: base\nchat_template: "{written}"\n', out="own")
    assert (models / "own" / "chat_template.jinja").read_text() == written
    (models / "out").rename(models / "done")
    found = refusal(models, f"{RECIPE}tokenizer_source: base\nchat_template: chatlm\n", capsys)
    assert found.startswith("tiebreak: recipe.yml:9: ")
    assert "chatml" in found
