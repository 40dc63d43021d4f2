"""Checkpoints under `git merge` and its kin, as plain files and under Git LFS.

Git LFS itself is needed: TIEBREAK_NO_LFS=1 in the environment skips those tests, on purpose only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tiebreak
from conftest import GIT, Repo, have, register
from models import ONE, TWO, sharded
from tiebreak.git.install import driver_command, launcher_path
from tiebreak.weights.lfs import Pointer, Store, parse_pointer
from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tiny import Array

    Tensors = dict[str, Array]
    Situation = Callable[[Repo], subprocess.CompletedProcess[bytes]]

FILE = "m.safetensors"
TASK = '[weights]\nmethod = "task_arithmetic"\n'
BULK = {"bulk": np.arange(4096, dtype=np.float32)}  # so that git sees a renamed file as one

BASE = BULK | {"a": full(1, 2), "b": full(1, 2), "c": full(1, 2)}
OURS = BASE | {"a": full(2, 2), "c": full(3, 2)}
THEIRS = BASE | {"b": full(4, 2), "c": full(6, 2)}
MERGED = BASE | {"a": full(2, 2), "b": full(4, 2), "c": full(8, 2)}

# The environment must not decide whether a test that protects users runs: only this switch does.
NO_LFS = bool(os.environ.get("TIEBREAK_NO_LFS"))
needs_lfs = pytest.mark.skipif(NO_LFS, reason="TIEBREAK_NO_LFS is set")


@pytest.fixture
def lfs(installed: Repo) -> Repo:
    """A repository with tiebreak and with Git LFS for checkpoints."""
    assert have("git-lfs"), (
        "git-lfs is not installed (apt install git-lfs); TIEBREAK_NO_LFS=1 skips"
    )
    return with_lfs(installed)


def with_lfs(repo: Repo) -> Repo:
    repo.git("lfs", "install", "--local", "--skip-repo")
    repo.commit({".gitattributes": "*.safetensors filter=lfs diff=lfs merge=lfs -text\n"})
    return repo


def diverge(repo: Repo, *versions: Tensors | bytes, recipe: str = TASK, name: str = FILE) -> None:
    """Base, ours and theirs, checked out on ours, with a recipe."""
    base, ours, theirs = (v if isinstance(v, bytes) else checkpoint(v) for v in versions)
    repo.diverge({name: base, ".tiebreak.toml": recipe}, {name: ours}, {name: theirs})


def index(repo: Repo) -> list[str]:
    """The stages of the checkpoint in the index."""
    out = repo.git("ls-files", "-s", "--", FILE).splitlines()
    return [line.split()[2] for line in out]


def read(repo: Repo, name: str = FILE) -> Tensors:
    return tensors(repo.read(name))


def same(found: Tensors, expected: Tensors) -> bool:
    return list(found) == list(expected) and all(
        np.array_equal(found[name], expected[name]) for name in expected
    )


def assert_ours_in_conflict(repo: Repo, done: subprocess.CompletedProcess[bytes]) -> None:
    """As git alone leaves it: our file, unmerged, both sides in the index; and nothing else."""
    assert done.returncode == 1, done
    assert same(read(repo), OURS)
    assert index(repo) == ["1", "2", "3"]
    assert_no_litter(repo)


def assert_no_litter(repo: Repo) -> None:
    assert not repo.litter()
    assert not list((repo.path / ".git/lfs").glob("tmp/tiebreak-*"))


def journal(repo: Repo) -> bool:
    folder = repo.path / ".git/tiebreak/journal"
    return folder.is_dir() and any(path.name != "pruned" for path in folder.iterdir())


# Situations ---------------------------------------------------------------------------------------


def merge(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    diverge(repo, BASE, OURS, THEIRS)
    return repo.try_git("merge", "other")


def rebase(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    diverge(repo, BASE, OURS, THEIRS)
    return repo.try_git("rebase", "other")


def cherry_pick(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    diverge(repo, BASE, OURS, THEIRS)
    return repo.try_git("cherry-pick", "other")


def stash_pop(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    repo.commit({FILE: checkpoint(BASE), ".tiebreak.toml": TASK})
    repo.write({FILE: checkpoint(THEIRS)})
    repo.git("stash")
    repo.commit({FILE: checkpoint(OURS)})
    return repo.try_git("stash", "pop")


def rename(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    repo.commit({"old.safetensors": checkpoint(BASE), ".tiebreak.toml": TASK})
    repo.checkout("-b", "other")
    repo.commit({"old.safetensors": checkpoint(THEIRS)})
    repo.checkout("main")
    repo.git("mv", "old.safetensors", FILE)
    repo.commit({FILE: checkpoint(OURS)})
    return repo.try_git("merge", "other")


SITUATIONS = [merge, rebase, cherry_pick, stash_pop, rename]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_merged(situation: Situation, installed: Repo) -> None:
    done = situation(installed)
    assert done.returncode == 0, done
    assert same(read(installed), MERGED)
    assert index(installed) == ["0"]
    assert b"3 changed tensors" in installed.tiebreak("review").stdout
    assert_no_litter(installed)


@needs_lfs
@pytest.mark.parametrize("situation", [merge, rebase, cherry_pick, stash_pop])
def test_merged_under_lfs(situation: Situation, lfs: Repo) -> None:
    done = situation(lfs)
    assert done.returncode == 0, done
    assert same(read(lfs), MERGED)
    if situation is stash_pop:  # which leaves the index alone
        lfs.git("add", FILE)
    assert_a_pointer(lfs)


def assert_a_pointer(repo: Repo) -> None:
    """The index holds a canonical pointer whose object is in the store; git and git-lfs agree."""
    blob = repo.run("git", "cat-file", "blob", f":{FILE}").stdout
    pointer = parse_pointer(blob)
    assert pointer is not None
    assert pointer.text == blob
    found = Store(str(repo.path / ".git")).find(pointer)
    assert found is not None
    assert Path(found).read_bytes() == repo.read(FILE)
    repo.git("commit", "-q", "--allow-empty", "-m", "all")
    assert "OK" in repo.git("lfs", "fsck")
    assert repo.git("status", "--short", "--untracked-files=no") == ""
    assert_no_litter(repo)


def test_order_and_untouched_bytes_stay(installed: Repo) -> None:
    """Every byte is that of a version: a header of our order, tensors as they were."""
    diverge(installed, BASE, BASE | {"a": full(2, 2)}, BASE | {"b": full(4, 2)}, recipe="")
    assert installed.try_git("merge", "other").returncode == 0
    assert installed.read(FILE) == checkpoint(BASE | {"a": full(2, 2), "b": full(4, 2)})


def test_the_line_says_what_was_done(installed: Repo) -> None:
    said = merge(installed).stderr.decode()
    line = "tiebreak: m.safetensors: 4 tensors merged: 1 from ours, 1 from theirs, "
    assert line + "1 by task_arithmetic (tiebreak review)\n" in said


# Conflicts ----------------------------------------------------------------------------------------

CONFLICTS = {
    "no recipe": (THEIRS, "", "c (both changed it (F32 [2]), and no recipe"),
    "shape": (BASE | {"c": full(5, 3)}, TASK, "c (the shapes differ: base F32 [2]"),
    "dtype": (BASE | {"c": full(5, 2, dtype="float16")}, TASK, "c (the types differ"),
    "presence": ({k: v for k, v in BASE.items() if k != "c"}, TASK, "c (theirs removed it"),
    "not a number": (BASE | {"c": full(float("nan"), 2)}, TASK, "theirs holds NaN"),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_conflicts(name: str, installed: Repo) -> None:
    theirs, recipe, why = CONFLICTS[name]
    diverge(installed, BASE, OURS, theirs, recipe=recipe)
    done = installed.try_git("merge", "other")
    assert_ours_in_conflict(installed, done)
    assert why in done.stderr.decode()
    review = installed.tiebreak("review").stdout.decode()
    assert "ours was kept" in review
    assert "c  " in review
    assert why.removeprefix("c (") in review


@needs_lfs
def test_conflict_under_lfs(lfs: Repo) -> None:
    diverge(lfs, BASE, OURS, THEIRS, recipe="")
    done = lfs.try_git("merge", "other")
    assert_ours_in_conflict(lfs, done)
    ours = lfs.run("git", "cat-file", "blob", f":2:{FILE}").stdout
    assert parse_pointer(ours) is not None


@pytest.mark.parametrize("moved", ["ours", "theirs"])
def test_a_tensor_that_moved_to_another_shard(moved: str, installed: Repo) -> None:
    """The conflict names the shard, and what merges both; and that does."""
    a, b, c = full(1, 2), full(1, 3), full(1, 4)
    away = sharded({ONE: {"a": a}, TWO: {"b": b, "c": c}})
    changed = sharded({ONE: {"a": a, "b": full(2, 3)}, TWO: {"c": c}})
    sides = (away, changed) if moved == "ours" else (changed, away)
    installed.diverge(sharded({ONE: {"a": a, "b": b}, TWO: {"c": c}}), *sides)
    done = installed.try_git("merge", "other")
    assert done.returncode == 1
    assert f"b ({moved} moved it to {TWO}, " in done.stderr.decode()
    assert "; tiebreak solve merges the shards together)" in done.stderr.decode()
    assert "moved" in installed.tiebreak("review").stdout.decode()
    assert installed.tiebreak("solve").returncode == 0
    assert same(read(installed, TWO), {"b": full(2, 3), "c": c})
    assert installed.tiebreak("weights", "verify", ".").returncode == 0


def test_added_by_both(installed: Repo) -> None:
    first = BASE | {"mine": full(1, 1)}
    installed.diverge({"x": "x"}, {FILE: checkpoint(first)}, {FILE: checkpoint(BASE)})
    done = installed.try_git("merge", "other")
    assert done.returncode == 1
    assert b"mine (only ours has it, and there is no common version)" in done.stderr
    assert same(read(installed), first)
    assert index(installed) == ["2", "3"]


def test_added_by_both_alike(installed: Repo) -> None:
    """The tensors are equal, the files are not."""
    theirs = checkpoint(BASE, {"format": "pt", "step": "7"})
    installed.diverge({"x": "x"}, {FILE: checkpoint(BASE)}, {FILE: theirs})
    assert installed.try_git("merge", "other").returncode == 0
    assert installed.read(FILE) == theirs


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_strategy_option(side: str, installed: Repo) -> None:
    diverge(installed, BASE, OURS, THEIRS, recipe="")
    assert installed.try_git("merge", "-X", side, "other").returncode == 0
    chosen = {"ours": OURS, "theirs": THEIRS}[side]
    assert same(read(installed), MERGED | {"c": chosen["c"]})


def test_policy(installed: Repo) -> None:
    installed.git("config", "tiebreak.most", "apply")
    done = merge(installed)
    assert done.returncode == 1
    assert same(read(installed), MERGED)
    assert index(installed) == ["1", "2", "3"]
    assert b"left unmerged for review" in done.stderr


def test_switched_off(installed: Repo, twin: Repo) -> None:
    for repo, env in ((installed, {"TIEBREAK": "0"}), (twin, {})):
        diverge(repo, BASE, OURS, BASE | {"b": full(4, 2)})
        assert_ours_in_conflict(repo, repo.try_git("merge", "other", env=env))
    assert installed.git("ls-files", "-s") == twin.git("ls-files", "-s")


def test_recipe_that_makes_no_sense(installed: Repo) -> None:
    diverge(installed, BASE, OURS, THEIRS, recipe='[weights]\nmethod = "magic"\n')
    done = installed.try_git("merge", "other")
    assert_ours_in_conflict(installed, done)
    assert b".tiebreak.toml: there is no method 'magic'" in done.stderr


# Base 1, ours 3, theirs 6: changes of 2 and 5 in the same direction
BY_METHOD = {
    '"magmax"': 6,
    '"sce"': 1 + (4 * 2 + 25 * 5) / 29,
    '"ram"': 4.5,
    '"breadcrumbs"\ndensity = 1': 8,
    '"della"\ndensity = 1': 4.5,
    '"nearswap"\nt = 1': 4,
    '"nuslerp"\nweight = [1, 3]': 1 + (2 + 3 * 5) / 4,
    '"multislerp"': 4.5,
    '"karcher"': 4.5,
    '"model_stock"': 4.5,
}


@pytest.mark.parametrize("recipe", BY_METHOD)
def test_methods_of_a_recipe(recipe: str, installed: Repo) -> None:
    diverge(installed, BASE, OURS, THEIRS, recipe=f"[weights]\nmethod = {recipe}\n")
    done = installed.try_git("merge", "other")
    assert done.returncode == 0, done
    assert read(installed)["c"].tolist() == pytest.approx([BY_METHOD[recipe]] * 2, rel=1e-6)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ('"passthrough"', b"passthrough merges 1 model, 2 are given"),
        ('"nearswap"', b"nearswap needs the parameter t"),
        ('"della"\ndensity = 0.9', b"della: density - epsilon and density + epsilon have to be"),
    ],
)
def test_a_recipe_whose_parameters_make_no_sense(
    recipe: str, words: bytes, installed: Repo
) -> None:
    diverge(installed, BASE, OURS, THEIRS, recipe=f"[weights]\nmethod = {recipe}\n")
    done = installed.try_git("merge", "other")
    assert_ours_in_conflict(installed, done)
    assert words in done.stderr


# Merges of merge bases ----------------------------------------------------------------------------


def criss_cross(repo: Repo, recipe: str = TASK) -> None:
    """Two merge bases that differ in `c`; then ours changes `a`, theirs changes `b`."""
    repo.commit({FILE: checkpoint(BASE), ".tiebreak.toml": recipe}, "root")
    repo.commit({FILE: checkpoint(BASE | {"c": full(3, 2)})}, "first")
    repo.checkout("-b", "other", "HEAD~1")
    repo.commit({FILE: checkpoint(BASE | {"c": full(4, 2)})}, "second")
    repo.git("merge", "-q", "-s", "ours", "main")
    repo.checkout("main")
    repo.git("merge", "-q", "-s", "ours", "other~1")
    repo.commit({FILE: checkpoint(BASE | {"a": full(2, 2), "c": full(5, 2)})})
    repo.checkout("other")
    repo.commit({FILE: checkpoint(BASE | {"b": full(4, 2), "c": full(5, 2)})})
    repo.checkout("main")


@pytest.mark.parametrize("registered", [True, False])
def test_criss_cross(registered: bool, installed: Repo) -> None:  # noqa: FBT001
    """The base is that of the bases, as for any binary file, whoever merges the bases."""
    if not registered:
        installed.git("config", "--unset", "merge.tiebreak.recursive")
    criss_cross(installed)
    done = installed.try_git("merge", "other")
    assert done.returncode == 0, done
    assert same(read(installed), BASE | {"a": full(2, 2), "b": full(4, 2), "c": full(5, 2)})
    assert installed.tiebreak("review", "--all").stdout.count(b"\n") == 1


@needs_lfs
def test_criss_cross_under_lfs(lfs: Repo) -> None:
    """Git merges the pointers of the bases by lines: the base is what both bases agree on."""
    criss_cross(lfs)
    done = lfs.try_git("merge", "other")
    assert done.returncode == 0, done
    assert same(read(lfs), BASE | {"a": full(2, 2), "b": full(4, 2), "c": full(5, 2)})
    assert_a_pointer(lfs)


@needs_lfs
def test_criss_cross_in_what_the_bases_differ_in(lfs: Repo) -> None:
    criss_cross(lfs)
    ours = BASE | {"a": full(2, 2), "c": full(7, 2)}
    lfs.commit({FILE: checkpoint(ours)})
    done = lfs.try_git("merge", "other")
    assert done.returncode == 1
    assert b"c (the merge bases differ in it" in done.stderr
    assert same(read(lfs), ours)
    assert index(lfs)[-2:] == ["2", "3"]
    assert_no_litter(lfs)


# Git LFS ------------------------------------------------------------------------------------------


def objects(repo: Repo) -> Store:
    return Store(str(repo.path / ".git"))


def pointer_of(repo: Repo, revision: str) -> Pointer:
    pointer = parse_pointer(repo.run("git", "cat-file", "blob", f"{revision}:{FILE}").stdout)
    assert pointer is not None
    return pointer


@needs_lfs
@pytest.mark.parametrize("revision", ["main~1", "other"])
def test_missing_object(revision: str, lfs: Repo) -> None:
    diverge(lfs, BASE, OURS, THEIRS)
    pointer = pointer_of(lfs, revision)
    Path(objects(lfs).object_path(pointer.oid)).unlink()
    done = lfs.try_git("merge", "other")
    assert_ours_in_conflict(lfs, done)
    side = {"main~1": "base", "other": "theirs"}[revision]
    assert f"{side}: the Git LFS object {pointer.oid[:12]} is not here" in done.stderr.decode()


@needs_lfs
def test_truncated_object(lfs: Repo) -> None:
    """An object of the wrong size is not there."""
    diverge(lfs, BASE, OURS, THEIRS)
    place = Path(objects(lfs).object_path(pointer_of(lfs, "other").oid))
    place.chmod(0o644)
    place.write_bytes(place.read_bytes()[:-1])
    assert_ours_in_conflict(lfs, lfs.try_git("merge", "other"))


@needs_lfs
def test_object_that_only_the_remote_has(lfs: Repo, tmp_path: Path) -> None:
    diverge(lfs, BASE, OURS, THEIRS)
    lfs.run("git", "init", "-q", "--bare", str(tmp_path / "remote.git"))
    lfs.git("remote", "add", "origin", f"file://{tmp_path}/remote.git")
    lfs.git("lfs", "push", "--all", "origin")
    Path(objects(lfs).object_path(pointer_of(lfs, "other").oid)).unlink()
    done = lfs.try_git("merge", "other")
    assert done.returncode == 0, done
    assert same(read(lfs), MERGED)
    assert_a_pointer(lfs)


@needs_lfs
def test_store_elsewhere(lfs: Repo, tmp_path: Path) -> None:
    lfs.git("config", "lfs.storage", str(tmp_path / "store"))
    assert merge(lfs).returncode == 0
    assert same(read(lfs), MERGED)
    assert Store(str(tmp_path), "store").find(pointer_of(lfs, "HEAD"))
    assert not (lfs.path / ".git/lfs/objects").exists()


@needs_lfs
def test_linked_work_tree(lfs: Repo, tmp_path: Path) -> None:
    diverge(lfs, BASE, OURS, THEIRS)
    lfs.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "third")
    linked = Repo.at(tmp_path / "linked")
    assert linked.try_git("merge", "other").returncode == 0
    assert same(read(linked), MERGED)
    assert objects(lfs).find(pointer_of(linked, "HEAD"))


@needs_lfs
def test_ours_raw_theirs_pointer(installed: Repo) -> None:
    """LFS came on one side only: the result is of the kind that ours is."""
    assert have("git-lfs")
    installed.commit({FILE: checkpoint(BASE), ".tiebreak.toml": TASK})
    installed.checkout("-b", "other")
    with_lfs(installed)
    installed.commit({FILE: checkpoint(THEIRS)})
    installed.checkout("main")
    installed.commit({FILE: checkpoint(OURS)})
    assert installed.try_git("merge", "other").returncode == 0
    blob = installed.run("git", "cat-file", "blob", f"HEAD:{FILE}").stdout
    assert same(tensors(blob), MERGED)


@needs_lfs
def test_ours_pointer_theirs_raw(installed: Repo) -> None:
    assert have("git-lfs")
    installed.commit({FILE: checkpoint(BASE), ".tiebreak.toml": TASK})
    installed.checkout("-b", "other")
    installed.commit({FILE: checkpoint(THEIRS)})
    installed.checkout("main")
    with_lfs(installed)
    installed.commit({FILE: checkpoint(OURS)})
    assert installed.try_git("merge", "other").returncode == 0
    assert same(read(installed), MERGED)
    assert_a_pointer(installed)


@needs_lfs
def test_other_files_of_lfs_get_no_markers(lfs: Repo) -> None:
    """A driver for source files is asked for a data file that is under LFS."""
    lfs.commit({".gitattributes": "*.json filter=lfs diff=lfs -text\n"})
    lfs.diverge({"d.json": "1\n"}, {"d.json": "2\n"}, {"d.json": "3\n"})
    done = lfs.try_git("merge", "other")
    assert done.returncode == 1
    assert lfs.read("d.json") == b"2\n"
    assert lfs.unmerged() == ["d.json"]


# What is damaged, killed or missing ---------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 4, 30, -1])
def test_damage_on_their_side(cut: int, installed: Repo) -> None:
    diverge(installed, BASE, OURS, checkpoint(THEIRS)[:cut] if cut else b"")
    done = installed.try_git("merge", "other")
    assert_ours_in_conflict(installed, done)
    assert b"theirs: " in done.stderr
    assert not journal(installed)


def test_text_with_the_name_of_a_checkpoint(installed: Repo) -> None:
    """Not one version is a checkpoint: git's text merge."""
    pad = "\n" * 8
    diverge(installed, *(f"{a}{pad}{b}\n".encode() for a, b in ((1, 1), (2, 1), (1, 3))))
    assert installed.try_git("merge", "other").returncode == 0
    assert installed.read(FILE) == f"2{pad}3\n".encode()


