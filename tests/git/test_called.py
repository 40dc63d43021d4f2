"""Every situation in which git calls a merge driver, with real git: the table of gitattributes(5).

Two questions each time. What tiebreak cannot resolve: is everything as git alone leaves it? What it
can: is it resolved there?
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from situations import (
    HARD,
    LABELLED,
    OTHERS,
    PAD,
    RESOLVABLE,
    SOFT,
    checkout_branch,
    criss_cross,
    eager,
    journal,
    merge,
    outcome,
    rebase,
    rename_add,
)

from conftest import Repo, needs_git

if TYPE_CHECKING:
    from pathlib import Path

    from situations import Situation

ODD_PATHS = [
    "with space.py",
    'it\'s "quoted" $(x).py',
    "new\nline.py",
    "ünïcödé-é.py",
    "-q.py",
    "%A.py",
]


@pytest.mark.parametrize("judge", ["never", "always"])
@pytest.mark.parametrize("situation", [*RESOLVABLE, *OTHERS], ids=lambda s: s.__name__)
def test_what_stays_in_conflict_is_as_git_leaves_it(
    situation: Situation, judge: str, installed: Repo, twin: Repo
) -> None:
    installed.git("config", "tiebreak.judge", judge)
    done, alone = situation(installed, HARD), situation(twin, HARD)
    if situation is rename_add and not LABELLED:  # git alone tells alike markers apart by labels
        mine, alone_has = (set(repo.read("a.py").split(b"\n")) for repo in (installed, twin))
        assert {line.partition(b":")[0] for line in alone_has} == mine
    else:
        assert outcome(installed) == outcome(twin)
    assert (done.returncode, done.stdout) == (alone.returncode, alone.stdout)
    assert installed.unmerged()
    assert not installed.litter()


@pytest.mark.parametrize("situation", RESOLVABLE, ids=lambda s: s.__name__)
def test_what_can_be_resolved_is(situation: Situation, installed: Repo) -> None:
    eager(installed)
    done = situation(installed, SOFT)
    (file,) = installed.path.rglob("a.py")
    assert file.read_text() == SOFT.merged
    assert installed.unmerged() in ([], ["sub"])
    quiet = situation is checkout_branch  # git 2.55 carries changes over by a silenced stash
    assert quiet or b"1 of 1 hunk resolved (tiebreak review)\n" in done.stderr
    assert len(journal(installed)) == 1
    assert not installed.litter()


@pytest.mark.parametrize("judge", ["never", "always"])
def test_a_repository_with_longer_ids(
    judge: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    repo = Repo(tmp_path / "long")
    assert len(repo.commit({"b": ""})) == 64
    assert repo.tiebreak("install").returncode == 0
    repo.git("config", "tiebreak.judge", judge)
    eager(repo)
    assert merge(repo, SOFT).returncode == 0
    assert repo.read("a.py").decode() == SOFT.merged
    assert len(journal(repo)) == 1
    assert repo.tiebreak("undo", "--all").returncode == 0
    assert repo.unmerged() == ["a.py"]
    assert repo.tiebreak("solve").returncode == 0
    assert repo.read("a.py").decode() == SOFT.merged


@pytest.mark.parametrize("path", ODD_PATHS)
def test_odd_paths(path: str, installed: Repo, twin: Repo) -> None:
    for repo in (installed, twin):
        repo.diverge({path: HARD.base}, {path: HARD.ours}, {path: HARD.theirs})
        repo.try_git("merge", "other")
    assert outcome(installed) == outcome(twin)
    assert installed.unmerged() == [path]


@pytest.mark.parametrize("path", ODD_PATHS)
def test_odd_paths_resolved(path: str, installed: Repo) -> None:
    eager(installed)
    installed.diverge({path: SOFT.base}, {path: SOFT.ours}, {path: SOFT.theirs})
    done = installed.try_git("merge", "other")
    assert installed.read(path).decode() == SOFT.merged
    assert done.stderr.count(b"\n") == 1  # no path breaks the line


def test_one_side_only_needs_no_driver(installed: Repo) -> None:
    installed.git("config", "merge.tiebreak.driver", "exit 1")
    installed.diverge({"a.py": "1\n", "b.py": "1\n"}, {"a.py": "2\n"}, {"b.py": "2\n"})
    assert installed.try_git("merge", "-q", "other").returncode == 0


def test_clean_text_merge_starts_no_interpreter(installed: Repo) -> None:
    driver = installed.git("config", "merge.tiebreak.driver")
    assert "python" in driver
    installed.git("config", "merge.tiebreak.driver", driver.replace("python", "no-such-python"))
    ours, theirs = f"1\n{PAD}2\n", f"a\n{PAD}b\n"
    installed.diverge({"a.py": f"1\n{PAD}b\n"}, {"a.py": ours}, {"a.py": theirs})
    done = installed.try_git("merge", "-q", "other")
    assert (done.returncode, done.stderr) == (0, b"")
    assert installed.read("a.py").decode() == f"a\n{PAD}2\n"


def test_binary_file_under_star(installed: Repo, twin: Repo) -> None:
    (installed.path / ".git/info/attributes").write_text("* merge=tiebreak\n")
    for repo in (installed, twin):
        repo.diverge({"x": b"\0base"}, {"x": b"\0ours"}, {"x": b"\0theirs"})
        done = repo.try_git("merge", "-q", "other")
        assert done.returncode == 1
    assert outcome(installed) == outcome(twin)
    assert installed.read("x") == b"\0ours"


def test_criss_cross_base_holds_markers(installed: Repo) -> None:
    """With every candidate allowed, a base with markers still gets git's text merge."""
    eager(installed)
    done = criss_cross(installed, HARD)
    assert done.returncode == 1
    assert b"<<<<<<< " in installed.read("a.py")


