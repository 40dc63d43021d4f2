"""Three versions of a folder as one: shards, index, tokens and the files that name them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models import EMBED, HEAD, INDEX, ONE, SINGLE, TWO, grown, model, sharded, values
from tiebreak.recipe import parse_recipe
from tiebreak.weights.file import Settings
from tiebreak.weights.folders import FolderMerge, Folders, merge_folders
from tiebreak.weights.verify import verify
from tiebreak.weights_recipe import WeightsRecipe
from tiny import full, tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models import Files

    Merge = Callable[..., FolderMerge]

TASK = '[weights]\nmethod = "task_arithmetic"\n'
UNION = TASK + 'vocabulary = "union"\n'


@pytest.fixture
def merge(tmp_path: Path) -> Merge:
    def run(base: Files, ours: Files, theirs: Files, recipe: str = TASK) -> FolderMerge:
        for side, files in zip(Folders._fields, (base, ours, theirs), strict=True):
            (tmp_path / side).mkdir()
            for name, content in files.items():
                data = content if isinstance(content, bytes) else content.encode()
                (tmp_path / side / name).write_bytes(data)
        (tmp_path / "out").mkdir()
        folders = Folders(*(str(tmp_path / side) for side in Folders._fields))
        weights = parse_recipe(recipe.encode()).weights or WeightsRecipe()
        how = Settings(recipe=weights.for_path("m"))
        return merge_folders("m", folders, str(tmp_path / "out"), how)

    return run


def result(outcome: FolderMerge) -> dict[str, bytes]:
    assert outcome.written, [str(v.why) for v in outcome.conflicts]
    found = {}
    for name, file in outcome.files.items():
        if file is not None:
            with open(file, "rb") as opened:
                found[name] = opened.read()
    return found


A, B, C = full(1, 2), full(1, 3), full(1, 4)
SHARDED = sharded({ONE: {"a": A, "b": B}, TWO: {"c": C}})


def test_a_tensor_that_ours_moved_and_theirs_changed(merge: Merge) -> None:
    ours = sharded({ONE: {"a": A}, TWO: {"b": B, "c": C}})
    theirs = sharded({ONE: {"a": A, "b": full(2, 3)}, TWO: {"c": C}})
    files = result(merge(SHARDED, ours, theirs, ""))
    assert list(tensors(files[TWO])) == ["b", "c"]
    assert np.array_equal(values(files)["b"], full(2, 3))
    assert json.loads(files[INDEX])["weight_map"] == {"a": ONE, "b": TWO, "c": TWO}


def test_a_tensor_that_theirs_moved_and_ours_changed(merge: Merge) -> None:
    ours = sharded({ONE: {"a": A, "b": full(2, 3)}, TWO: {"c": C}})
    theirs = sharded({ONE: {"a": A}, TWO: {"b": B, "c": C}})
    files = result(merge(SHARDED, ours, theirs, ""))
    assert list(tensors(files[TWO])) == ["b", "c"]
    assert np.array_equal(values(files)["b"], full(2, 3))


def test_resharded_by_one_side(merge: Merge) -> None:
    """The new files are the result's, with what the other side changed in the old ones."""
    names = [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]
    theirs = sharded({names[0]: {"a": A}, names[1]: {"b": B}, names[2]: {"c": C}})
    ours = sharded({ONE: {"a": full(5, 2), "b": B}, TWO: {"c": C}})
    outcome = merge(SHARDED, ours, theirs, "")
    files = result(outcome)
    assert sorted(files) == [*names, INDEX]
    assert [name for name, file in outcome.files.items() if file is None] == [ONE, TWO]
    assert np.array_equal(values(files)["a"], full(5, 2))


