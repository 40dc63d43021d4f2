"""Where the versions of a conflict come from, read out of real histories."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    repo.git("config", "extensions.partialClone", "origin")
    repo.git("branch", "other")
    assert lineage(repo, "a.py") is None


def test_only_a_merge_of_two_commits_has_two_heads(repo: Repo) -> None:
    repo.diverge({"a.py": BASE}, {"a.py": PICKED}, {"a.py": GONE_ON})
    git_dir = str(repo.path / ".git")
    assert merge_heads(git_dir) is None
    repo.try_git("merge", "other")
    assert merge_heads(git_dir) == ("HEAD", repo.git("rev-parse", "other"))
    repo.git("merge", "--abort")
    repo.try_git("cherry-pick", "other")
    assert merge_heads(git_dir) is None
