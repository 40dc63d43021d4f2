"""The recipe: what `.tiebreak.toml` may say, and how it is refused."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tiebreak.policy import APPLY, COMMIT, LEAVE, SUGGEST, Policy
from tiebreak.recipe import Recipe, load_recipe, parse_recipe, policy_from_config
from tiebreak.recipe_errors import RecipeError

if TYPE_CHECKING:
    from pathlib import Path

USER = Policy()


def policy(source: str, path: str = "src/a.py", allowed: Policy = USER) -> Policy:
    return parse_recipe(source.encode()).policy_for(path, allowed)


def test_an_empty_recipe_changes_nothing() -> None:
    assert Recipe().policy_for("a", USER) == USER
    assert policy("") == USER
    assert policy("[policy]\n") == USER


def test_a_missing_file_is_an_empty_recipe(tmp_path: Path) -> None:
    assert load_recipe(str(tmp_path)) == Recipe()


def test_a_recipe_lowers() -> None:
    lowered = policy('[policy]\nmost = "apply"\ncommit = 0.995\nprovable = "suggest"\n')
    assert lowered == Policy(commit=0.995, apply=0.95, most=APPLY, provable=SUGGEST)


def test_a_recipe_never_raises_what_the_user_allows() -> None:
    careful = Policy(commit=0.99, apply=0.97, most=SUGGEST, provable=APPLY)
    greedy = '[policy]\ncommit = 0\napply = 0\nmost = "commit"\nprovable = "commit"\n'
    assert policy(greedy, allowed=careful) == careful
    assert policy(greedy.replace("[policy]", '[policy]\n[policy."*"]'), allowed=careful) == careful


def test_of_the_patterns_that_match_the_last_gives_each_setting() -> None:
    source = """
        [policy]
        most = "apply"
        apply = 0.96
        [policy."*.py"]
        most = "leave"
        [policy."/src/"]
        most = "suggest"
        commit = 0.99
    """
    assert policy(source, "src/a.py") == Policy(0.99, 0.96, SUGGEST, COMMIT)
    assert policy(source, "tests/a.py") == Policy(0.98, 0.96, LEAVE, COMMIT)
    assert policy(source, "a.c") == Policy(0.98, 0.96, APPLY, COMMIT)


PATTERNS = [
    "*.lock", "lock", "/lock", "vendor/", "a/vendor/", "a/*", "/a", "**/lock", "a/**", "a/**/lock",
    "*", "?.py", "[ab].py", "[!ab].py", "[^a-c].py", "a/b", r"\*.py", r"a\[1\].py", "*.min.*",
    "[]x].py", "**", "a**b", "/*/lock", "ä.md", " x",
]  # fmt: skip
PATHS = [
    "x.lock", "a/x.lock", "lock", "a/lock", "a/b/lock", "lock/x", "a/b/c/lock", "vendor/x",
    "a/vendor/y/z", "a/x", "a/b/c", "a.py", "b.py", "d.py", "ab.py", "*.py", "a[1].py",
    "b/a.py", "x.min.js", "].py", "x.py", "axb", "a/b", "ä.md", " x", "new\nline.lock", "vendorx",
]  # fmt: skip


def test_patterns_mean_what_they_mean_in_gitignore(tmp_path: Path) -> None:
    """`git check-ignore` is asked about every pattern and path."""
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    ignore = tmp_path / ".git" / "info" / "exclude"
    for pattern in PATTERNS:
        ignore.write_text(pattern + "\n")
        asked = "\0".join(PATHS).encode()
        answer = subprocess.run(
            [*git, "check-ignore", "-z", "--stdin", "--no-index"],
            input=asked,
            capture_output=True,
            check=False,
        )
        expected = set(answer.stdout.decode().split("\0")) - {""}
        recipe = parse_recipe(f"[policy.'{pattern}']\nmost = 'leave'\n".encode())
        got = {path for path in PATHS if recipe.policy_for(path, USER).most == LEAVE}
        assert got == expected, pattern


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("[polcy]\n", ".tiebreak.toml:1: polcy: unknown; known: policy, weights"),
        ("policy = 3\n", ".tiebreak.toml:1: policy: expected a table, [policy]"),
        (
            '\n[policy]\nmust = "apply"\n',
            ".tiebreak.toml:3: policy.must: unknown; known: commit, apply, most, provable, ordered",
        ),
        (
            '[policy]\nmost = "x"\n',
            ".tiebreak.toml:2: policy.most: expected one of leave, suggest, apply, commit, got 'x'",
        ),
        (
            "[policy]\n\n\ncommit = true\n",
            ".tiebreak.toml:4: policy.commit: expected a number from 0 to 1, got True",
        ),
        (
            '[policy."*.c"]\nmost = "leave"\napply = 95\n',
            '.tiebreak.toml:3: policy."*.c".apply: expected a number from 0 to 1, got 95',
        ),
        (
            "[policy]\nmost = 1\n",
            ".tiebreak.toml:2: policy.most: expected one of leave, suggest, apply, commit, got 1",
        ),
        (
            "[policy.'!x']\n",
            '.tiebreak.toml:1: policy."!x": expected a pattern as in .gitignore, and no negation',
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(source: str, line: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(source.encode())
    assert str(caught.value) == line


@pytest.mark.parametrize(
    "source",
    [
        b"[policy\n",
        b"<<<<<<< HEAD\n[policy]\n",
        b"[policy]\nmost = 'leave'\n[policy]\n",
        b"[policy]\n# caf\xe9\n",
        b"#" * 70_000,
        b"a=" + b"[" * 60_000,
        b"[policy.'[z-a]']\n",
    ],
)
def test_hostile_and_broken_files_are_one_line(source: bytes) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(source)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(".tiebreak.toml")


def test_a_hostile_pattern_takes_no_time() -> None:
    """It comes with the merged tree. As a regular expression this would take years."""
    stars = "*a" * 40 + "*b"
    deep = "**/a/" * 20 + "b"
    source = f"[policy.'{stars}']\nmost = 'leave'\n[policy.'{deep}']\nmost = 'leave'\n"
    assert policy(source, "a" * 200).most == COMMIT
    assert policy(source, "a/" * 200 + "c").most == COMMIT
    assert policy(source, "a" * 200 + "b").most == LEAVE
    assert policy(source, "a/" * 200 + "b").most == LEAVE


def test_a_hostile_file_is_refused_in_no_time() -> None:
    source = b"[policy]\n" + b"#commit\n" * 7000 + b"commit = 7\n"
    with pytest.raises(RecipeError, match=r"^\.tiebreak\.toml: policy\.commit: expected a number"):
        parse_recipe(source)


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".tiebreak.toml")
    with pytest.raises(RecipeError, match=r"^\.tiebreak\.toml: not a file$"):
        load_recipe(str(tmp_path))


def test_the_users_policy_comes_from_git_configuration() -> None:
    values = [("commit", "0.99"), ("most", "apply"), ("driver", "x"), ("most", "suggest")]
    assert policy_from_config(values) == Policy(commit=0.99, most=SUGGEST)


def test_a_wrong_git_setting_is_named() -> None:
    with pytest.raises(RecipeError, match=r"^git config tiebreak\.most: expected one of leave"):
        policy_from_config([("most", "all")])
    with pytest.raises(RecipeError, match=r"^git config tiebreak\.commit: expected a number"):
        policy_from_config([("commit", "nan")])