def test_rerere_records_and_replays(installed: Repo, twin: Repo) -> None:
    for repo in (installed, twin):
        repo.git("config", "rerere.enabled", "true")
        merge(repo, HARD)
        repo.commit({"a.py": HARD.ours.replace("x = 2", "x = 5")}, "by hand")
        repo.git("reset", "-q", "--hard", "HEAD^")
        again = repo.try_git("merge", "other")
        assert b"using previous resolution" in again.stdout + again.stderr
        assert b"x = 5" in repo.read("a.py")
    assert recorded(installed) == recorded(twin)


def recorded(repo: Repo) -> list[str]:
    return sorted(p.name for p in (repo.path / ".git/rr-cache").iterdir())


def test_rerere_replays_into_a_changed_neighbourhood(installed: Repo) -> None:
    """The replay merges files that hold markers; only the recorded resolution may come out."""
    eager(installed)
    installed.git("config", "rerere.enabled", "true")
    installed.env["TIEBREAK"] = "0"
    merge(installed, HARD)
    installed.commit({"a.py": HARD.ours.replace("x = 2", "x = 5")}, "by hand")
    installed.git("reset", "-q", "--hard", "HEAD^")
    installed.commit({"a.py": HARD.ours.replace("# line 1\n", "# line one\n", 1)})
    merged = installed.try_git("merge", "other")
    assert merged.returncode == 1
    expected = HARD.ours.replace("# line 1\n", "# line one\n", 1).replace("x = 2", "x = 5")
    assert installed.read("a.py").decode() == expected


def bare_clone(repo: Repo) -> None:
    """Turn `repo` into its own bare repository, attributes and configuration included."""
    repo.git("config", "core.bare", "true")
    repo.path /= ".git"


def test_merge_tree_in_a_bare_repository(installed: Repo, twin: Repo) -> None:
    trees = []
    for repo in (installed, twin):
        repo.diverge({"a.py": HARD.base}, {"a.py": HARD.ours}, {"a.py": HARD.theirs})
        bare_clone(repo)
        done = repo.try_git("merge-tree", "--write-tree", "main", "other")
        assert done.returncode == 1
        assert not done.stderr
        head, _, rest = done.stdout.partition(b"\n")
        trees.append((repo.git("cat-file", "-p", f"{head.decode()}:a.py").splitlines()[1:12], rest))
    assert trees[0] == trees[1]


