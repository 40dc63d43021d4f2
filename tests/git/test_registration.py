"""``tiebreak install``, ``uninstall`` and ``doctor``, as a user meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from situations import SOFT, eager, merge

from conftest import Repo, register

if TYPE_CHECKING:
    from pathlib import Path

PROBLEMS = {
    "not registered": (["git", "config", "--remove-section", "merge.tiebreak"], "is not set"),
    "no launcher": (["sed", "-i", "s,/tiebreak-driver,/gone,g", ".git/config"], "launcher is gone"),
    "no interpreter": (["sed", "-i", "s,' %O,-gone' %O,", ".git/config"], "interpreter is gone"),
    "another version": (["sed", "-i", "s,exit 129,exit 1,", ".git/config"], "another installation"),
    "a wrong judge": (["git", "config", "tiebreak.judge", "foo"], "got 'foo'"),
    "trust in nobody": (
        ["git", "config", "tiebreak.trust", "sets strcture/x"],
        "called 'strcture/x'",
    ),
    "a wrong memory": (["git", "config", "tiebreak.memory", "maybe"], "tiebreak.memory"),
    "no attributes": (["rm", ".git/info/attributes"], "no attribute selects tiebreak"),
    "binary": (["sh", "-c", "echo '*.py -merge' >>.git/info/attributes"], "as binary (-merge"),
    "macro": (["sh", "-c", "echo '*.py binary' >>.git/info/attributes"], "as binary (-merge"),
    "union": (["sh", "-c", "echo 'a.py merge=union' >>.git/info/attributes"], "by union"),
    "unknown": (["sh", "-c", "echo 'b merge=other' >>.git/info/attributes"], "driver other"),
    "recursive": (["git", "config", "--unset", "merge.tiebreak.recursive"], "recursive is not"),
    "off": (["git", "config", "tiebreak.enabled", "off"], "tiebreak.enabled is false"),
    "setting": (["git", "config", "tiebreak.most", "everything"], "tiebreak.most: expected one of"),
    "time": (["git", "config", "tiebreak.timeout", "soon"], "tiebreak.timeout: expected seconds"),
    "recipe": (["sh", "-c", "echo nonsense >.tiebreak.toml"], ".tiebreak.toml"),
}


@pytest.fixture
def healthy(installed: Repo) -> Repo:
    installed.commit({"a.py": "", "b": "", "src/c.go": ""})
    return installed


def test_doctor_finds_nothing(healthy: Repo) -> None:
    done = healthy.tiebreak("doctor")
    assert done.returncode == 0, done.stdout.decode()
    assert b"tiebreak merges 2 of the 2 tracked source files" in done.stdout
    assert b"a trial merge works" in done.stdout


@pytest.mark.parametrize("name", PROBLEMS)
def test_doctor_finds(name: str, healthy: Repo) -> None:
    command, expected = PROBLEMS[name]
    healthy.run(*command)
    done = healthy.tiebreak("doctor")
    assert done.returncode == 1
    problems = [line for line in done.stdout.decode().splitlines() if line.startswith("problem")]
    assert len(problems) in (1, 2)  # a broken registration also differs from this installation's
    assert any(expected in line for line in problems), problems
    assert done.stdout.count(b"    fix: ") == len(problems)


def test_doctor_knows_what_can_be_trusted(healthy: Repo) -> None:
    healthy.git("config", "tiebreak.trust", "structure keyed/key adjacent")
    assert healthy.tiebreak("doctor").returncode == 0


def test_doctor_sees_the_environment(healthy: Repo) -> None:
    done = healthy.tiebreak("doctor", env={"TIEBREAK": "0"})
    assert done.returncode == 1
    assert b"problem: TIEBREAK=0" in done.stdout


def test_doctor_names_a_driver_that_only_attributes_know(repo: Repo) -> None:
    """What a clone of a repository with a committed .gitattributes looks like."""
    repo.commit({".gitattributes": "*.py merge=tiebreak\n", "a.py": ""})
    done = repo.tiebreak("doctor")
    assert done.returncode == 1
    assert b"name the merge driver tiebreak for 1 file(s), but no configuration" in done.stdout


def test_doctor_believes_merge_default(repo: Repo) -> None:
    repo.commit({"a.py": ""})
    repo.tiebreak("install", "--attributes", "*.nothing")
    assert b"no attribute selects tiebreak" in repo.tiebreak("doctor").stdout
    repo.git("config", "merge.default", "tiebreak")
    assert repo.tiebreak("doctor").returncode == 0


def test_doctor_outside_a_repository(tmp_path: Path) -> None:
    done = Repo.at(tmp_path).tiebreak("doctor")
    assert done.returncode == 1
    assert b"merge.tiebreak.driver is not set" in done.stdout


def test_install_says_what_it_writes(repo: Repo) -> None:
    done = repo.tiebreak("install", "--local", "--attributes", "*.py", "docs/a b.txt")
    assert done.returncode == 0
    shown = done.stdout.decode().splitlines()
    assert [line for line in shown if line.endswith(" merge=tiebreak")] == [
        f"{repo.path}/.git/info/attributes: *.py merge=tiebreak",
        f'{repo.path}/.git/info/attributes: "docs/a b.txt" merge=tiebreak',
    ]
    for line in shown:
        if line.startswith("git config --local "):
            name, value = line.removeprefix("git config --local ").split(" ", 1)
            assert repo.git("config", "--local", name) == value
    chosen = repo.git("check-attr", "merge", "docs/a b.txt", "x.py", "x.go")
    assert chosen.count(": tiebreak") == 2


@pytest.mark.parametrize("pattern", ["", "!*.py"])
def test_install_refuses_what_git_would_ignore(pattern: str, repo: Repo) -> None:
    done = repo.tiebreak("install", "--attributes", pattern)
    assert done.returncode == 2
    assert b"not a pattern" in done.stderr


def test_pattern_without_the_option_is_refused(repo: Repo) -> None:
    assert repo.tiebreak("install", "*.py").returncode == 2


def test_install_outside_a_repository(tmp_path: Path) -> None:
    done = Repo.at(tmp_path).tiebreak("install")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"not in a git repository" in done.stderr


def test_uninstall_takes_back_exactly_what_was_written(repo: Repo) -> None:
    own = "# mine\n*.py diff=python\n*.c merge=ours\n"
    attributes = repo.path / ".git/info/attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text(own)
    repo.git("config", "tiebreak.most", "apply")
    before = (repo.path / ".git/config").read_bytes()
    repo.tiebreak("install")
    assert attributes.read_text() != own
    done = repo.tiebreak("uninstall")
    assert done.returncode == 0
    assert attributes.read_text() == own
    assert (repo.path / ".git/config").read_bytes() == before
    assert b"nothing of tiebreak" in repo.tiebreak("uninstall").stdout


def test_global_is_taken_back_too(repo: Repo, sealed: Path) -> None:
    (sealed / ".gitconfig").write_text("[user]\n\tname = me\n")
    repo.tiebreak("install", "--global")
    assert "*.py merge=tiebreak" in (sealed / ".config/git/attributes").read_text()
    repo.tiebreak("uninstall", "--global")
    assert (sealed / ".gitconfig").read_text() == "[user]\n\tname = me\n"
    assert (sealed / ".config/git/attributes").read_text() == ""


def test_global_goes_where_the_user_keeps_attributes(repo: Repo, sealed: Path) -> None:
    """A dotfile that is a link stays one."""
    (sealed / "dotfiles").mkdir()
    (sealed / "dotfiles/attributes").write_text("*.x -text\n")
    (sealed / "link").symlink_to(sealed / "dotfiles/attributes")
    repo.git("config", "--global", "core.attributesFile", "~/link")
    repo.tiebreak("install", "--global")
    assert (sealed / "link").is_symlink()
    assert (sealed / "dotfiles/attributes").read_text().startswith("*.x -text\n# >>> tiebreak")


def test_installing_twice_changes_nothing(repo: Repo) -> None:
    repo.tiebreak("install")
    files = [repo.path / ".git" / name for name in ("config", "info/attributes")]
    written = [file.read_bytes() for file in files]
    repo.tiebreak("install")
    assert [file.read_bytes() for file in files] == written


def test_installing_again_replaces_the_patterns(repo: Repo) -> None:
    repo.tiebreak("install")
    repo.tiebreak("install", "--attributes", "*.py")
    lines = (repo.path / ".git/info/attributes").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["*.py merge=tiebreak"]


def test_linked_worktree_shares_the_registration(repo: Repo, tmp_path: Path) -> None:
    repo.commit({"a": ""})
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    linked = Repo.at(tmp_path / "linked")
    register(linked)
    eager(repo)
    assert merge(repo, SOFT).returncode == 0


def test_repository_whose_path_holds_a_newline(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "a\nb")
    assert repo.tiebreak("install", "--attributes", "*.py").returncode == 0
    assert b"*.py merge=tiebreak" in repo.read(".git/info/attributes")
