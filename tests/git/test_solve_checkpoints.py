"""`tiebreak solve` on checkpoints in conflict: what it writes, what it stages, and the way back."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_checkpoints import FILE, MERGED, TASK, needs_lfs, with_lfs

from models import EMBED, INDEX, ONE, SINGLE, TWO, grown, model, sharded, values
from tiebreak.weights.lfs import Store, parse_pointer
from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    from conftest import Repo
    from models import Files

BASE = {"a": full(1, 2), "b": full(1, 2), "c": full(1, 2)}
OURS = BASE | {"a": full(2, 2), "c": full(3, 2)}
THEIRS = BASE | {"b": full(4, 2), "c": full(6, 2)}
RESULT = {name: MERGED[name] for name in BASE}
UNION = TASK + 'vocabulary = "union"\n'


@pytest.fixture(params=["plain", pytest.param("lfs", marks=needs_lfs)])
def kind(request: pytest.FixtureRequest, repo: Repo) -> Repo:
    """A repository without tiebreak's driver, with and without LFS for checkpoints."""
    if request.param == "lfs":
        with_lfs(repo)
        attributes = repo.path / ".git/info/attributes"
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text("*.safetensors -merge\n")  # as git treats binary files
    return repo


def stop(repo: Repo, *versions: Files, recipe: str = TASK) -> None:
    """A merge that stopped: base, ours and theirs by folder `m` and by file."""
    base, ours, theirs = versions
    repo.diverge(base | {".tiebreak.toml": recipe}, ours, theirs)  # type: ignore[operator]
    assert repo.try_git("merge", "other").returncode == 1


def one(*versions: dict[str, Any]) -> list[Files]:
    return [{FILE: checkpoint(version)} for version in versions]