def test_checkpoint_with_another_name(installed: Repo) -> None:
    (installed.path / ".git/info/attributes").write_text("*.bin merge=tiebreak -text\n")
    diverge(installed, BASE, OURS, THEIRS, name="model.bin")
    assert installed.try_git("merge", "other").returncode == 0
    assert same(read(installed, "model.bin"), MERGED)


def test_other_binary_files_stay_ours(installed: Repo) -> None:
    (installed.path / ".git/info/attributes").write_text("*.png merge=tiebreak\n")
    installed.diverge({"x.png": b"\0base"}, {"x.png": b"\0ours"}, {"x.png": b"\0theirs"})
    done = installed.try_git("merge", "other")
    assert done.returncode == 1
    assert installed.read("x.png") == b"\0ours"
    assert b"tiebreak: " not in done.stderr


def test_strange_path(installed: Repo) -> None:
    name = "it's 100%/a b\u00e9.safetensors"
    diverge(installed, BASE, OURS, THEIRS, name=name)
    assert installed.try_git("merge", "other").returncode == 0
    assert same(read(installed, name), MERGED)


@pytest.fixture
def broken(installed: Repo, tmp_path: Path) -> Callable[[str], None]:
    """Puts code into the driver's process."""
    home = tmp_path / "copy"
    shutil.copytree(Path(launcher_path()).parent, home / "driver")
    (home / "mergetool").symlink_to(Path(tiebreak.__file__).parent.parent)
    command = driver_command(str(home / "driver/tiebreak-driver"), sys.executable)
    installed.git("config", "merge.tiebreak.driver", command)

    def before_merge(code: str) -> None:
        start = home / "driver/tiebreak-start.py"
        text = start.read_text()
        last = "from tiebreak.cli.drive import main"
        assert last in text
        start.write_text(text.replace(last, f"import os, signal, sys, time\n{code}\n{last}"))

    return before_merge


