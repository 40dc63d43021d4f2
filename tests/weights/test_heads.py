"""Tied weights in `tiebreak weights merge`: one rule, whichever model comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_engine import tiebreak_merge

from models import EMBED, HEAD, INDEX, ONE, TWO, sharded
from tiebreak.weights.verify import verify
from tiny import tensors
from vocabularies import FIRST, SECOND, merged, read, saved, trained, write

if TYPE_CHECKING:
    from pathlib import Path

LINEAR = ("--method", "linear")
TASK = ("--method", "task_arithmetic")
TIE = "tie_word_embeddings"

TIED: dict[str, Any] = {TIE: True}
OWN: dict[str, Any] = {TIE: False, "head": True}


def models(folder: Path, *kinds: dict[str, Any]) -> list[str]:
    """Models with one tokenizer, the base first; each with a value of its own."""
    same = trained("bpe", FIRST)
    return [saved(folder / f"m{n}", same, n, **kind) for n, kind in enumerate(kinds)]


@pytest.mark.parametrize("kinds", [(TIED, OWN), (OWN, TIED)])
def test_an_own_output_beside_a_tied_one_is_merged_with_the_embedding(
    kinds: tuple[dict[str, Any], ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names, out = models(tmp_path, TIED, *kinds), tmp_path / "out"
    assert tiebreak_merge(names, out, *TASK) == 0
    held = merged(out)
    assert np.array_equal(held[HEAD], held[EMBED] + 1)  # 0 of the tied one, 1 of the other
    assert read(out, "config.json")[TIE] is False
    assert verify(str(out)) == []
    assert "the result stores both, and its tie_word_embeddings is false" in capsys.readouterr().err


def test_tied_models_stay_tied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied = TIED | {"head": False}
    names, out = models(tmp_path, TIED, copied, TIED), tmp_path / "out"
    assert tiebreak_merge(names, out, "--method", "dare", "--density", "0.5") == 0
    assert set(merged(out)) == {EMBED, "model.norm.weight"}
    assert read(out, "config.json")[TIE] is True
    assert "lm_head.weight is model.embed_tokens.weight in every model" in capsys.readouterr().err


def test_a_base_that_no_method_reads_does_not_untie(tmp_path: Path) -> None:
    names = models(tmp_path, OWN, TIED, TIED)
    assert tiebreak_merge(names, tmp_path / "averaged", *LINEAR) == 0
    assert HEAD not in merged(tmp_path / "averaged")
    assert tiebreak_merge(names, tmp_path / "added", *TASK) == 0
    assert HEAD in merged(tmp_path / "added")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (TIED | {"head": True}, "tie_word_embeddings is true, but lm_head.weight differs from"),
        ({TIE: False}, "tie_word_embeddings is false, but there is no lm_head.weight"),
    ],
)
def test_what_contradicts_itself_is_refused(
    wrong: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names, out = models(tmp_path, OWN, OWN, wrong), tmp_path / "out"
    assert tiebreak_merge(names, out, *LINEAR) == 2
    assert f"{names[2]}: {said}" in capsys.readouterr().err
    assert not out.exists()


def test_a_union_of_the_other_kind_does_not_untie(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, more = trained("bpe", FIRST), trained("bpe", FIRST, ["<|x|>"])
    kinds = ((plain, TIED), (more, TIED), (plain, OWN))
    names = [saved(tmp_path / f"m{n}", one, n, **kind) for n, (one, kind) in enumerate(kinds)]
    assert tiebreak_merge(names, tmp_path / "out", *TASK, "--vocabulary", "union") == 2
    assert "use --tokenizer union" in capsys.readouterr().err
    assert tiebreak_merge(names, tmp_path / "out", *TASK, "--tokenizer", "union") == 0


def test_an_index_names_the_output_that_came_in(tmp_path: Path) -> None:
    names, out = models(tmp_path, TIED, TIED, OWN), tmp_path / "out"
    held = merged(tmp_path / "m1")
    parts = {ONE: {EMBED: held[EMBED]}, TWO: {"model.norm.weight": held["model.norm.weight"]}}
    (tmp_path / "m1/model.safetensors").unlink()
    for name, content in sharded(parts).items():
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "m1" / name).write_bytes(data)
    assert tiebreak_merge(names, out, *LINEAR) == 0
    assert read(out, INDEX)["weight_map"][HEAD] == TWO
    assert HEAD in tensors((out / TWO).read_bytes())
    assert verify(str(out)) == []


def test_a_tied_model_with_another_tokenizer(tmp_path: Path) -> None:
    base, own = models(tmp_path, TIED, OWN)
    other, out = saved(tmp_path / "other", trained("bpe", SECOND), 4, **TIED), tmp_path / "out"
    assert tiebreak_merge([base, own, other], out, *LINEAR, "--tokenizer", "base") == 0
    held = merged(out)
    assert np.array_equal(held[HEAD], held[EMBED] + 0.5)  # of one model 1 more, of the other 0


def test_models_for_text_and_images_say_it_inside(tmp_path: Path) -> None:
    names, out = models(tmp_path, TIED, TIED, OWN), tmp_path / "out"
    config = read(tmp_path / "m1", "config.json")
    write(tmp_path / "m1", "config.json", {"text_config": config})
    assert tiebreak_merge(names, out, *LINEAR) == 0
    assert read(out, "config.json")["text_config"][TIE] is False
