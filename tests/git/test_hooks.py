"""Hooks that look at whole checkpoints before a merge is committed and before a push."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_checkpoints import needs_lfs, with_lfs

from conftest import Repo, register
from models import INDEX, ONE, SINGLE, TWO, model, sharded
from tiny import checkpoint, full

if TYPE_CHECKING:
    from pathlib import Path

OLD = np.arange(8, dtype=np.float32).reshape(4, 2)
KNOWN = {"<s>": 3}


@pytest.fixture(params=["plain", pytest.param("lfs", marks=needs_lfs)])
def hooked(request: pytest.FixtureRequest, repo: Repo) -> Repo:
    """A repository with the driver and the hooks."""
    if request.param == "lfs":
        with_lfs(repo)
    register(repo)
    assert repo.tiebreak("install", "--hooks").returncode == 0
    return repo


def collide(repo: Repo) -> None:
    """Each side gives the id 4 to a token of its own, in another file: no driver is asked."""
    decoder = {"added_tokens_decoder": {"4": {"content": "<theirs>"}}}
    repo.diverge(
        {f"m/{SINGLE}": checkpoint({"w": full(1, 2)}), "m/added_tokens.json": "{}"},
        {"m/added_tokens.json": '{"<ours>": 4}'},
        {"m/tokenizer_config.json": json.dumps(decoder)},
    )


def test_two_tokens_with_one_id_are_not_committed(hooked: Repo) -> None:
    collide(hooked)
    done = hooked.try_git("merge", "--no-edit", "other")
    assert done.returncode != 0
    said = done.stderr.decode()
    assert "tiebreak: m/tokenizer_config.json: id 4 stands for '<ours>' and '<theirs>'" in said
    assert (hooked.path / ".git/MERGE_HEAD").exists()
    assert not list((hooked.path / ".git/tiebreak/scratch").glob("*"))
    hooked.write({"m/added_tokens.json": "{}"})
    hooked.git("add", "-A")
    hooked.git("commit", "-q", "--no-edit")


def test_a_merge_without_checkpoints_is_not_held_up(hooked: Repo) -> None:
    hooked.diverge({"a": "a\n"}, {"b": "b\n"}, {"c": "c\n"})
    assert hooked.try_git("merge", "--no-edit", "other").returncode == 0


def test_what_was_wrong_before_does_not_count(hooked: Repo) -> None:
    hooked.diverge(
        {"m/config.json": '{"vocab_size": 9}', f"m/{SINGLE}": model(OLD, KNOWN)[SINGLE]},
        {"m/x.json": "{}"},
        {"m/y.json": "{}"},
    )
    assert hooked.try_git("merge", "--no-edit", "other").returncode == 0


def test_switched_off(hooked: Repo) -> None:
    collide(hooked)
    done = hooked.try_git("merge", "--no-edit", "other", env={"TIEBREAK": "0"})
    assert done.returncode == 0


def test_no_verify(hooked: Repo) -> None:
    collide(hooked)
    assert hooked.try_git("merge", "--no-verify", "--no-edit", "other").returncode == 0


@pytest.fixture
def remote(hooked: Repo, tmp_path: Path) -> Repo:
    """`hooked` with a remote to push to."""
    remote = Repo(tmp_path / "remote.git", bare=True)
    hooked.git("remote", "add", "origin", f"file://{remote.path}")
    return hooked


def push(repo: Repo, *args: str) -> tuple[int, str]:
    done = repo.try_git("push", "-q", *args, "origin", "main")
    return done.returncode, done.stderr.decode()


WHOLE = sharded({ONE: {"a": full(1, 2)}, TWO: {"b": full(1, 3)}})


def test_push(remote: Repo) -> None:
    remote.commit(WHOLE)
    assert push(remote)[0] == 0
    index = json.loads(WHOLE[INDEX])
    index["weight_map"]["b"] = ONE
    remote.commit({INDEX: json.dumps(index)})
    status, said = push(remote)
    assert status != 0
    assert f"tiebreak: {INDEX}: tensor 'b' is in {TWO}, not in {ONE}" in said
    assert push(remote, "--no-verify")[0] == 0
    remote.commit({"README.md": "what is wrong is there already\n"})
    assert push(remote)[0] == 0


def test_push_of_a_broken_history_without_a_remote_branch(remote: Repo) -> None:
    remote.commit({name: content for name, content in WHOLE.items() if name != TWO})
    status, said = push(remote)
    assert status != 0
    assert f"names {TWO}, which is not here" in said


def test_push_of_a_branch_that_is_not_checked_out(remote: Repo) -> None:
    remote.commit({"x": "x"})
    assert push(remote)[0] == 0
    remote.checkout("-b", "broken")
    remote.commit({name: content for name, content in WHOLE.items() if name != TWO})
    remote.checkout("main")
    done = remote.try_git("push", "-q", "origin", "broken")
    assert done.returncode != 0
    assert b"which is not here" in done.stderr


def test_deleting_a_branch(remote: Repo) -> None:
    remote.commit({"x": "x"})
    assert push(remote)[0] == 0
    remote.git("push", "-q", "origin", "main:gone")
    assert remote.try_git("push", "-q", "origin", ":gone").returncode == 0


# Registration -------------------------------------------------------------------------------------


def hook(repo: Repo, name: str = "pre-push") -> Path:
    return repo.path / ".git/hooks" / name


def test_hooks_that_were_there_are_kept(installed: Repo, tmp_path: Path) -> None:
    own = '#!/bin/sh\necho "$@" >>../seen\ncat >>../seen\nexit 3\n'
    hook(installed).parent.mkdir(exist_ok=True)
    hook(installed).write_text(own)
    hook(installed).chmod(0o755)
    done = installed.tiebreak("install", "--hooks")
    assert b"before the one that was there (pre-push.before-tiebreak)" in done.stdout
    remote = Repo(tmp_path / "remote.git", bare=True)
    installed.git("remote", "add", "origin", f"file://{remote.path}")
    installed.commit({"x": "x"})
    assert push(installed)[0] != 0
    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen[0] == f"origin file://{remote.path}"
    assert seen[1].startswith("refs/heads/main ")
    assert installed.tiebreak("install", "--hooks").returncode == 0
    assert b"the one before it is back" in installed.tiebreak("uninstall").stdout
    assert hook(installed).read_text() == own
    assert not hook(installed, "pre-merge-commit").exists()
    assert not list(hook(installed).parent.glob("*tiebreak*"))


@needs_lfs
def test_the_hook_of_lfs_still_uploads(installed: Repo, tmp_path: Path) -> None:
    with_lfs(installed)
    installed.git("lfs", "install", "--local")
    assert b"before the one that was there" in installed.tiebreak("install", "--hooks").stdout
    remote = Repo(tmp_path / "remote.git", bare=True)
    installed.git("remote", "add", "origin", f"file://{remote.path}")
    installed.commit({SINGLE: checkpoint({"a": full(1, 2)})})
    assert push(installed)[0] == 0
    assert list((remote.path / "lfs/objects").rglob("*"))


def test_hooks_from_elsewhere_are_not_touched(installed: Repo, tmp_path: Path) -> None:
    installed.git("config", "core.hooksPath", str(tmp_path / "mine"))
    done = installed.tiebreak("install", "--hooks")
    assert done.returncode == 2
    assert b"pre-push: tiebreak weights verify --push" in done.stderr
    assert not (tmp_path / "mine").exists()


def test_a_third_hook_is_not_lost(installed: Repo) -> None:
    for text in ("#!/bin/sh\n# first\n", "#!/bin/sh\n# second\n"):
        hook(installed).parent.mkdir(exist_ok=True)
        hook(installed).write_text(text)
        status = installed.tiebreak("install", "--hooks").returncode
    assert status == 2
    assert hook(installed).read_text() == "#!/bin/sh\n# second\n"


def test_hooks_are_of_one_repository(repo: Repo) -> None:
    done = repo.tiebreak("install", "--global", "--hooks")
    assert done.returncode == 2
    assert b"hooks belong to a repository" in done.stderr


def test_without_tiebreak_the_other_hook_runs(installed: Repo, tmp_path: Path) -> None:
    """It was uninstalled by removing its files."""
    hook(installed).parent.mkdir(exist_ok=True)
    hook(installed).write_text("#!/bin/sh\nexit 3\n")
    hook(installed).chmod(0o755)
    installed.tiebreak("install", "--hooks")
    for name in ("pre-push", "pre-merge-commit"):
        text = hook(installed, name).read_text()
        hook(installed, name).write_text(text.replace("hook='", "hook='/gone"))
    installed.diverge({"x": "x"}, {"y": "y"}, {"z": "z"})
    assert installed.try_git("merge", "--no-edit", "other").returncode == 0
    remote = Repo(tmp_path / "remote.git", bare=True)
    installed.git("remote", "add", "origin", f"file://{remote.path}")
    assert push(installed)[0] != 0
    done = installed.tiebreak("doctor")
    assert done.stdout.count(b"was written by another installation or version") == 2


def test_doctor_looks_at_checkpoints(installed: Repo) -> None:
    installed.commit(WHOLE)
    done = installed.tiebreak("doctor")
    assert done.returncode == 0, done.stdout.decode()
    assert b"ok: the files of . fit each other" in done.stdout
    installed.commit({TWO: None})
    done = installed.tiebreak("doctor")
    assert done.returncode == 1
    assert f"problem: ./{INDEX}: names {TWO}, which is not here".encode() in done.stdout
