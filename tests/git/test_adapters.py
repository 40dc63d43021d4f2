"""Adapters in `git merge`: a pair of factors is one value, of which nobody takes half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from lora import PREFIX, change, noise
from tiny import checkpoint, tensors

if TYPE_CHECKING:
    import subprocess

    from conftest import Repo
    from tiny import Array

FILE = "adapter_model.safetensors"
TASK = '[weights]\nmethod = "task_arithmetic"\n'
Q, V = "layers.0.q_proj", "layers.0.v_proj"
A, B = f"{PREFIX}{Q}.lora_A.weight", f"{PREFIX}{Q}.lora_B.weight"
A2, B2 = f"{PREFIX}{V}.lora_A.weight", f"{PREFIX}{V}.lora_B.weight"
BASE = {A: noise(1, 2, 6), B: noise(2, 8, 2), A2: noise(3, 2, 6), B2: noise(4, 8, 2)}


def merge(
    repo: Repo, ours: dict[str, Array | None], theirs: dict[str, Array | None], recipe: str = TASK
) -> subprocess.CompletedProcess[bytes]:
    """Merge versions that are given by what differs from the base; None is gone."""
    files = [
        checkpoint({n: v for n, v in (BASE | dict(moved)).items() if v is not None})
        for moved in ({}, ours, theirs)
    ]
    repo.diverge({FILE: files[0], ".tiebreak.toml": recipe}, {FILE: files[1]}, {FILE: files[2]})
    return repo.try_git("merge", "--no-edit", "other")


def moved(*names: str, seed: int) -> dict[str, Array | None]:
    return {name: BASE[name] + noise(seed + at, *BASE[name].shape) for at, name in enumerate(names)}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (moved(A, seed=10), moved(B, seed=20)),
        (moved(A, B, seed=10), moved(B, seed=20)),
        (moved(A, B, seed=10), moved(A, B, seed=20)),
        (moved(A, seed=10), {A: None, B: None}),
    ],
    ids=["a factor each", "one of them both", "all", "one side removed them"],
)
def test_a_pair_that_both_changed_is_left_as_ours(
    ours: dict[str, Array | None], theirs: dict[str, Array | None], installed: Repo
) -> None:
    """The first of these is one that a merge by tensor would take in silence."""
    done = merge(installed, ours, theirs)
    assert done.returncode == 1
    assert installed.unmerged() == [FILE]
    assert b"both changed this pair of LoRA factors" in done.stderr
    found = tensors(installed.read(FILE))
    assert {n: v.tobytes() for n, v in found.items()} == {
        n: v.tobytes() for n, v in (BASE | ours).items() if v is not None
    }


def test_a_recipe_that_takes_a_side_takes_both_factors_of_it(installed: Repo) -> None:
    ours, theirs = moved(A, seed=10), moved(B, seed=20)
    done = merge(installed, ours, theirs, '[weights]\nmethod = "theirs"\n')
    assert done.returncode == 0, done.stderr.decode()
    found = tensors(installed.read(FILE))
    assert found[A].tobytes() == BASE[A].tobytes()
    assert found[B].tobytes() == theirs[B].tobytes()  # type: ignore[union-attr]


def test_pairs_of_different_sides_go_together(installed: Repo) -> None:
    ours, theirs = moved(A, B, seed=10), moved(A2, B2, seed=20)
    assert merge(installed, ours, theirs, "").returncode == 0
    found = tensors(installed.read(FILE))
    for name, value in (ours | theirs).items():
        assert value is not None
        assert found[name].tobytes() == value.tobytes()


def test_a_factor_that_nobody_changed_leaves_the_other_to_the_method(installed: Repo) -> None:
    """The product is linear in one factor: its task arithmetic is that of the products."""
    ours, theirs = moved(B, seed=10), moved(B, seed=20)
    assert merge(installed, ours, theirs).returncode == 0
    found = tensors(installed.read(FILE))
    products = [change(BASE[A], side[B]) for side in (ours, theirs)]  # type: ignore[arg-type]
    expected = products[0] + products[1] - change(BASE[A], BASE[B])
    np.testing.assert_allclose(change(found[A], found[B]), expected, atol=1e-5)


def test_solve_keeps_pairs_together_too(repo: Repo) -> None:
    """Without the driver, in a tree that is already in conflict."""
    assert merge(repo, moved(A, seed=10), moved(B, seed=20)).returncode == 1
    done = repo.tiebreak("solve")
    assert b"LoRA factors" in done.stdout + done.stderr
    assert repo.unmerged() == [FILE]
