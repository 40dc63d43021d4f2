"""What the user asked git for, and git does not pass on: conflict styles, -X, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from situations import HARD, PAD, SOFT, eager, merge, outcome

if TYPE_CHECKING:
    from conftest import Repo


def both(installed: Repo, twin: Repo) -> tuple[Repo, Repo]:
    for repo in (installed, twin):
        repo.diverge({"a.py": HARD.base}, {"a.py": HARD.ours}, {"a.py": HARD.theirs})
    return installed, twin


@pytest.mark.parametrize("style", ["merge", "diff3", "zdiff3"])
@pytest.mark.parametrize("how", ["config", "-c"])
def test_conflict_style(style: str, how: str, installed: Repo, twin: Repo) -> None:
    for repo in both(installed, twin):
        setting = f"merge.conflictStyle={style}"
        if how == "config":
            repo.git("config", *setting.split("="))
        repo.try_git(*([] if how == "config" else ["-c", setting]), "merge", "other")
    assert outcome(installed) == outcome(twin)
    assert (b"|||||||" in installed.read("a.py")) == (style != "merge")


@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_checkout_in_another_style(style: str, installed: Repo, twin: Repo) -> None:
    for repo in both(installed, twin):
        repo.try_git("merge", "other")
        repo.git("checkout", f"--conflict={style}", "--", "a.py")
    assert outcome(installed) == outcome(twin)


@pytest.mark.parametrize("option", [["-Xours"], ["-X", "theirs"], ["--strategy-option=theirs"]])
@pytest.mark.parametrize("command", ["merge", "rebase", "cherry-pick"])
def test_strategy_option(command: str, option: list[str], installed: Repo, twin: Repo) -> None:
    ends = [repo.try_git(command, *option, "other").returncode for repo in both(installed, twin)]
    assert ends[0] == ends[1]  # 1 where nothing is left to pick
    assert outcome(installed) == outcome(twin)


def test_strategy_option_outlives_a_stop(installed: Repo, twin: Repo) -> None:
    """``rebase --continue`` does not repeat -X; git remembers it, and so must the driver."""
    for repo in both(installed, twin):
        repo.commit({"b": "ours"})
        repo.commit({"c": "ours"})
        repo.checkout("other")
        repo.commit({"b": "theirs"})
        repo.checkout("main")
        stopped = repo.try_git("rebase", "-Xtheirs", "--exec", "test -e go", "other")
        assert stopped.returncode == 1
        (repo.path / ".git/info/exclude").write_text("go\n")
        repo.write({"go": ""})
        assert repo.try_git("rebase", "--continue").returncode == 0
    assert outcome(installed) == outcome(twin)


@pytest.mark.parametrize("favor", ["ours", "theirs", "union"])
def test_favor_by_configuration(favor: str, installed: Repo) -> None:
    both(installed, installed.__class__(installed.path.parent / "unused"))
    done = installed.try_git("-c", f"tiebreak.favor={favor}", "merge", "other")
    assert done.returncode == 0
    text = installed.read("a.py")
    assert (b"x = 2\n" in text, b"x = 3\n" in text) == (favor != "theirs", favor != "ours")


def test_labels_of_a_merge(installed: Repo, twin: Repo) -> None:
    for repo in both(installed, twin):
        repo.try_git("merge", "other")
    assert installed.read("a.py") == twin.read("a.py")  # labels and all, on every git
    assert b"<<<<<<< HEAD\n" in installed.read("a.py")


def test_labels_of_a_pull(installed: Repo, twin: Repo) -> None:
    for repo in both(installed, twin):
        repo.try_git("pull", "-q", "--no-rebase", ".", "other")
    assert installed.read("a.py") == twin.read("a.py")


def test_marker_size_attribute(installed: Repo, twin: Repo) -> None:
    for repo in both(installed, twin):
        with (repo.path / ".git/info/attributes").open("a") as attributes:
            attributes.write("*.py conflict-marker-size=20\n")
        repo.try_git("merge", "other")
    assert outcome(installed) == outcome(twin)
    assert b"<" * 20 + b" " in installed.read("a.py")


@pytest.mark.parametrize(
    ("recipe", "resolved"),
    [
        ("", True),
        ('[policy]\nmost = "suggest"\n', False),
        ('[policy."*.py"]\nmost = "leave"\n', False),
        ('[policy."*.js"]\nmost = "leave"\n', True),
        ("[policy]\ncommit = 0\n", True),
        ("nonsense", False),
    ],
)
def test_recipe_limits(recipe: str, resolved: bool, installed: Repo) -> None:  # noqa: FBT001
    eager(installed)
    installed.commit({".tiebreak.toml": recipe})
    done = merge(installed, SOFT)
    assert (done.returncode == 0) == resolved
    assert (b".tiebreak.toml" in done.stderr) == (recipe == "nonsense")


def test_recipe_cannot_allow_more_than_the_user(installed: Repo) -> None:
    installed.git("config", "tiebreak.most", "suggest")
    installed.commit({".tiebreak.toml": '[policy]\nmost = "commit"\ncommit = 0\napply = 0\n'})
    assert merge(installed, SOFT).returncode == 1
    assert installed.unmerged() == ["a.py"]


def test_applied_is_left_for_review(installed: Repo) -> None:
    eager(installed)
    installed.git("config", "tiebreak.most", "apply")
    done = merge(installed, SOFT)
    assert done.returncode == 1
    assert installed.unmerged() == ["a.py"]
    assert installed.read("a.py").decode() == SOFT.merged
    assert b"1 of 1 hunk resolved, left unmerged for review (tiebreak review)" in done.stderr


def test_conflicts_are_cut_as_git_merge_cuts_them(installed: Repo, twin: Repo) -> None:
    """`git merge` keeps two apart that `git merge-file` joins over lines without letters."""
    braces = "}\n" * 5
    for repo in (installed, twin):
        base, ours, theirs = (f"{PAD}a{n}\n{braces}b{n}\n{PAD}" for n in range(3))
        repo.diverge({"a.txt": base}, {"a.txt": ours}, {"a.txt": theirs})
        repo.try_git("merge", "other")
    assert twin.read("a.txt").count(b"<<<<<<<") == 2
    assert outcome(installed) == outcome(twin)


def package(version: int, *needs: str) -> str:
    """A JSON file with a value in conflict, and far from it a set of entries."""
    between = "".join(f'  "k{n}": {n},\n' for n in range(9))
    entries = ",\n".join(f'    "{need}": 1' for need in needs)
    return f'{{\n  "version": {version},\n{between}  "needs": {{\n{entries}\n  }}\n}}\n'


def test_some_resolved_some_left(installed: Repo) -> None:
    """The hunk that stays is written as git writes it; what is provable is no conflict any more."""
    ours, theirs = package(2, "a", "b"), package(3, "a", "c")
    installed.diverge({"p.json": package(1, "a")}, {"p.json": ours}, {"p.json": theirs})
    done = installed.try_git("merge", "other")
    sides = ('  "version": 2,\n', '  "version": 3,\n')
    conflict = "<<<<<<< HEAD\n{}=======\n{}>>>>>>> other\n".format(*sides)
    expected = package(2, "a", "b", "c").replace(sides[0], conflict)
    assert installed.read("p.json").decode() == expected
    assert installed.unmerged() == ["p.json"]
    assert b"tiebreak: p.json: 1 of 2 hunks resolved (tiebreak review)" in done.stderr
