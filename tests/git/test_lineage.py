"""Where the versions of a conflict come from, read out of real histories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tiebreak.git.lineage import Lineages, merge_heads
from tiebreak.lineage import mark

if TYPE_CHECKING:
    from conftest import Repo
    from tiebreak.lineage import Lineage

BASE = "one = 1\ntwo = 2\nthree = 3\n"
PICKED = BASE.replace("two = 2", "two = fetch(2)")
GONE_ON = BASE.replace("two = 2", "two = fetch(2, again=True)")


def lineage(repo: Repo, path: str) -> Lineage | None:
    oids = [repo.git("rev-parse", f"{side}:{path}") for side in ("main", "other")]
    lineages = Lineages("main", "other", [path], str(repo.path))
    return lineages.of(path, oids[0], oids[1])


def test_a_change_that_was_picked_and_gone_on_from_is_known(repo: Repo) -> None:
    path = "ä file.py"
    repo.commit({path: BASE, "b.py": "x\n"}, "base")
    repo.git("branch", "other")
    repo.commit({path: PICKED, "b.py": "y\n"}, "fetch")
    repo.git("checkout", "-q", "other")
    repo.commit({path: PICKED}, "the same, picked")
    repo.commit({path: GONE_ON}, "again")
    found = lineage(repo, path)
    assert found is not None
    past = found.past(b"two = 2\n", b"two = fetch(2)\n", b"two = fetch(2, again=True)\n")
    assert (past.ours.commits, past.theirs.commits) == (1, 2)
    assert past.ours.whole
    assert past.ours.text
    assert past.ours.stale == {mark(b"two=fetch(2)")}
    assert not past.theirs.whole
    assert not past.theirs.text
    assert past.theirs.stale == frozenset()
    assert past.theirs.added == 1


def test_changes_of_their_own_are_no_news_of_each_other(repo: Repo) -> None:
    repo.commit({"a.py": BASE}, "base")
    repo.git("branch", "other")
    repo.commit({"a.py": PICKED}, "fetch")
    repo.git("checkout", "-q", "other")
    repo.commit({"a.py": GONE_ON}, "again")
    found = lineage(repo, "a.py")
    assert found is not None
    past = found.past(b"two = 2\n", b"two = fetch(2)\n", b"two = fetch(2, again=True)\n")
    assert not any(side.whole or side.text or side.stale for side in past)


def test_what_git_cannot_tell_is_not_known(repo: Repo) -> None:
    repo.commit({"a.py": BASE}, "base")
    lineages = Lineages("main", "nowhere", ["a.py"], str(repo.path))
    assert lineages.of("a.py", "0" * 40, "1" * 40) is None
    repo.git("branch", "other")
    for key, value in (("extensions.partialClone", "origin"), ("remote.up.promisor", "true")):
        repo.git("config", key, value)
        assert lineage(repo, "a.py") is None
        repo.git("config", "--unset", key)
    assert lineage(repo, "a.py") is not None


def test_what_takes_too_long_is_not_known_and_not_asked_again(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.diverge({"a.py": BASE}, {"a.py": PICKED}, {"a.py": GONE_ON})
    lineages = Lineages("main", "other", ["a.py"], str(repo.path), seconds=1e-6)
    assert lineages.of("a.py", "0" * 40, "1" * 40) is None
    monkeypatch.setenv("PATH", "")  # from here on there is no git to ask
    assert lineages.of("a.py", "0" * 40, "1" * 40) is None


@pytest.mark.parametrize("path", ["-- :(top)*?[a]", ":b", 'quo"te', "tab\tin", "line\nend", "r\r"])
def test_a_path_is_a_name_and_no_pattern(
    repo: Repo, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit({path: BASE, "b": "x\n"}, "base")
    repo.git("branch", "other")
    repo.commit({path: PICKED, "b": "y\n"}, "one")
    repo.git("checkout", "-q", "other")
    repo.commit({path: GONE_ON}, "two")
    for key, value in (("log.follow", "true"), ("log.showSignature", "true")):
        repo.git("config", key, value)
    oids = [repo.git("rev-parse", f"{side}:{path}") for side in ("main", "other")]
    for literal in ("0", "1"):
        monkeypatch.setenv("GIT_LITERAL_PATHSPECS", literal)
        found = Lineages("main", "other", [path], str(repo.path)).of(path, oids[0], oids[1])
        if {"\n", "\r"} & set(path):
            assert found is None
        else:
            assert found is not None
            past = found.past(b"two = 2\n", b"two = fetch(2)\n", b"two = fetch(2, again=True)\n")
            assert (past.ours.commits, past.theirs.commits) == (1, 1)


def test_thousands_of_paths_are_no_argument_list_that_is_too_long(repo: Repo) -> None:
    repo.diverge({"a.py": BASE}, {"a.py": PICKED}, {"a.py": GONE_ON})
    oids = [repo.git("rev-parse", f"{side}:a.py") for side in ("main", "other")]
    paths = ["a.py", *(f"{'long' * 40}/{number}" for number in range(20_000))]
    found = Lineages("main", "other", paths, str(repo.path)).of("a.py", oids[0], oids[1])
    assert found is not None


def test_only_a_merge_of_two_commits_has_two_heads(repo: Repo) -> None:
    repo.diverge({"a.py": BASE}, {"a.py": PICKED}, {"a.py": GONE_ON})
    git_dir = str(repo.path / ".git")
    assert merge_heads(git_dir) is None
    repo.try_git("merge", "other")
    assert merge_heads(git_dir) == ("HEAD", repo.git("rev-parse", "other"))
    repo.git("merge", "--abort")
    repo.try_git("cherry-pick", "other")
    assert merge_heads(git_dir) is None
