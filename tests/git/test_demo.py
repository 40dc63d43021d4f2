"""`tiebreak demo`: what the README promises, on a new machine, in any user's configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repo


def test_the_demonstration_shows_the_main_job(repo: Repo, tmp_path: Path) -> None:
    outside = type(repo).at(tmp_path)
    done = outside.tiebreak("demo", "shown")
    said = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert "conflicts left: cart.py 3, settings.json 1\n" in said
    assert "tiebreak: settings.json: 1 of 1 hunk resolved" in said
    assert "settings.json: git's conflict is back\n" in said
    assert "resolved  settings.json" in said
    shown = type(repo).at(tmp_path / "shown")
    assert shown.unmerged() == ["cart.py"]
    assert json.loads(shown.read("settings.json")).keys() >= {"timeout", "retries"}
    # The one conflict that nobody but a person can decide stays.
    assert b"TAX = 0.16\n=======\nTAX = 0.07\n" in shown.read("cart.py")


def test_nothing_of_the_user_changes_it(repo: Repo, tmp_path: Path, sealed: Path) -> None:
    """Another conflict style, line ends, hooks, signing, and tiebreak installed for everything."""
    (sealed / ".gitconfig").write_text(
        "[merge]\n conflictStyle = diff3\n[core]\n autocrlf = true\n hooksPath = /\n"
        "[commit]\n gpgSign = true\n[init]\n defaultBranch = trunk\n[rerere]\n enabled = true\n"
    )
    outside = type(repo).at(tmp_path)
    assert outside.tiebreak("install", "--global").returncode == 0
    done = outside.tiebreak("demo", "shown")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"conflicts left: cart.py 3, settings.json 1\n" in done.stdout


def test_a_directory_in_use_is_refused(repo: Repo) -> None:
    repo.write({"mine": "x"})
    done = repo.tiebreak("demo", ".")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith("tiebreak: . is there already and not empty")
