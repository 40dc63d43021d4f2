"""Three checkpoints as one: who changed what, what is left in conflict and why, what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiebreak.errors import UsageError
from tiebreak.policy import APPLY, LEAVE, Policy
from tiebreak.recipe import parse_recipe
from tiebreak.weights.errors import CheckpointError
from tiebreak.weights.file import CheckpointMerge, Files, Settings, merge_checkpoints
from tiebreak.weights.threeway import in_order
from tiebreak.weights_recipe import WeightsRecipe
from tiny import checkpoint, full, metadata, tensors

if TYPE_CHECKING:
    from pathlib import Path

    from tiny import Array

    Tensors = dict[str, Array]

NAN = float("nan")
PATH = "m.safetensors"


class Merger:
    """Merges versions that are given as tensors or as bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "result"

    def __call__(
        self, base: Tensors | bytes | None, ours: Tensors | bytes, theirs: Tensors | bytes,
        recipe: str = "", **settings: object,
    ) -> CheckpointMerge:  # fmt: skip
        bases = [] if base is None else [self.write("base", base)]
        files = Files(bases, self.write("ours", ours), self.write("theirs", theirs))
        weights = parse_recipe(recipe.encode()).weights or WeightsRecipe()
        how = Settings(recipe=weights.for_path(PATH))._replace(**settings)  # type: ignore[arg-type]
        return merge_checkpoints(PATH, files, str(self.output), how)

    def write(self, name: str, version: Tensors | bytes) -> str:
        """Write a version to a file."""
        file = self.folder / name
        file.write_bytes(version if isinstance(version, bytes) else checkpoint(version))
        return str(file)

    @property
    def result(self) -> Tensors:
        """What was written."""
        return tensors(self.output.read_bytes())


@pytest.fixture
def merge(tmp_path: Path) -> Merger:
    return Merger(tmp_path)


def one(value: float, *shape: int, dtype: str = "float32") -> Tensors:
    return {"a": full(value, *(shape or (2, 3)), dtype=dtype)}


def kinds(outcome: CheckpointMerge) -> dict[str, str]:
    return {verdict.name: verdict.kind for verdict in outcome.conflicts}


def test_what_one_side_changed_is_copied(merge: Merger) -> None:
    payload = np.array([NAN, -0.0, 1e-45, np.inf], np.float32)
    payload.view(np.uint32)[0] = 0x7FC12345  # this NaN and no other
    base = {"a": full(1, 2), "b": full(1, 4), "c": full(1, 2), "same": full(7, 1)}
    ours = base | {"a": full(2, 2), "c": full(9, 2)}
    theirs = base | {"b": payload, "c": full(9, 2)}
    outcome = merge(base, ours, theirs)
    assert (outcome.written, outcome.unmerged, outcome.tensors) == (True, False, 4)
    assert {v.name: v.by for v in outcome.verdicts} == {"a": "ours", "b": "theirs", "c": "both"}
    assert merge.output.read_bytes() == checkpoint(ours | {"b": payload})


def test_added_and_removed(merge: Merger) -> None:
    base = {"a": full(1, 2), "old": full(1, 2), "z": full(1, 2)}
    ours = {"a": full(1, 2), "z": full(1, 2)}
    theirs = {"new0": full(0, 1), "a": full(1, 2), "new1": full(1, 1), **base, "new2": full(2, 1)}
    assert not merge(base, ours, theirs).unmerged
    assert list(merge.result) == ["new0", "a", "new1", "z", "new2"]
    assert not merge(base, theirs, ours).unmerged
    assert sorted(merge.result) == ["a", "new0", "new1", "new2", "z"]


def test_order_of_names() -> None:
    assert in_order(["a", "b", "c"], ["x", "c", "y", "a", "z"]) == ["x", "a", "z", "b", "c", "y"]
    assert in_order([], ["b", "a"]) == ["b", "a"]