def test_merge_tree_resolves_and_records_nothing(installed: Repo) -> None:
    eager(installed)
    installed.diverge({"a.py": SOFT.base}, {"a.py": SOFT.ours}, {"a.py": SOFT.theirs})
    bare_clone(installed)
    done = installed.try_git("merge-tree", "--write-tree", "main", "other")
    assert (done.returncode, done.stderr) == (0, b"")
    tree = done.stdout.decode().strip()
    assert installed.git("cat-file", "-p", f"{tree}:a.py") + "\n" == SOFT.merged
    assert not journal(installed)


def test_remerge_diff_records_nothing(installed: Repo) -> None:
    eager(installed)
    installed.env["TIEBREAK"] = "0"
    merge(installed, SOFT)
    installed.commit({"a.py": SOFT.merged}, "merged by hand")
    del installed.env["TIEBREAK"]
    installed.git("config", "alias.audit", "log -1 --remerge-diff --format=")
    for command in (["log", "-1", "--remerge-diff", "--format="], ["audit"]):
        done = installed.try_git(*command)
        assert (done.stdout, done.stderr) == (b"", b"")  # the hand agreed with tiebreak
    assert not journal(installed)


def test_checkout_conflict_gives_the_conflict_back(installed: Repo, twin: Repo) -> None:
    eager(installed)
    installed.git("config", "tiebreak.most", "apply")
    for repo in (installed, twin):
        merge(repo, SOFT)
    assert installed.read("a.py").decode() == SOFT.merged
    for repo in (installed, twin):
        repo.git("checkout", "--conflict=merge", "a.py")
    assert outcome(installed) == outcome(twin)


def test_notes_merge_is_left_to_git(installed: Repo, twin: Repo) -> None:
    (installed.path / ".git/info/attributes").write_text("* merge=tiebreak\n")
    eager(installed)
    kept = []
    for repo in (installed, twin):
        commit = repo.commit({"a.py": ""})
        repo.git("notes", "add", "-m", "base", commit)
        repo.git("update-ref", "refs/notes/other", "refs/notes/commits")
        repo.git("notes", "--ref=other", "append", "-m", "theirs", commit)
        repo.git("notes", "append", "-m", "ours", commit)
        assert repo.try_git("notes", "merge", "other").returncode == 1
        kept.append((repo.path / ".git/NOTES_MERGE_WORKTREE" / commit).read_bytes())
    assert kept[0].count(b"\n") == kept[1].count(b"\n")
    assert b"ours" in kept[0]
    assert b"theirs" in kept[0]


@needs_git(2, 44)
def test_replay_records_nothing(installed: Repo) -> None:
    eager(installed)
    installed.diverge({"a.py": SOFT.base}, {"a.py": SOFT.ours}, {"a.py": SOFT.theirs})
    done = installed.try_git("replay", "--onto", "main", "main..other")
    assert done.returncode == 0, done.stderr
    assert not journal(installed)


def test_rebase_in_which_two_commits_conflict(installed: Repo) -> None:
    eager(installed)
    installed.diverge({"a.py": SOFT.base, "b.py": SOFT.base}, {}, {"a.py": SOFT.theirs})
    installed.commit({"a.py": SOFT.ours, "b.py": SOFT.ours})
    installed.checkout("other")
    installed.commit({"b.py": SOFT.theirs})
    assert installed.try_git("rebase", "main").returncode == 0
    assert installed.read("a.py") == installed.read("b.py") == (SOFT.merged or "").encode()
    assert len(journal(installed)) == 2


def test_global_registration(repo: Repo) -> None:
    assert repo.tiebreak("install", "--global").returncode == 0
    eager(repo)
    assert rebase(repo, SOFT).returncode == 0
    assert repo.read("a.py").decode() == SOFT.merged
