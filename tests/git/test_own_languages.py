"""A language that a repository adds in one file, and what it may do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Repo

LANGUAGE = """
grammar = "lua"
extensions = [".settings"]
line_comments = ["--"]
comments = ["comment"]

[[keyed]]
parents = ["table_constructor"]
entries = ["field"]
key = ["name"]
separator = ","
trailing = true
"""
BASE = "return {\n  a = 1,\n  b = 2,\n}\n"
OURS = BASE.replace("  b = 2,\n", "  b = 2,\n  c = 3,\n")
THEIRS = BASE.replace("  b = 2,\n", "  b = 2,\n  d = 4,\n")
FILE = ".tiebreak/languages/settings.toml"


@pytest.fixture
def added(installed: Repo) -> Repo:
    """A repository with the language, and a conflict in a file of it."""
    attributes = installed.path / ".git/info/attributes"
    attributes.write_text(attributes.read_text() + "*.settings merge=tiebreak\n")
    installed.diverge(
        {"x.settings": BASE, FILE: LANGUAGE}, {"x.settings": OURS}, {"x.settings": THEIRS}
    )
    return installed


def test_it_is_listed(added: Repo) -> None:
    rows = json.loads(added.tiebreak("languages", "--json").stdout)
    (row,) = (row for row in rows if row["name"] == "settings")
    assert row["from"] == "this repository"
    assert row["can"] == ["nodes", "entries"]
    assert added.tiebreak("languages", "x.settings").stdout == b"x.settings: settings\n"


def test_it_only_suggests(added: Repo) -> None:
    added.git("config", "tiebreak.trust", "structure keyed")
    assert added.try_git("merge", "-q", "other").returncode == 1
    assert added.unmerged() == ["x.settings"]
    for name, text in {"ours": OURS, "base": BASE, "theirs": THEIRS}.items():
        added.write({name: text})
    args = ("--json", "--path", "x.settings", "ours", "base", "theirs")
    report = json.loads(added.tiebreak("merge-file", *args).stdout)
    assert "c = 3,\\n  d = 4," in json.dumps(report)


def test_the_users_own_configuration_lets_it_count(added: Repo) -> None:
    added.git("config", "tiebreak.trust", "structure keyed")
    added.git("config", "tiebreak.languages", "repository")
    added.git("merge", "-q", "other")
    assert added.read("x.settings") == OURS.replace("c = 3,\n", "c = 3,\n  d = 4,\n").encode()


def test_solve_reads_it_from_the_commit_that_is_merged_into(added: Repo) -> None:
    added.try_git("-c", "tiebreak.enabled=false", "merge", "-q", "other")
    added.git("config", "tiebreak.trust", "structure keyed")
    added.git("config", "tiebreak.languages", "repository")
    assert added.tiebreak("solve").returncode == 0
    assert added.unmerged() == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('grammar = "../evil"\n', b"grammar: expected the name of one"),
        ('grammar = "lua"\ncolour = 1\n', b"colour"),
        ('like = "no-such"\n', b"is no shipped language"),
        ("grammar = \n", b"settings.toml"),
    ],
)
def test_what_is_wrong_with_it_is_said(repo: Repo, content: str, said: bytes) -> None:
    repo.commit({FILE: content})
    listed = repo.tiebreak("languages")
    assert listed.returncode == 2
    assert said in listed.stderr


def test_like_takes_over_a_shipped_language(repo: Repo) -> None:
    repo.commit({FILE: 'like = "json"\nextensions = [".settings"]\n'})
    assert repo.tiebreak("languages", "x.settings").stdout == b"x.settings: settings\n"


def test_order_can_be_kept_by_path(installed: Repo) -> None:
    installed.git("config", "tiebreak.trust", "structure keyed sets")
    base = "class A {\n    int x = 1;\n}\n"
    sides = [base.replace("1;\n", f"1;\n    int {name} = 2;\n") for name in ("y", "z")]
    recipe = '[policy."free/**"]\n[policy."kept/**"]\nordered = ["java.members"]\n'
    installed.diverge(
        {"free/A.java": base, "kept/A.java": base, ".tiebreak.toml": recipe},
        {"free/A.java": sides[0], "kept/A.java": sides[0]},
        {"free/A.java": sides[1], "kept/A.java": sides[1]},
    )
    assert installed.try_git("merge", "-q", "other").returncode == 1
    assert installed.unmerged() == ["kept/A.java"]