CONFLICTS = {
    "both-changed": (one(1), one(2), one(3), "no recipe says"),
    "shape": (one(1), one(1, 3, 3), one(1, 4, 4), "ours F32 [3, 3], theirs F32 [4, 4]"),
    "shape against values": (one(1), one(1, 3, 2), one(2), "the shapes differ"),
    "dtype": (one(1), one(1, dtype="float16"), one(2), "the types differ"),
    "presence": (one(1) | {"b": full(1, 1)}, {"b": full(1, 1)}, one(2) | {"b": full(1, 1)},
                 "ours removed it, theirs changed it"),
    "no-base": ({"b": full(1, 1)}, one(1) | {"b": full(1, 1)}, one(2) | {"b": full(1, 1)},
                "both added it"),
    "no-base at all": (None, one(1), one(2), "no common version"),
    "presence without base": (None, one(1), one(1) | {"x": full(1, 1)}, "only theirs has it"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFLICTS)
def test_conflicts(name: str, merge: Merger) -> None:
    base, ours, theirs, why = CONFLICTS[name]
    recipe = "" if name == "both-changed" else '[weights]\nmethod = "linear"\n'
    outcome = merge(base, ours, theirs, recipe)
    assert (outcome.written, outcome.unmerged) == (False, True)
    assert not merge.output.exists()
    (left,) = outcome.conflicts
    assert left.kind == name.partition(" ")[0]
    assert why in left.why


@pytest.mark.parametrize(("ours", "theirs"), [(5, 5), (5, 6), (4, 5)])
def test_rows_of_the_vocabulary(ours: int, theirs: int, merge: Merger) -> None:
    name = "model.embed_tokens.weight"
    outcome = merge(
        {name: full(1, 4, 2)}, {name: full(2, ours, 2)}, {name: full(3, theirs, 2)},
        '[weights]\nmethod = "task_arithmetic"\n',
    )  # fmt: skip
    assert kinds(outcome) == {name: "vocabulary"}


def test_a_vocabulary_that_one_side_grew(merge: Merger) -> None:
    name = "lm_head.weight"
    assert not merge({name: full(1, 4, 2)}, {name: full(2, 5, 2)}, {name: full(1, 4, 2)}).conflicts
    assert merge.result[name].shape == (5, 2)


TASK = '[weights]\nmethod = "task_arithmetic"\n'


def test_task_arithmetic_adds_both_changes(merge: Merger) -> None:
    base = {"a": np.array([1, 2, 4], np.float32), "b": full(1, 2, dtype="float16")}
    ours = {"a": np.array([1.5, 2, 3], np.float32), "b": full(2, 2, dtype="float16")}
    theirs = {"a": np.array([1, 5, 2], np.float32), "b": full(0.5, 2, dtype="float16")}
    assert not merge(base, ours, theirs, TASK).unmerged
    assert merge.result["a"].tolist() == [1.5, 5, 1]
    assert merge.result["b"].tolist() == [1.5, 1.5]
    first = merge.output.read_bytes()
    assert not merge(base, theirs, ours, TASK).unmerged
    assert merge.output.read_bytes() == first


def test_parameters_reach_the_method(merge: Merger) -> None:
    assert not merge(one(1), one(2), one(5), TASK + "weight = [0.5, 0.25]\nlambda = 2\n").unmerged
    assert merge.result["a"][0, 0] == 1 + 2 * (0.5 * 1 + 0.25 * 4)


def test_the_last_rule_that_matches_a_tensor_wins(merge: Merger) -> None:
    recipe = f"""{TASK}
        [[weights.tensors]]
        match = "*.norm.*"
        method = "theirs"
        [[weights.tensors]]
        match = "head.*"
        method = "conflict"
        [weights."*.safetensors"]
        method = "linear"
        [[weights."m.*".tensors]]
        match = "h.?.weight"
        method = "ours"
    """
    names = ["h.0.norm.weight", "h.1.weight", "x"]
    outcome = merge(*({n: full(v, 2) for n in names} for v in (1, 2, 4)), recipe)
    assert {v.name: v.by for v in outcome.verdicts} == {
        "h.0.norm.weight": "linear",  # the later table for the path is for all of its tensors
        "h.1.weight": "ours",
        "x": "linear",
    }
    short = recipe[: recipe.index('[weights."*')]
    names.append("head.w")
    outcome = merge(*({n: full(v, 2) for n in names} for v in (1, 2, 4)), short)
    assert [v.by for v in outcome.verdicts] == ["theirs", "task_arithmetic", "task_arithmetic", ""]


def test_a_side_of_the_recipe_settles_what_no_method_can(merge: Merger) -> None:
    recipe = '[weights]\nmethod = "theirs"\n'
    assert not merge(one(1), one(1, 3, 3), one(1, 4, 4), recipe).unmerged
    assert merge.result["a"].shape == (4, 4)


def test_integers_are_not_computed(merge: Merger) -> None:
    outcome = merge(*(one(v, dtype="int64") for v in (1, 2, 3)), TASK)
    assert kinds(outcome) == {"a": "numbers"}
    assert "I64 values are copied, never computed" in outcome.conflicts[0].why


@pytest.mark.parametrize("value", [NAN, float("inf"), float("-inf")])
@pytest.mark.parametrize("side", ["base", "ours", "theirs"])
def test_not_finite(side: str, value: float, merge: Merger) -> None:
    versions = {name: one(v) for name, v in (("base", 1), ("ours", 2), ("theirs", 3))}
    versions[side]["a"][1, 2] = value
    outcome = merge(*versions.values(), TASK)
    assert kinds(outcome) == {"a": "finite"}
    assert f"{side} holds NaN or infinity" in outcome.conflicts[0].why


def test_another_architecture_as_base(merge: Merger) -> None:
    base = {f"old{n}": full(n, 1) for n in range(5)} | one(1)
    ours, theirs = ({f"new{n}": full(n, 1) for n in range(5)} | one(v) for v in (2, 3))
    assert kinds(merge(base, ours, theirs, TASK)) == {"a": "unrelated"}


def test_another_model_of_the_same_shape_as_base(merge: Merger) -> None:
    rng = np.random.default_rng(1)
    base, trained_anew, step = (rng.standard_normal((80, 80)).astype(np.float32) for _ in range(3))
    tuned = {"a": base + step / 8}
    unrelated = merge({"a": base}, tuned, {"a": trained_anew}, TASK)
    assert kinds(unrelated) == {"a": "unrelated"}
    assert not merge({"a": base}, tuned, {"a": base - step / 8}, TASK).conflicts


def test_metadata(merge: Merger) -> None:
    texts = (
        {"format": "pt", "n": "1"},
        {"format": "pt", "n": "2", "o": "x"},
        {"format": "pt", "t": "y"},
    )
    files = [checkpoint(one(v), m) for v, m in zip((1, 2, 1), texts, strict=True)]
    outcome = merge(*files)
    assert kinds(outcome) == {"__metadata__.n": "metadata"}
    assert not merge(*files, '[weights]\nmetadata = "theirs"\n').unmerged
    assert metadata(merge.output.read_bytes()) == {"format": "pt", "o": "x", "t": "y"}
    assert not merge(*files, '[weights]\nmetadata = "ours"\n').unmerged
    assert metadata(merge.output.read_bytes()) == {"format": "pt", "n": "2", "o": "x", "t": "y"}


def test_a_favored_side_gets_every_conflict(merge: Merger) -> None:
    base = one(1) | {"b": full(1, 2)}
    outcome = merge(base, one(2), {"a": full(3, 9), "b": full(3, 2)}, favor="theirs")
    assert not outcome.unmerged
    assert (merge.result["a"].shape, merge.result["b"].tolist()) == ((9,), [3, 3])
    assert not merge(base, one(2), {"a": full(3, 9), "b": full(3, 2)}, favor="ours").unmerged
    assert list(merge.result) == ["a"]


def test_the_policy_limits_everything(merge: Merger) -> None:
    versions = one(1) | {"b": full(1, 1)}, one(2) | {"b": full(2, 1)}, one(1) | {"b": full(4, 1)}
    outcome = merge(*versions, TASK, policy=Policy(most=APPLY))
    assert (outcome.written, outcome.unmerged) == (True, True)
    merge.output.unlink()
    outcome = merge(*versions, TASK, policy=Policy(most=LEAVE))
    assert (outcome.written, outcome.unmerged) == (False, True)
    assert "the policy leaves it" in outcome.conflicts[0].why
    assert not merge.output.exists()
    careful = merge(*versions, TASK, policy=Policy(most=LEAVE), favor="theirs")
    assert not careful.written


@pytest.mark.parametrize(
    ("recipe", "line"),
    [
        ('[weights]\nmethod = "task_aritmetic"\n', "did you mean task_arithmetic?"),
        ('[weights]\nmethod = "linear"\nwheight = 1\n', "linear has no parameter 'wheight'"),
        ("[weights]\nweight = 1\n", ".tiebreak.toml:2: weights.weight: a parameter without"),
        ("[weights]\nmethod = 1\n", ".tiebreak.toml:2: weights.method: expected the name"),
        ('[weights]\nmetadata = "x"\n', "weights.metadata: expected ours or theirs"),
        ("[weights]\ntensors = 1\n", "weights.tensors: expected a list of tables"),
        ('[[weights.tensors]]\nmethod = "linear"\n', "expected match ="),
        ('[[weights.tensors]]\nmatch = "x"\n', "match = 'x' needs a method"),
        ("weights = 1\n", "expected a table, [weights]"),
        ('[weights."!x"]\nmethod = "linear"\n', '.tiebreak.toml:1: weights."!x"'),
    ],
)  # fmt: skip
def test_recipes_that_make_no_sense(recipe: str, line: str, merge: Merger) -> None:
    with pytest.raises(UsageError) as caught:
        merge(one(1), one(2), one(3), recipe)
    assert line in str(caught.value)
    assert str(caught.value).startswith(".tiebreak.toml")
    assert not merge.output.exists()


@pytest.mark.parametrize("side", ["base", "ours", "theirs"])
def test_damage_names_the_version(side: str, merge: Merger) -> None:
    versions = {name: checkpoint(one(v)) for name, v in (("base", 1), ("ours", 2), ("theirs", 1))}
    versions[side] = versions[side][:-1]
    with pytest.raises(CheckpointError, match=f"^{side}: truncated: tensor 'a'"):
        merge(*versions.values())
    assert not merge.output.exists()


def test_no_tensors_at_all(merge: Merger) -> None:
    assert not merge({}, {}, one(1)).unmerged
    assert list(merge.result) == ["a"]


def test_two_merge_bases(merge: Merger) -> None:
    """What they agree on is the base; of the rest nobody's change is known."""
    names = ("a", "b", "c", "d")
    first = {name: full(1, 2) for name in names}
    second = first | {"c": full(2, 2), "d": full(2, 2)}
    ours = first | {"a": full(3, 2), "c": full(3, 2), "d": full(5, 2)}
    theirs = first | {"b": full(4, 2), "c": full(4, 2), "d": full(5, 2)}
    files = [merge.write(*v) for v in (("1", first), ("2", second), ("o", ours), ("t", theirs))]
    settings = Settings()
    outcome = merge_checkpoints(PATH, Files(files[:2], *files[2:]), str(merge.output), settings)
    assert {v.name: (v.by, v.kind) for v in outcome.verdicts} == {
        "a": ("ours", ""), "b": ("theirs", ""), "c": ("", "no-base"), "d": ("both", ""),
    }  # fmt: skip


def test_tied_weights(merge: Merger) -> None:
    """A tensor that is left out because it is the same as another changes with that other."""
    tied = {"format": "pt", "head": "embed"}
    base = checkpoint({"embed": full(1, 2)}, tied)
    ours = checkpoint({"embed": full(1, 2), "head": full(1, 2)})
    changed, unchanged = (checkpoint({"embed": full(v, 2), "x": full(1, 1)}, tied) for v in (2, 1))
    assert kinds(merge(base, ours, changed)) == {"head": "tied"}
    assert kinds(merge(base, changed, ours)) == {"head": "tied"}
    assert not merge(base, ours, unchanged).unmerged
    assert list(merge.result) == ["embed", "x", "head"]
    assert metadata(merge.output.read_bytes()) == {"format": "pt"}
    assert not merge(base, changed, unchanged).unmerged
    assert metadata(merge.output.read_bytes()) == tied
