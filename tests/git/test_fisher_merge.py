"""Fisher merging by recipe under git: the Fisher of each side is in the commit of its version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_checkpoints import needs_lfs, with_lfs

from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.importance import MODEL, content_of
from tiebreak.weights.lfs import Store, parse_pointer
from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from conftest import Repo
    from tiny import Array

    Start = Callable[[Repo], subprocess.CompletedProcess[bytes]]

FILE, FISHER = "sub/model.safetensors", "sub/model.fisher.safetensors"
RECIPE = """[weights]
method = "fisher"
normalize_fishers = false

[weights."*.fisher.safetensors"]
method = "ours"
metadata = "ours"
"""
BASE = {"w": full(0, 2), "only": full(0, 2)}
OURS = {"w": full(1, 2), "only": full(0, 2)}
THEIRS = {"w": full(3, 2), "only": full(7, 2)}


def fisher_of(model: bytes, value: float, folder: Path) -> bytes:
    """What `tiebreak weights fisher` writes."""
    (folder / "model").write_bytes(model)
    with open_checkpoint(str(folder / "model")) as found:
        metadata = {"format": "pt", MODEL: content_of(found)}
    return checkpoint({"w": full(value, 2), "only": full(value, 2)}, metadata)


def side(model: dict[str, Array], value: float, folder: Path) -> dict[str, str | bytes | None]:
    data = checkpoint(model)
    return {FILE: data, FISHER: fisher_of(data, value, folder)}


@pytest.fixture
def sides(installed: Repo, tmp_path: Path) -> Repo:
    """Both sides changed w, and committed their Fisher: 1 and 3."""
    return diverged(installed, tmp_path)


def diverged(repo: Repo, folder: Path) -> Repo:
    base = {FILE: checkpoint(BASE), ".tiebreak.toml": RECIPE}
    repo.diverge(base, side(OURS, 1, folder), side(THEIRS, 3, folder))
    return repo


def read(repo: Repo) -> dict[str, list[float]]:
    return {name: array.tolist() for name, array in tensors(repo.read(FILE)).items()}


MERGED = {"w": [2.5, 2.5], "only": [7, 7]}


def merge(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    return repo.try_git("merge", "other")


def rebase(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    return repo.try_git("rebase", "other")


def cherry_pick(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    return repo.try_git("cherry-pick", "other")


def without_names(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    """A detached commit that no branch has, merged by its id."""
    commit = repo.git("rev-parse", "other")
    repo.git("branch", "-D", "other")
    return repo.try_git("merge", commit)


@pytest.mark.parametrize("start", [merge, rebase, cherry_pick, without_names])
def test_each_side_weighs_by_its_own_fisher(start: Start, sides: Repo) -> None:
    done = start(sides)
    assert done.returncode == 0, done.stderr.decode()
    assert read(sides) == MERGED
    assert b"1 by fisher" in done.stderr
    assert not sides.litter()


@needs_lfs
@pytest.mark.parametrize("start", [merge, rebase])
def test_under_lfs(start: Start, installed: Repo, tmp_path: Path) -> None:
    repo = diverged(with_lfs(installed), tmp_path)
    done = start(repo)
    assert done.returncode == 0, done.stderr.decode()
    assert read(repo) == MERGED
    assert not repo.litter()


@needs_lfs
def test_a_fisher_that_was_not_fetched_is_a_conflict(installed: Repo, tmp_path: Path) -> None:
    repo = diverged(with_lfs(installed), tmp_path)
    pointer = parse_pointer(repo.run("git", "cat-file", "blob", f"other:{FISHER}").stdout)
    assert pointer is not None
    Path(Store(str(repo.path / ".git")).object_path(pointer.oid)).unlink()
    assert_conflict(repo, f"theirs: the Git LFS object {pointer.oid[:12]} of its Fisher is not")


def test_of_a_rebase_of_several_commits_each_has_its_own(sides: Repo, tmp_path: Path) -> None:
    """The second commit's ours is the first merge, whose Fisher would be another's."""
    sides.commit(side(OURS | {"w": full(9, 2)}, 1, tmp_path))
    done = sides.try_git("rebase", "other")
    assert done.returncode == 1
    assert b"w (both changed it (F32 [2]); ours: the Fisher is of another version" in done.stderr
    assert read(sides) == MERGED


def assert_conflict(repo: Repo, why: str) -> None:
    done = merge(repo)
    assert done.returncode == 1
    assert why in done.stderr.decode()
    assert read(repo) == {name: array.tolist() for name, array in OURS.items()}
    assert FILE in repo.unmerged()
    assert not repo.litter()


@pytest.mark.parametrize("who", ["ours", "theirs"])
def test_a_missing_fisher_is_a_conflict_that_says_so(
    who: str, installed: Repo, tmp_path: Path
) -> None:
    versions = {"ours": side(OURS, 1, tmp_path), "theirs": side(THEIRS, 3, tmp_path)}
    versions[who].pop(FISHER)
    base = {FILE: checkpoint(BASE), ".tiebreak.toml": RECIPE}
    installed.diverge(base, versions["ours"], versions["theirs"])
    assert_conflict(installed, f"{who}: its commit has no {FISHER}; tiebreak weights fisher")


def test_the_fisher_of_an_older_version_is_a_conflict(sides: Repo) -> None:
    sides.checkout("other")
    sides.commit({FILE: checkpoint(THEIRS | {"w": full(4, 2)})})
    sides.checkout("main")
    assert_conflict(sides, "theirs: the Fisher is of another version of the model")


def test_a_fisher_that_lacks_the_tensor_is_a_conflict(sides: Repo) -> None:
    sides.checkout("other")
    sides.commit({FISHER: checkpoint({"only": full(1, 2)})})
    sides.checkout("main")
    assert_conflict(sides, "theirs: the Fisher lacks tensor 'w'")


def test_a_fisher_that_is_none_is_a_conflict(sides: Repo) -> None:
    sides.checkout("other")
    sides.commit({FISHER: "no checkpoint\n"})
    sides.checkout("main")
    assert_conflict(sides, "theirs: ")


def test_a_negative_fisher_leaves_ours(sides: Repo) -> None:
    sides.checkout("other")
    sides.commit({FISHER: checkpoint({"w": full(-1, 2), "only": full(1, 2)})})
    sides.checkout("main")
    assert_conflict(sides, "the Fisher of model 2 is negative or not finite")


def test_a_tensor_that_one_side_changed_needs_no_fisher(installed: Repo) -> None:
    base = {FILE: checkpoint(BASE), ".tiebreak.toml": RECIPE}
    one, two = BASE | {"w": full(1, 2)}, BASE | {"only": full(2, 2)}
    installed.diverge(base, {FILE: checkpoint(one)}, {FILE: checkpoint(two)})
    assert merge(installed).returncode == 0
    assert read(installed) == {"w": [1, 1], "only": [2, 2]}


def test_one_method_for_each_tensor(installed: Repo, tmp_path: Path) -> None:
    """Tensors of other methods do not count in the norm, and need no Fisher."""
    recipe = '[weights]\nmethod = "linear"\n[[weights.tensors]]\nmatch = "w"\nmethod = "fisher"\n'
    ours, theirs = ({name: full(n, 2) for name in ("w", "v")} for n in (1, 3))
    base = {FILE: checkpoint({name: full(0, 2) for name in ("w", "v")}), ".tiebreak.toml": recipe}
    fishers = [checkpoint({"w": np.array(f, np.float32)}) for f in ([1, 0], [3, 0])]
    installed.diverge(
        base,
        {FILE: checkpoint(ours), FISHER: fishers[0]},
        {FILE: checkpoint(theirs), FISHER: fishers[1]},
    )
    done = merge(installed)
    assert installed.unmerged() == [FISHER], done.stderr.decode()  # no rule for it in this recipe
    assert read(installed)["v"] == [2, 2]
    assert read(installed)["w"] == pytest.approx([2, 1], abs=1e-5)


def stash(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    """Ours is what was stashed, and no two commits are merged: each file is solved alone."""
    repo.git("reset", "-q", "--soft", "HEAD~1")
    repo.git("stash")
    repo.git("checkout", "-q", "other")
    return repo.try_git("stash", "pop")


@pytest.mark.parametrize("start", [merge, rebase, cherry_pick, stash])
def test_solve_weighs_by_them_too(start: Start, repo: Repo, tmp_path: Path) -> None:
    diverged(repo, tmp_path)
    assert start(repo).returncode == 1
    assert set(repo.unmerged()) == {FILE, FISHER}
    done = repo.tiebreak("solve")
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    assert read(repo) == MERGED
    assert repo.unmerged() == []


def test_solve_says_that_a_fisher_is_missing(repo: Repo, tmp_path: Path) -> None:
    base = {FILE: checkpoint(BASE), ".tiebreak.toml": RECIPE}
    repo.diverge(base, side(OURS, 1, tmp_path), {FILE: checkpoint(THEIRS)})
    assert merge(repo).returncode == 1
    assert (
        f"theirs: its commit has no {Path(FISHER).name}" in repo.tiebreak("solve").stdout.decode()
    )
