"""What the system refuses: one line, nothing half done, and no talk of a defect."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from situations import eager

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Repo

BASE = "top\none\ntwo\nbottom\n"
OURS = "top\nONE\ntwo\nbottom\n"
THEIRS = "top\none\nTWO\nbottom\n"
BOTH = "top\nONE\nTWO\nbottom\n"
RIGHTS = "-dac_override,-dac_read_search"  # of root, for whom there are no permissions

pytestmark = pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may do everything"
)


def tiebreak(repo: Repo, *args: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command line as somebody who needs permissions."""
    bound = ("setpriv", f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}")
    return repo.tiebreak(*args, through=bound if os.geteuid() == 0 else ())


def one_line(done: subprocess.CompletedProcess[bytes], status: int = 2) -> bytes:
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stderr.count(b"\n") == 1
    assert b"defect" not in done.stderr
    return done.stderr


@pytest.fixture
def merged(installed: Repo) -> Repo:
    """A merge of two files that the driver resolved."""
    eager(installed)
    files = ("a/a.txt", "b/b.txt")
    installed.diverge(*(dict.fromkeys(files, text) for text in (BASE, OURS, THEIRS)))
    installed.git("merge", "-q", "--no-edit", "other")
    return installed


@pytest.fixture
def closed() -> Iterator[list[Path]]:
    """Folders and files whose permissions come back."""
    found: list[Path] = []
    yield found
    for path in found:
        path.chmod(0o755)


def test_undo_touches_nothing_that_it_cannot_finish(merged: Repo, closed: list[Path]) -> None:
    closed.append(merged.path / "a")
    closed[0].chmod(0o555)
    done = tiebreak(merged, "undo", "--all")
    assert b"a.txt: cannot be written: Permission denied" in one_line(done)
    assert merged.unmerged() == ["b/b.txt"]  # the other file is undone
    assert merged.read("a/a.txt").decode() == BOTH


def test_a_lock_of_git_is_named(merged: Repo) -> None:
    (merged.path / ".git/index.lock").touch()
    assert b"index.lock': File exists" in one_line(tiebreak(merged, "undo", "a/a.txt"))
    assert merged.read("a/a.txt").decode() == BOTH


def test_undo_without_a_journal_to_write_to(merged: Repo, closed: list[Path]) -> None:
    closed.append(merged.path / ".git/tiebreak/journal")
    closed[0].chmod(0o555)
    assert b"journal: Permission denied" in one_line(tiebreak(merged, "undo", "a/a.txt"))
    assert not merged.unmerged()
    assert merged.read("a/a.txt").decode() == BOTH


@pytest.mark.parametrize("command", [("review",), ("undo", "--all")])
def test_a_journal_that_cannot_be_read(
    command: tuple[str, ...], merged: Repo, closed: list[Path]
) -> None:
    closed.append(merged.path / ".git/tiebreak/journal")
    closed[0].chmod(0)
    assert b"journal: Permission denied" in one_line(tiebreak(merged, *command))


def test_solve_leaves_what_it_cannot_read(merged: Repo, closed: list[Path]) -> None:
    merged.git("reset", "-q", "--hard", "HEAD^")
    merged.env["TIEBREAK"] = "0"
    merged.try_git("merge", "other")
    del merged.env["TIEBREAK"]
    closed.append(merged.path / "a/a.txt")
    closed[0].chmod(0)
    done = tiebreak(merged, "solve")
    assert done.returncode == 1
    assert b"a.txt: Permission denied" in done.stdout
    assert merged.read("b/b.txt").decode() == BOTH


def test_merge_file_ends_as_gits_does(repo: Repo, closed: list[Path]) -> None:
    repo.write({"sub/c": OURS, "b": BASE, "o": BASE.replace("bottom", "end")})
    closed.append(repo.path / "sub")
    closed[0].chmod(0o555)
    one_line(tiebreak(repo, "merge-file", "sub/c", "b", "o"), 255)
    assert repo.read("sub/c").decode() == OURS


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device")
@pytest.mark.parametrize("command", ["languages", "review"])
def test_a_full_disk(command: str, merged: Repo) -> None:
    done = merged.tiebreak(command, through=("sh", "-c", '"$@" >/dev/full', "sh"))
    assert b"No space left on device" in one_line(done)