def test_total_is_that_of_the_tensors(merge: Merge) -> None:
    """Both sides add as many bytes: by lines the totals would agree on the wrong number."""
    ours = sharded({ONE: {"a": A, "b": B, "x": full(1, 2)}, TWO: {"c": C}})
    theirs = sharded({ONE: {"a": A, "b": B}, TWO: {"c": C, "y": full(1, 2)}})
    files = result(merge(SHARDED, ours, theirs, ""))
    index = json.loads(files[INDEX])
    assert index["metadata"]["total_size"] == sum(v.nbytes for v in values(files).values())
    assert index["weight_map"] == {"a": ONE, "b": ONE, "c": TWO, "x": ONE, "y": TWO}
    assert files[INDEX].decode() == json.dumps(index, indent=2, sort_keys=True) + "\n"


def test_other_texts_of_the_index_are_merged_by_key(merge: Merge) -> None:
    ours = sharded({ONE: {"a": full(3, 2), "b": B}, TWO: {"c": C}}, mine=1, same=2)
    theirs = sharded({ONE: {"a": A, "b": B}, TWO: {"c": full(4, 4)}}, yours=1, same=3)
    outcome = merge(SHARDED, ours, theirs, "")
    assert not outcome.written
    assert [(v.name, v.why) for v in outcome.conflicts] == [
        (f"{INDEX}.metadata.same", "both changed it")
    ]


def test_a_shard_nobody_changed_is_not_written(merge: Merge, tmp_path: Path) -> None:
    ours = sharded({ONE: {"a": full(3, 2), "b": B}, TWO: {"c": C}})
    theirs = sharded({ONE: {"a": A, "b": full(3, 3)}, TWO: {"c": C}})
    outcome = merge(SHARDED, ours, theirs, "")
    assert outcome.files[ONE] == str(tmp_path / "out" / ONE)
    assert outcome.files[TWO] == str(tmp_path / "ours" / TWO)


# Vocabularies -------------------------------------------------------------------------------------

OLD = np.arange(8, dtype=np.float32).reshape(4, 2)
KNOWN = {"<s>": 3}
GROWN = (
    model(OLD, KNOWN, head=OLD),
    model(grown(OLD, 50), KNOWN | {"<x>": 4}, head=grown(OLD, 51), pad_token_id=4),
    model(
        grown(OLD, 60, 70), KNOWN | {"<y>": 4, "<z>": 5}, head=grown(OLD, 61, 71),
        eos_token_id=[1, 5],
    ),
)  # fmt: skip


def test_tokens_of_both_sides(merge: Merge, tmp_path: Path) -> None:
    outcome = merge(*GROWN, UNION)
    files = result(outcome)
    found = tensors(files[SINGLE])
    assert np.array_equal(found[EMBED], grown(OLD, 50, 60, 70))
    assert np.array_equal(found[HEAD], grown(OLD, 51, 61, 71))
    tokens = KNOWN | {"<x>": 4, "<y>": 5, "<z>": 6}
    assert json.loads(files["added_tokens.json"]) == tokens
    read = json.loads(files["tokenizer.json"])
    assert {t["content"]: t["id"] for t in read["added_tokens"]} == tokens
    decoder = json.loads(files["tokenizer_config.json"])["added_tokens_decoder"]
    assert {t["content"]: int(n) for n, t in decoder.items()} == tokens
    config = json.loads(files["config.json"])
    assert config == {
        "vocab_size": 7, "hidden_size": 2, "pad_token_id": 4, "eos_token_id": [1, 6],
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / "out" / name).write_bytes(content)
    assert verify(str(tmp_path / "out")) == []
    told = {v.name: v.why for v in outcome.verdicts}
    assert told[EMBED].startswith("rows by token: 3 added, 2 of theirs renumbered")


def test_the_rows_before_are_merged_as_usual(merge: Merge) -> None:
    base, ours, theirs = GROWN
    ours = model(grown(OLD + 1, 50), KNOWN | {"<x>": 4})
    theirs = model(grown(OLD * 2, 60), KNOWN | {"<y>": 4})
    base = model(OLD, KNOWN)
    found = tensors(result(merge(base, ours, theirs, UNION))[SINGLE])
    assert np.array_equal(found[EMBED], grown(OLD + 1 + OLD, 50, 60))