def solve(repo: Repo, *args: str, status: int = 0) -> str:
    done = repo.tiebreak("solve", *args)
    assert done.returncode == status, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def state(repo: Repo) -> tuple[str, dict[str, bytes]]:
    """The index, and every file of the work tree."""
    files = {
        str(path.relative_to(repo.path)): path.read_bytes()
        for path in sorted(repo.path.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(repo.path).parts
    }
    return repo.git("ls-files", "-s"), files


def assert_no_litter(repo: Repo) -> None:
    assert not repo.litter()
    assert not list((repo.path / ".git/tiebreak/scratch").glob("*"))
    assert not list((repo.path / ".git/lfs").glob("tmp/*"))


def assert_committed(repo: Repo, name: str) -> None:
    """The file that is staged is the one that is seen, as git (and git-lfs) would have it."""
    repo.git("commit", "-q", "--no-edit")
    assert repo.git("status", "--short", "--untracked-files=no") == ""
    blob = repo.run("git", "cat-file", "blob", f"HEAD:{name}").stdout
    pointer = parse_pointer(blob)
    if pointer is not None:
        assert Store(str(repo.path / ".git")).find(pointer)
        assert "OK" in repo.git("lfs", "fsck")
    else:
        assert blob == repo.read(name)


# One file -----------------------------------------------------------------------------------------


def test_solved_and_staged(kind: Repo) -> None:
    stop(kind, *one(BASE, OURS, THEIRS))
    said = solve(kind)
    assert said.startswith(f"resolved  {FILE}  3 of 3 changed tensors by ours, theirs, task_arithm")
    found = tensors(kind.read(FILE))
    assert all(np.array_equal(found[name], RESULT[name]) for name in RESULT)
    assert kind.unmerged() == []
    assert_no_litter(kind)
    assert_committed(kind, FILE)


@pytest.mark.parametrize("committed", [False, True])
def test_the_way_back(committed: bool, kind: Repo) -> None:  # noqa: FBT001
    stop(kind, *one(BASE, OURS, THEIRS))
    before = state(kind)
    solve(kind)
    after = kind.read(FILE)
    if committed:
        kind.git("commit", "-q", "--no-edit")
    assert b"merged" in kind.tiebreak("review").stdout
    assert kind.tiebreak("undo", FILE).returncode == 0
    assert state(kind) == before
    if not committed:
        solve(kind)
        assert kind.read(FILE) == after


def test_a_dry_run_changes_nothing(kind: Repo) -> None:
    stop(kind, *one(BASE, OURS, THEIRS))
    before = state(kind)
    assert "resolved  m.safetensors" in solve(kind, "-n")
    assert state(kind) == before
    assert b"nothing was resolved" in kind.tiebreak("review").stdout
    assert_no_litter(kind)


def test_what_no_recipe_settles_stays(kind: Repo) -> None:
    stop(kind, *one(BASE, OURS, THEIRS), recipe="")
    before = state(kind)
    said = solve(kind, status=1)
    assert "1 of 3 changed tensors in conflict: c (both changed it (F32 [2]), and no recipe" in said
    assert state(kind) == before


def test_a_recipe_written_now_is_the_users(kind: Repo) -> None:
    stop(kind, *one(BASE, OURS, THEIRS), recipe="")
    kind.write({".tiebreak.toml": TASK})
    assert "task_arithmetic" in solve(kind)


def test_a_recipe_that_theirs_brought_does_not_decide(kind: Repo) -> None:
    base, ours, theirs = one(BASE, OURS, THEIRS)
    kind.diverge(base, ours, theirs | {".tiebreak.toml": TASK})  # type: ignore[operator]
    assert kind.try_git("merge", "other").returncode == 1
    assert "no recipe says how to merge it" in solve(kind, status=1)


def test_what_may_only_be_applied(kind: Repo) -> None:
    kind.git("config", "tiebreak.most", "apply")
    stop(kind, *one(BASE, OURS, THEIRS))
    stages = kind.git("ls-files", "-s")
    assert solve(kind, status=1).startswith("applied")
    assert np.array_equal(tensors(kind.read(FILE))["c"], RESULT["c"])
    assert kind.git("ls-files", "-s") == stages
    assert "resolved, for you to look at" in solve(kind, status=1)
    kind.git("add", FILE)
    assert_committed(kind, FILE)


def test_a_file_that_was_changed_is_left(kind: Repo) -> None:
    stop(kind, *one(BASE, OURS, THEIRS))
    mine = checkpoint({"mine": full(1, 1)})
    kind.write({FILE: mine})
    assert "changed since the merge" in solve(kind, status=1)
    assert kind.read(FILE) == mine


def test_after_a_stash(kind: Repo) -> None:
    """There are no commits to look at: the stages of the file are enough."""
    kind.commit({FILE: checkpoint(BASE), ".tiebreak.toml": TASK})
    kind.write({FILE: checkpoint(THEIRS)})
    kind.git("stash")
    kind.commit({FILE: checkpoint(OURS)})
    assert kind.try_git("stash", "pop").returncode == 1
    solve(kind)
    assert np.array_equal(tensors(kind.read(FILE))["c"], RESULT["c"])
    assert kind.unmerged() == []


@pytest.mark.parametrize("command", ["rebase", "cherry-pick", "revert"])
def test_other_commands(command: str, kind: Repo) -> None:
    """A revert of theirs on top of ours: their change is taken back."""
    kind.commit({FILE: checkpoint(BASE), ".tiebreak.toml": TASK})
    kind.checkout("-b", "other")
    kind.commit({FILE: checkpoint(THEIRS)})
    if command == "revert":
        kind.commit({FILE: checkpoint(THEIRS | OURS)})
        assert kind.try_git("revert", "--no-edit", "HEAD~1").returncode == 1
        solve(kind)
        expected = full(1 + 3 - 6, 2)
    else:
        kind.checkout("main")
        kind.commit({FILE: checkpoint(OURS)})
        assert kind.try_git(command, "other").returncode == 1
        solve(kind)
        expected = RESULT["c"]
    assert np.array_equal(tensors(kind.read(FILE))["c"], expected)


def test_deleted_by_them_is_for_people(kind: Repo) -> None:
    base, ours, _ = one(BASE, OURS, THEIRS)
    stop(kind, base, ours, {FILE: None, "x": "x"})  # type: ignore[dict-item]
    before = state(kind)
    solve(kind, status=1)
    assert state(kind) == before


def test_each_tensor_is_named_in_the_journal(kind: Repo) -> None:
    """So that it can be looked for in the file later."""
    stop(kind, *one(BASE, OURS, THEIRS))
    solve(kind)
    kind.git("commit", "-q", "--no-edit")
    entry = json.loads(kind.tiebreak("review", "--json").stdout)["entries"][0]
    shown = kind.tiebreak("weights", "textconv", FILE).stdout.decode()
    assert entry["operation"] == "solve"
    for decision in entry["decisions"]:
        assert len(decision["chosen"]) == 16
        assert decision["chosen"] in shown


def test_review_looks_for_what_was_written(kind: Repo) -> None:
    stop(kind, *one(BASE, OURS, THEIRS))
    solve(kind)
    kind.git("commit", "-q", "--no-edit")
    for arguments in (("--check",), ("--check", "HEAD"), ("--check", "HEAD", FILE)):
        done = kind.tiebreak("review", *arguments)
        assert (done.returncode, done.stdout) == (0, b"m.safetensors: 3 tensors as written\n")
    kind.commit({FILE: checkpoint(RESULT | {"c": full(1, 2)})})
    done = kind.tiebreak("review", "--check", "HEAD")
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [
        "m.safetensors: 2 tensors as written", "  c was changed since",
    ]  # fmt: skip
    assert kind.tiebreak("review", "--check", "HEAD~1").returncode == 0
    for nothing in ("HEAD~99", "HEAD:m.safetensors"):
        done = kind.tiebreak("review", f"--check={nothing}")
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr == f"tiebreak: {nothing} is no commit\n".encode()


KILLS = {
    "the merged file": ("tiebreak.weights.engine", "write_files"),
    "the object": ("tiebreak.weights.lfs", "pointer_to"),
    "the journal": ("tiebreak.journal", "_replace"),
}


@pytest.mark.parametrize("signal", ["SIGINT", "SIGKILL"])
@pytest.mark.parametrize("name", KILLS)
def test_stopped_while_it_writes(name: str, signal: str, kind: Repo) -> None:
    """Nothing has changed in the work tree and the index; the next run removes what is left."""
    module, function = KILLS[name]
    stop(kind, *one(BASE, OURS, THEIRS))
    before = state(kind)
    code = f"""
import os, signal, sys, {module} as module
from tiebreak.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a job of the background
real = module.{function}
def stopping(*args, **kwargs):
    done = real(*args, **kwargs)
    os.kill(os.getpid(), signal.{signal})
    return done
module.{function} = stopping
sys.exit(main())
"""
    done = kind.run(sys.executable, "-P", "-c", code, "solve", check=False)
    if name == "the object" and not (kind.path / ".git/lfs").is_dir():
        assert done.returncode == 0  # there is none
        return
    assert done.returncode != 0
    assert state(kind) == before
    assert not kind.litter()
    assert not list((kind.path / ".git/lfs").glob("tmp/*"))
    if signal == "SIGINT":
        assert done.returncode == 130
        assert_no_litter(kind)
    solve(kind)
    assert_no_litter(kind)
    assert_committed(kind, FILE)


# Folders ------------------------------------------------------------------------------------------

A, B, C = full(1, 2), full(1, 3), full(1, 4)
SHARDED = sharded({ONE: {"a": A, "b": B}, TWO: {"c": C}})


def checkpoint_files(repo: Repo) -> dict[str, bytes]:
    return {name: repo.read(name) for name in os.listdir(repo.path) if ".safetensors" in name}


def assert_coherent(repo: Repo) -> None:
    done = repo.tiebreak("weights", "verify", ".")
    assert done.returncode == 0, done.stdout.decode()
    assert repo.unmerged() == []
    assert_no_litter(repo)


def test_a_tensor_moved_to_another_shard(kind: Repo) -> None:
    ours = sharded({ONE: {"a": A}, TWO: {"b": B, "c": C}})
    theirs = sharded({ONE: {"a": A, "b": full(2, 3)}, TWO: {"c": C}})
    stop(kind, SHARDED, ours, theirs, recipe="")
    before = state(kind)
    solve(kind)
    files = checkpoint_files(kind)
    assert np.array_equal(values(files)["b"], full(2, 3))
    assert "b" in tensors(files[TWO])
    assert_coherent(kind)
    assert kind.tiebreak("undo", "--all").returncode == 0
    assert state(kind) == before


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_resharded_by_one_side(side: str, kind: Repo) -> None:
    """Git sees deleted files that the other side changed, and new ones."""
    names = [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]
    new = sharded({names[0]: {"a": A}, names[1]: {"b": B}, names[2]: {"c": C}})
    gone: dict[str, Any] = {ONE: None, TWO: None}
    changed = sharded({ONE: {"a": A, "b": full(2, 3)}, TWO: {"c": full(3, 4)}})
    sides = [new | gone, changed] if side == "ours" else [changed, new | gone]
    stop(kind, SHARDED, *sides, recipe="")
    before = state(kind)
    solve(kind)
    files = checkpoint_files(kind)
    assert sorted(files) == [*names, INDEX]
    assert np.array_equal(values(files)["b"], full(2, 3))
    assert np.array_equal(values(files)["c"], full(3, 4))
    assert_coherent(kind)
    kind.git("commit", "-q", "--no-edit")
    assert kind.git("status", "--short", "--untracked-files=no") == ""
    assert kind.tiebreak("undo", "--all").returncode == 0
    assert state(kind) == before


def test_an_index_in_conflict_alone(kind: Repo) -> None:
    """Each shard was changed by one side; the totals conflict, and follow from the shards."""
    ours = sharded({ONE: {"a": A, "b": B, "x": full(1, 2)}, TWO: {"c": C}})
    theirs = sharded({ONE: {"a": A, "b": B}, TWO: {"c": C, "y": full(1, 5)}})
    stop(kind, SHARDED, ours, theirs, recipe="")
    assert kind.unmerged() == [INDEX]
    before = state(kind)
    assert solve(kind).startswith(f"resolved  {INDEX}")
    both = sharded({ONE: {"a": A, "b": B, "x": full(1, 2)}, TWO: {"c": C, "y": full(1, 5)}})
    assert kind.read(INDEX).decode() == both[INDEX]
    assert_coherent(kind)
    assert kind.tiebreak("undo", "--all").returncode == 0
    assert state(kind) == before


def test_an_index_that_was_edited_is_not_overwritten(kind: Repo) -> None:
    ours = sharded({ONE: {"a": A, "b": B, "x": full(1, 2)}, TWO: {"c": C}})
    theirs = sharded({ONE: {"a": A, "b": B}, TWO: {"c": C, "y": full(1, 5)}})
    stop(kind, SHARDED, ours, theirs, recipe="")
    kind.write({INDEX: "{}"})
    assert "edited since the merge" in solve(kind, status=1)
    assert kind.read(INDEX) == b"{}"


OLD = np.arange(8, dtype=np.float32).reshape(4, 2)
KNOWN = {"<s>": 3}
MODELS = (
    model(OLD, KNOWN),
    model(grown(OLD, 50), KNOWN | {"<x>": 4}),
    model(grown(OLD, 60, 70), KNOWN | {"<y>": 4, "<z>": 5}),
)


def test_tokens_of_both_sides(kind: Repo) -> None:
    stop(kind, *MODELS, recipe=UNION)
    before = state(kind)
    said = solve(kind)
    assert np.array_equal(tensors(kind.read(SINGLE))[EMBED], grown(OLD, 50, 60, 70))
    tokens = KNOWN | {"<x>": 4, "<y>": 5, "<z>": 6}
    assert json.loads(kind.read("added_tokens.json")) == tokens
    assert json.loads(kind.read("config.json"))["vocab_size"] == 7
    assert "merged with its checkpoint" in said
    assert_coherent(kind)
    assert kind.tiebreak("undo", "--all").returncode == 0
    assert state(kind) == before


def test_as_many_tokens_of_both_sides(kind: Repo) -> None:
    """Both sides say the same new size, so that git has no conflict where it is written."""
    theirs = model(grown(OLD, 60), KNOWN | {"<y>": 4})
    stop(kind, *MODELS[:2], theirs, recipe=UNION)
    before = state(kind)
    solve(kind)
    assert np.array_equal(tensors(kind.read(SINGLE))[EMBED], grown(OLD, 50, 60))
    assert json.loads(kind.read("config.json"))["vocab_size"] == 6
    assert_coherent(kind)
    assert kind.tiebreak("undo", "--all").returncode == 0
    assert state(kind) == before


def test_tokens_of_both_sides_without_a_word_in_the_recipe(kind: Repo) -> None:
    stop(kind, *MODELS)
    before = kind.read(SINGLE)
    said = solve(kind, SINGLE, status=1)
    assert "id 4 stands for '<x>' in ours and '<y>' in theirs" in said
    assert 'if the recipe says vocabulary = "union"' in said
    assert kind.read(SINGLE) == before


def test_a_tokenizer_that_was_edited_is_not_overwritten(kind: Repo) -> None:
    stop(kind, *MODELS, recipe=UNION)
    kind.write({"added_tokens.json": "{}"})
    assert "added_tokens.json: edited since the merge" in solve(kind, SINGLE, status=1)
    assert kind.read("added_tokens.json") == b"{}"