WHEN_WRITTEN = """
rename = os.replace
def replace(old, new):
    if {which!r} in str(new):
        {what}
    rename(old, new)
os.replace = replace
"""
BROKEN = {
    "killed at once": ("os.kill(os.getpid(), 9)", "ended unexpectedly (status 137)"),
    "killed before the result": (
        WHEN_WRITTEN.format(which=".result", what="os.kill(os.getpid(), 9)"),
        "ended unexpectedly",
    ),
    "killed before the journal": (
        WHEN_WRITTEN.format(which="journal", what="os.kill(os.getpid(), 9)"),
        "ended unexpectedly",
    ),
    "no journal": (
        WHEN_WRITTEN.format(which="journal", what="raise PermissionError(13, 'not allowed')"),
        "cannot record m.safetensors",
    ),
    "a full disk": (
        "def pwrite(*a): raise OSError(28, 'No space left on device')\nos.pwrite = pwrite",
        "No space left on device",
    ),
    "without numpy": (
        "sys.modules['numpy'] = None; os.environ['TIEBREAK_KERNELS'] = 'portable'",
        "needs numpy: pip install 'tiebreak[weights]'",
    ),
    "a defect": ("sys.modules['tiebreak.weights.file'] = None", "ours is kept"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str, broken: Callable[[str], None], installed: Repo) -> None:
    code, line = BROKEN[name]
    broken(code)
    done = merge(installed)
    assert_ours_in_conflict(installed, done)
    assert line in done.stderr.decode()


@needs_lfs
@pytest.mark.parametrize("name", ["killed before the result", "killed before the journal"])
def test_broken_under_lfs(name: str, broken: Callable[[str], None], lfs: Repo) -> None:
    broken(BROKEN[name][0])
    assert_ours_in_conflict(lfs, merge(lfs))
    assert "OK" in lfs.git("lfs", "fsck")


@pytest.mark.parametrize("under_lfs", [False, pytest.param(True, marks=needs_lfs)])
def test_interrupted(
    under_lfs: bool,  # noqa: FBT001
    broken: Callable[[str], None],
    installed: Repo,
) -> None:
    """Ctrl-C reaches the launcher while the result is being written: git touches nothing."""
    repo = with_lfs(installed) if under_lfs else installed
    stop = "os.kill(os.getppid(), signal.SIGTERM); time.sleep(30)"
    broken(WHEN_WRITTEN.format(which=".result", what=stop))
    assert merge(repo).returncode != 0
    assert same(read(repo), OURS)
    assert index(repo) == ["0"]
    assert repo.git("status", "--short") == ""
    assert_no_litter(repo)
    assert not journal(repo)


def test_many_conflicts(installed: Repo) -> None:
    versions = ({f"t{n}": full(v, 1) for n in range(30)} for v in (1, 2, 3))
    diverge(installed, *versions, recipe="")
    done = installed.try_git("merge", "other")
    assert b"30 of 30 changed tensors in conflict" in done.stderr
    assert b"; 27 more (tiebreak review)" in done.stderr
    assert b"10 more" in installed.tiebreak("review").stdout


@needs_lfs
def test_missing_launcher(lfs: Repo, tmp_path: Path) -> None:
    lfs.git("config", "merge.tiebreak.driver", driver_command(str(tmp_path / "gone"), "python3"))
    assert_ours_in_conflict(lfs, merge(lfs))


def test_the_copy_works(broken: Callable[[str], None], installed: Repo) -> None:
    """What is broken above is whole without."""
    broken("pass")
    assert merge(installed).returncode == 0


def test_timeout(broken: Callable[[str], None], installed: Repo) -> None:
    broken(WHEN_WRITTEN.format(which=".result", what="time.sleep(30)"))
    installed.git("config", "tiebreak.timeout", "20")
    installed.git("config", "tiebreak.weightsTimeout", "0.7")
    done = merge(installed)
    assert_ours_in_conflict(installed, done)
    assert b"ran out of time (tiebreak.weightsTimeout)" in done.stderr


def test_timeout_that_makes_no_sense(installed: Repo) -> None:
    installed.git("config", "tiebreak.weightsTimeout", "soon")
    done = merge(installed)
    assert_ours_in_conflict(installed, done)
    assert b"tiebreak.weightsTimeout: expected seconds" in done.stderr
    assert b"tiebreak.weightsTimeout: expected seconds" in installed.tiebreak("doctor").stdout


def test_progress_on_a_terminal(broken: Callable[[str], None], installed: Repo) -> None:
    """A line that is drawn again, and is gone at the end; nothing where nobody looks."""
    broken("import tiebreak.cli.meter\ntiebreak.cli.meter.BAR = 0")
    diverge(installed, BASE, OURS, THEIRS)
    reading, writing = os.openpty()
    with os.fdopen(writing, "wb") as terminal:
        subprocess.run(
            [GIT, "merge", "-q", "other"], cwd=installed.path, stderr=terminal, check=True,
            env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
    shown = os.read(reading, 1 << 16).decode()
    os.close(reading)
    drawn = shown.split("\r\x1b[K")
    assert drawn[1].startswith("tiebreak: m.safetensors: ")
    assert " %  0.00 of 0.00 GB  " in drawn[1]
    assert drawn[1].endswith(" s left")
    assert drawn[-1].startswith("tiebreak: m.safetensors: 4 tensors merged")


# Looking, review and undo -------------------------------------------------------------------------


def test_merge_tree_records_nothing(installed: Repo) -> None:
    diverge(installed, BASE, OURS, THEIRS)
    tree = installed.git("merge-tree", "--write-tree", "main", "other")
    blob = installed.run("git", "cat-file", "blob", f"{tree}:{FILE}").stdout
    assert same(tensors(blob), MERGED)
    assert not journal(installed)


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("under_lfs", [False, pytest.param(True, marks=needs_lfs)])
def test_undo(committed: bool, under_lfs: bool, installed: Repo) -> None:  # noqa: FBT001
    repo = with_lfs(installed) if under_lfs else installed
    diverge(repo, BASE, OURS, THEIRS)
    before = [repo.git("rev-parse", f"{r}:{FILE}") for r in ("main~1", "main", "other")]
    repo.git("merge", *([] if committed else ["--no-commit"]), "other")
    merged = repo.read(FILE)
    done = repo.tiebreak("undo", FILE)
    assert done.returncode == 0, done
    assert same(read(repo), OURS)
    stages = [repo.git("rev-parse", f":{n}:{FILE}") for n in (1, 2, 3)]
    assert stages == before
    assert repo.unmerged() == [FILE]
    assert b"(undone)" in repo.tiebreak("review").stdout
    repo.git("checkout", "-m", "--", FILE)  # which runs the driver again
    assert repo.read(FILE) == merged


def test_undo_of_what_both_added(installed: Repo) -> None:
    theirs = checkpoint(BASE, {"format": "pt", "step": "7"})
    installed.diverge({"x": "x"}, {FILE: checkpoint(BASE)}, {FILE: theirs})
    installed.git("merge", "other")
    assert installed.tiebreak("undo", "--all").returncode == 0
    assert installed.read(FILE) == checkpoint(BASE)
    assert index(installed) == ["2", "3"]


def test_undo_refuses_what_was_changed_since(installed: Repo) -> None:
    merge(installed)
    mine = checkpoint({"mine": full(1, 1)})
    installed.write({FILE: mine})
    done = installed.tiebreak("undo", FILE)
    assert (done.returncode, installed.read(FILE)) == (2, mine)
    assert b"was changed since" in done.stderr
    assert installed.tiebreak("undo", "--force", FILE).returncode == 0
    assert same(read(installed), OURS)
    assert (installed.path / ".git/tiebreak/saved" / FILE).read_bytes() == mine


def test_undo_of_a_conflict(installed: Repo) -> None:
    diverge(installed, BASE, OURS, THEIRS, recipe="")
    assert_ours_in_conflict(installed, installed.try_git("merge", "other"))
    done = installed.tiebreak("undo", FILE)
    assert done.returncode == 2
    assert b"nothing was written: ours was kept" in done.stderr


def test_review(installed: Repo) -> None:
    import json

    merge(installed)
    entry = json.loads(installed.tiebreak("review", "--json").stdout)["entries"][0]
    assert entry["kind"] == "tensors"
    assert {d["name"]: d["generator"] for d in entry["decisions"]} == {
        "a": "ours", "b": "theirs", "c": "task_arithmetic",
    }  # fmt: skip
    names = {"base": "main~2", "ours": "main~1", "theirs": "other", "result": "main"}
    for term, revision in names.items():
        if term != "base":
            assert entry[term]["digest"] == installed.git("rev-parse", f"{revision}:{FILE}")
    stored = installed.path / ".git/tiebreak/journal" / entry["key"]
    assert stored.stat().st_size < 4096  # no content of any version


# Registration -------------------------------------------------------------------------------------


@needs_lfs
def test_install_keeps_the_filter(repo: Repo) -> None:
    with_lfs(repo)
    register(repo)
    found = repo.git("check-attr", "-a", "x/y.safetensors").splitlines()
    assert [line.partition(": ")[2] for line in sorted(found)] == [
        "diff: tiebreak-weights", "filter: lfs", "merge: tiebreak", "text: unset",
    ]  # fmt: skip


@pytest.mark.parametrize("under_lfs", [False, pytest.param(True, marks=needs_lfs)])
def test_diff_shows_tensors(under_lfs: bool, installed: Repo) -> None:  # noqa: FBT001
    repo = with_lfs(installed) if under_lfs else installed
    repo.commit({FILE: checkpoint(BASE)})
    repo.commit({FILE: checkpoint(OURS)})
    lines = repo.git("diff", "HEAD~1", "HEAD").splitlines()
    changed = [line.split("  ")[0] for line in lines if line[:2] in {"+a", "-a", "+c", "-c", "+b"}]
    assert changed == ["-a", "+a", "-c", "+c"]


def test_diff_without_an_interpreter(installed: Repo) -> None:
    """What was uninstalled without a word must not break `git diff`."""
    name = "diff.tiebreak-weights.textconv"
    installed.git("config", name, installed.git("config", name).replace(sys.executable, "/gone"))
    installed.commit({FILE: checkpoint(BASE)})
    installed.commit({FILE: checkpoint(OURS)})
    shown = installed.git("diff", "HEAD~1", "HEAD")
    assert "# not summarised" in shown
    assert "\n+" in shown