def test_a_token_that_both_added(merge: Merge) -> None:
    """With the same row it is one token; with two trained rows nobody can choose."""
    base = model(OLD, KNOWN)
    ours = model(grown(OLD, 50), KNOWN | {"<x>": 4})
    theirs = model(grown(OLD, 60, 50), KNOWN | {"<y>": 4, "<x>": 5})
    found = result(merge(base, ours, theirs, UNION))
    assert np.array_equal(tensors(found[SINGLE])[EMBED], grown(OLD, 50, 60))
    assert json.loads(found["added_tokens.json"]) == KNOWN | {"<x>": 4, "<y>": 5}


CONFLICTS = {
    "no recipe": (GROWN[2], TASK, "id 4 stands for '<x>' in ours and '<y>' in theirs"),
    "another row": (
        model(grown(OLD, 9), KNOWN | {"<x>": 4}), UNION, "both added '<x>', with different rows",
    ),
    "removed": (model(OLD * 2, {}), UNION, "removed the token '<s>'"),
    "renumbered": (model(OLD * 2, {"<s>": 2}), UNION, "disagrees about the id"),
    "a model file": (
        model(grown(OLD, 9), KNOWN | {"<y>": 4}) | {"tokenizer.model": "x"}, UNION,
        "tokenizer.model differs",
    ),
    "rows nobody explains": (model(grown(OLD, 9), KNOWN), UNION, "theirs has 1 rows more, and no"),
    "rows without tokens": (model(grown(OLD, 9), KNOWN), TASK, "rows of the vocabulary differ"),
    "a setting": (
        model(grown(OLD, 9), KNOWN | {"<y>": 4}, pad_token_id=3), UNION, "both changed it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFLICTS)
def test_what_nobody_can_tell_is_a_conflict(name: str, merge: Merge) -> None:
    theirs, recipe, why = CONFLICTS[name]
    base = model(OLD, KNOWN)
    ours = model(grown(OLD + 1, 50), KNOWN | {"<x>": 4}, pad_token_id=4)
    outcome = merge(base, ours, theirs, recipe)
    assert not outcome.written
    assert any(why in verdict.why for verdict in outcome.conflicts), outcome.conflicts


def test_padding_rows_are_ours(merge: Merge) -> None:
    """The embedding has more rows than there are tokens; new tokens took some of them."""
    padded = grown(OLD, 0, 0, 0)
    ours, theirs = padded.copy(), padded.copy()
    ours[4], theirs[4] = 50, 60
    sides = model(ours, KNOWN | {"<x>": 4}), model(theirs, KNOWN | {"<y>": 4})
    outcome = merge(model(padded, KNOWN), *sides, UNION)
    files = result(outcome)
    assert np.array_equal(tensors(files[SINGLE])[EMBED], grown(OLD, 50, 60, 0))
    assert json.loads(files["config.json"])["vocab_size"] == 7


def test_padding_rows_do_not_hide_that_two_tokens_have_one_id(merge: Merge) -> None:
    """The shapes agree, and a method would mix two unrelated rows."""
    padded = grown(OLD, 0, 0)
    outcome = merge(
        model(padded, KNOWN),
        model(padded + 1, KNOWN | {"<x>": 4}),
        model(padded + 2, KNOWN | {"<y>": 4}),
    )
    assert {v.name: v.kind for v in outcome.conflicts} == {EMBED: "vocabulary"}


def test_one_side_grew_alone(merge: Merge) -> None:
    theirs = model(grown(OLD, 60), KNOWN | {"<y>": 4})
    files = result(merge(model(OLD, KNOWN), model(OLD + 1, KNOWN), theirs, UNION))
    assert np.array_equal(tensors(files[SINGLE])[EMBED], grown(OLD + 1, 60))
    assert json.loads(files["config.json"])["vocab_size"] == 5
