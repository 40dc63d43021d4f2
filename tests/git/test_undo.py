"""`tiebreak undo` and `tiebreak review`: what was done automatically can be seen and taken back."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repo

BASE = "top\none\ntwo\nbottom\n"
OURS = "top\nONE\ntwo\nbottom\n"
THEIRS = "top\none\nTWO\nbottom\n"
BOTH = "top\nONE\nTWO\nbottom\n"
MARKED = "top\n<<<<<<< HEAD\nONE\ntwo\n=======\none\nTWO\n>>>>>>> other\nbottom\n"


@pytest.fixture
def bold(installed: Repo) -> Repo:
    """The driver is registered, and resolves everything, however unsure."""
    installed.git("config", "tiebreak.commit", "0")
    installed.git("config", "tiebreak.apply", "0")
    return installed


@pytest.fixture
def merged(bold: Repo) -> Repo:
    """A merge that the driver resolved, and that is committed."""
    bold.diverge({"a.txt": BASE}, {"a.txt": OURS}, {"a.txt": THEIRS})
    bold.git("merge", "-q", "--no-edit", "other")
    assert bold.read("a.txt").decode() == BOTH
    return bold


def undo(repo: Repo, *args: str, status: int = 0) -> str:
    done = repo.tiebreak("undo", *args)
    assert done.returncode == status, (done.stdout + done.stderr).decode()
    return (done.stdout + done.stderr).decode()


def review(repo: Repo, *args: str) -> list[dict[str, Any]]:
    done = repo.tiebreak("review", "--json", *args)
    assert done.returncode == 0, done.stderr.decode()
    entries: list[dict[str, Any]] = json.loads(done.stdout)["entries"]
    return entries


def gits_own(merged: Repo, twin: Repo) -> tuple[bytes, str]:
    """The work-tree file and the index that git alone leaves for the same merge."""
    twin.git("fetch", "-q", str(merged.path), "main:ours", "other:other")
    twin.git("checkout", "-q", "ours~1" if "Merge" in twin.git("log", "-1", "ours") else "ours")
    twin.try_git("merge", "other")
    return twin.read("a.txt"), twin.git("ls-files", "-s")


def test_after_the_commit_the_conflict_is_recreated(merged: Repo, twin: Repo) -> None:
    said = undo(merged, "a.txt")
    assert said.startswith("a.txt: git's conflict is back\n")
    text, stages = gits_own(merged, twin)
    assert merged.read("a.txt") == text
    assert merged.git("ls-files", "-s") == stages
    assert merged.unmerged() == ["a.txt"]
    merged.write({"a.txt": "by hand\n"})
    merged.git("add", "a.txt")
    merged.git("commit", "-q", "--amend", "--no-edit")
    assert merged.git("log", "-1", "--format=%p").count(" ") == 1
    assert merged.git("status", "--porcelain") == ""


def test_before_the_commit(bold: Repo, twin: Repo) -> None:
    bold.diverge({"a.txt": BASE}, {"a.txt": OURS}, {"a.txt": THEIRS})
    bold.git("merge", "-q", "--no-commit", "other")
    undo(bold, "a.txt")
    assert (bold.read("a.txt"), bold.git("ls-files", "-s")) == gits_own(bold, twin)
    assert bold.try_git("commit", "--no-edit").returncode != 0
    bold.write({"a.txt": "by hand\n"})
    bold.git("add", "a.txt")
    bold.git("commit", "-q", "--no-edit")
    assert bold.git("log", "-1", "--format=%p").count(" ") == 1


def test_a_result_that_was_only_applied(bold: Repo) -> None:
    bold.git("config", "tiebreak.most", "apply")
    bold.diverge({"a.txt": BASE}, {"a.txt": OURS}, {"a.txt": THEIRS})
    assert bold.try_git("merge", "other").returncode == 1
    assert bold.read("a.txt").decode() == BOTH
    stages = bold.git("ls-files", "-s")
    undo(bold, "a.txt")
    assert bold.read("a.txt").decode() == MARKED
    assert bold.git("ls-files", "-s") == stages


def test_what_solve_did(repo: Repo) -> None:
    repo.git("config", "tiebreak.commit", "0")
    repo.diverge({"a.txt": BASE}, {"a.txt": OURS}, {"a.txt": THEIRS})
    repo.try_git("merge", "other")
    before = repo.read("a.txt"), repo.git("ls-files", "-s")
    repo.tiebreak("solve")
    assert repo.read("a.txt").decode() == BOTH
    undo(repo, "a.txt")
    assert (repo.read("a.txt"), repo.git("ls-files", "-s")) == before


def test_solve_gives_the_result_again(merged: Repo) -> None:
    undo(merged, "a.txt")
    assert merged.tiebreak("solve").returncode == 0
    assert merged.read("a.txt").decode() == BOTH
    assert merged.git("status", "--porcelain") == ""
    (entry,) = review(merged)
    assert entry["undone"] == 0
    undo(merged, "a.txt")
    assert merged.unmerged() == ["a.txt"]


def test_a_file_that_was_changed_is_refused(merged: Repo) -> None:
    merged.write({"a.txt": "worked on\n"})
    said = undo(merged, "a.txt", status=2)
    assert said == "tiebreak: a.txt: was changed since; --force keeps a copy and undoes it\n"
    assert merged.read("a.txt") == b"worked on\n"
    assert merged.unmerged() == []


def test_force_keeps_a_copy(merged: Repo) -> None:
    merged.write({"a.txt": "worked on\n"})
    said = undo(merged, "--force", "a.txt")
    assert merged.read("a.txt").decode() == MARKED
    staged, copy = sorted(
        line.partition(": ")[2] for line in said.splitlines() if "a copy of" in line
    )[::-1]
    with open(copy, "rb") as file:
        assert file.read() == b"worked on\n"
    with open(staged, "rb") as file:
        assert file.read().decode() == BOTH


def test_what_is_staged_counts_as_a_change(merged: Repo) -> None:
    merged.write({"a.txt": "staged\n"})
    merged.git("add", "a.txt")
    merged.write({"a.txt": BOTH})
    said = undo(merged, "a.txt", status=2)
    assert "was staged with other contents since" in said
    assert merged.git("show", ":a.txt") == "staged"


def test_a_file_that_is_gone_is_refused(merged: Repo) -> None:
    (merged.path / "a.txt").unlink()
    assert "was changed since" in undo(merged, "a.txt", status=2)
    undo(merged, "--force", "a.txt")
    assert merged.read("a.txt").decode() == MARKED


def test_a_folder_that_is_gone_or_a_link(bold: Repo, tmp_path: Path) -> None:
    bold.diverge({"sub/a.txt": BASE}, {"sub/a.txt": OURS}, {"sub/a.txt": THEIRS})
    bold.git("merge", "-q", "--no-edit", "other")
    (bold.path / "sub").rename(tmp_path / "outside")
    (bold.path / "sub").symlink_to(tmp_path / "outside")
    assert "is a symbolic link" in undo(bold, "--force", "sub/a.txt", status=2)
    assert (tmp_path / "outside" / "a.txt").read_text() == BOTH
    (bold.path / "sub").unlink()
    undo(bold, "--force", "sub/a.txt")
    assert bold.read("sub/a.txt").decode() == MARKED


def test_twice_is_refused(merged: Repo) -> None:
    undo(merged, "a.txt")
    assert "was undone already" in undo(merged, "a.txt", status=2)
    assert merged.read("a.txt").decode() == MARKED


def test_modes_stay(bold: Repo) -> None:
    bold.commit({"a.txt": BASE})
    bold.git("update-index", "--chmod=+x", "a.txt")
    (bold.path / "a.txt").chmod(0o755)
    bold.diverge({"a.txt": BASE}, {"a.txt": OURS}, {"a.txt": THEIRS})
    bold.git("merge", "-q", "--no-edit", "other")
    undo(bold, "a.txt")
    modes = [line.split()[0] for line in bold.git("ls-files", "-s").splitlines()]
    assert modes == ["100755"] * 3
    assert stat.S_IMODE((bold.path / "a.txt").stat().st_mode) & 0o111


def test_the_work_tree_gets_its_own_form(bold: Repo) -> None:
    bold.commit({".gitattributes": "*.txt text eol=crlf\n"})
    bold.diverge({"a.txt": BASE}, {"a.txt": OURS}, {"a.txt": THEIRS})
    bold.git("merge", "-q", "--no-edit", "other")
    assert bold.read("a.txt").decode() == BOTH.replace("\n", "\r\n")
    undo(bold, "a.txt")
    assert bold.read("a.txt").decode() == MARKED.replace("\n", "\r\n")
    assert bold.git("diff", "--stat", ":2:a.txt", "main~1:a.txt") == ""


def test_added_on_both_sides_has_no_base(bold: Repo) -> None:
    bold.diverge({"x": ""}, {"a.txt": "same\n" + OURS}, {"a.txt": "same\n" + THEIRS})
    bold.git("merge", "-q", "--no-edit", "other")
    undo(bold, "a.txt")
    stages = [line.split()[2] for line in bold.git("ls-files", "-s", "a.txt").splitlines()]
    assert stages == ["2", "3"]


def test_all_files_of_the_last_operation(bold: Repo) -> None:
    for name in ("first", "second"):
        files = [f"{name}{n}.txt" for n in (1, 2)]
        bold.commit(dict.fromkeys(files, BASE))
        bold.git("checkout", "-q", "-B", name)
        bold.commit(dict.fromkeys(files, THEIRS))
        bold.checkout("main")
        bold.commit(dict.fromkeys(files, OURS))
        bold.git("merge", "-q", "--no-edit", name)
    undo(bold, "--all")
    assert bold.unmerged() == ["second1.txt", "second2.txt"]
    assert len(review(bold, "--all")) == 4


@pytest.mark.parametrize("command", ["merge", "cherry-pick"])
@pytest.mark.parametrize("solved", ["first", "second", "both"])
def test_all_leaves_operations_alone_that_are_over(bold: Repo, solved: str, command: str) -> None:
    for name in ("first", "second"):
        bold.commit(dict.fromkeys((f"{n}.txt" for n in ("first", "second")), BASE))
        bold.git("checkout", "-q", "-B", name)
        bold.commit({f"{name}.txt": THEIRS})
        bold.checkout("main")
        bold.commit({f"{name}.txt": OURS})
        later = solved in (name, "both")
        bold.env["TIEBREAK"] = "0" if later else "1"
        bold.try_git(command, *(["--no-edit"] if command == "merge" else []), name)
        bold.env["TIEBREAK"] = "1"
        if later:
            assert bold.tiebreak("solve").returncode == 0
        assert [entry["path"] for entry in review(bold)] == [f"{name}.txt"]
        if later:
            bold.git("commit", "-q", "--no-edit")
        assert [entry["path"] for entry in review(bold)] == [f"{name}.txt"]
    undo(bold, "--all")
    assert bold.unmerged() == ["second.txt"]


def test_all_disturbs_nothing_that_is_under_way(merged: Repo) -> None:
    merged.commit({"b.txt": BASE})
    merged.commit({"b.txt": OURS})
    merged.commit({"b.txt": "top\n1\n2\nbottom\n"})
    merged.env["TIEBREAK"] = "0"
    assert merged.try_git("revert", "--no-edit", "HEAD~1").returncode == 1
    assert "nothing is recorded of what is under way" in undo(merged, "--all", status=2)
    assert merged.unmerged() == ["b.txt"]
    undo(merged, "a.txt")


def test_one_refusal_does_not_stop_the_others(bold: Repo) -> None:
    files = ("a.txt", "b.txt")
    bold.diverge(*(dict.fromkeys(files, text) for text in (BASE, OURS, THEIRS)))
    bold.git("merge", "-q", "--no-edit", "other")
    bold.write({"a.txt": "worked on\n"})
    undo(bold, "--all", status=2)
    assert bold.unmerged() == ["b.txt"]


def test_paths_are_seen_from_the_current_directory(bold: Repo) -> None:
    files = ("sub/a b.txt", "sub/nêw\n.txt", "a b.txt")
    bold.diverge(*(dict.fromkeys(files, text) for text in (BASE, OURS, THEIRS)))
    bold.git("merge", "-q", "--no-edit", "other")
    inside = type(bold).at(bold.path / "sub")
    assert undo(inside, "a b.txt").startswith("a b.txt: ")
    assert bold.unmerged() == ["sub/a b.txt"]
    undo(inside, "../a b.txt", "nêw\n.txt")
    assert len(bold.unmerged()) == 3


def test_a_folder_and_an_id_name_files(bold: Repo) -> None:
    files = ("sub/a.txt", "sub/b.txt", "c.txt")
    bold.diverge(*(dict.fromkeys(files, text) for text in (BASE, OURS, THEIRS)))
    bold.git("merge", "-q", "--no-edit", "other")
    (entry,) = review(bold, "c.txt")
    undo(bold, entry["id"])
    assert bold.unmerged() == ["c.txt"]
    undo(bold, "sub/")
    assert len(bold.unmerged()) == 3


def test_a_linked_work_tree(bold: Repo, tmp_path: Path) -> None:
    bold.diverge({"a.txt": BASE}, {"a.txt": OURS}, {"a.txt": THEIRS})
    bold.git("worktree", "add", "-q", "-b", "third", str(tmp_path / "linked"), "main")
    linked = type(bold).at(tmp_path / "linked")
    linked.git("merge", "-q", "--no-edit", "other")
    undo(linked, "a.txt")
    assert linked.unmerged() == ["a.txt"]
    assert bold.unmerged() == []


def test_wrong_calls(merged: Repo) -> None:
    assert "say what to undo" in undo(merged, status=2)
    assert "nothing is recorded for 'nonsense'" in undo(merged, "nonsense", status=2)
    undo(merged, "--all")
    assert undo(merged, "--all") == "nothing to undo\n"


def test_review_shows_who_and_why_and_the_difference(merged: Repo) -> None:
    (entry,) = review(merged)
    (decision,) = entry["decisions"]
    assert (entry["path"], entry["operation"], entry["kind"]) == ("a.txt", "merge other", "text")
    assert decision["name"] == "lines 2-3"
    assert decision["action"] == "commit"
    assert decision["generator"]
    assert decision["why"]
    assert entry["diff"] == (
        "--- git alone\n+++ tiebreak\n@@ -1,9 +1,4 @@\n top\n-<<<<<<< HEAD\n ONE\n-two\n"
        "-=======\n-one\n TWO\n->>>>>>> other\n bottom\n"
    )
    said = merged.tiebreak("review").stdout.decode()
    assert said.startswith(
        f"{entry['id']}  a.txt: merge other: 1 of 1 conflict resolved, just now\n"
    )
    assert f"  lines 2-3  resolved  {decision['generator']}  " in said
    assert entry["diff"] in said


def test_review_is_about_the_last_operation(merged: Repo) -> None:
    merged.git("checkout", "-q", "-b", "next", "main")
    merged.commit({"b.txt": BASE})
    merged.checkout("-b", "more")
    merged.commit({"b.txt": THEIRS})
    merged.checkout("next")
    merged.commit({"b.txt": OURS})
    merged.git("merge", "-q", "--no-edit", "more")
    assert [entry["path"] for entry in review(merged)] == ["b.txt"]
    assert [entry["path"] for entry in review(merged, "--all")] == ["b.txt", "a.txt"]
    assert [entry["path"] for entry in review(merged, "a.txt")] == ["a.txt"]
    said = merged.tiebreak("review").stdout.decode()
    assert said.endswith("\n1 more in the journal: tiebreak review --all\n")
    listed = merged.tiebreak("review", "--all").stdout.decode().splitlines()
    assert [line.split()[3] for line in listed] == ["b.txt", "a.txt"]


def test_review_of_nothing(repo: Repo) -> None:
    done = repo.tiebreak("review")
    assert (done.returncode, done.stdout) == (0, b"nothing was resolved automatically\n")


def test_review_says_what_was_undone(merged: Repo) -> None:
    undo(merged, "a.txt")
    (entry,) = review(merged)
    assert entry["undone"] > 0
    assert "(undone)" in merged.tiebreak("review").stdout.decode()


def test_a_damaged_entry_is_named_and_skipped(merged: Repo) -> None:
    (entry,) = review(merged)
    (merged.path / ".git" / "tiebreak" / "journal" / entry["key"]).write_bytes(b"garbage")
    done = merged.tiebreak("review")
    assert done.returncode == 0
    assert done.stdout == b"nothing was resolved automatically\n"
    expected = f"tiebreak: journal entry {entry['id']} is damaged; skipped\n"
    assert done.stderr.decode() == expected


def settings(first: int, *entries: str) -> str:
    """A sorted JSON file: a value that both sides change, and far from it what they add."""
    rows = [f'  "a": {first},', *(f'  "b{n}": {n},' for n in range(8)), *entries, '  "d": 0']
    return "\n".join(["{", *rows, "}", ""])


@pytest.fixture
def partly(installed: Repo) -> Repo:
    """A merge of which the driver resolved one conflict, the provable one, and left the other."""
    texts = (settings(1), settings(2, '  "c1": 1,'), settings(3, '  "c2": 1,'))
    installed.diverge(*({"a.json": text} for text in texts))
    assert installed.try_git("merge", "other").returncode == 1
    assert installed.read("a.json").count(b"<<<<<<<") == 1
    return installed


def test_solve_goes_on_where_the_driver_stopped(partly: Repo, twin: Repo) -> None:
    partly.git("config", "tiebreak.commit", "0")
    assert partly.tiebreak("solve").returncode == 0
    assert b"<<<<<<<" not in partly.read("a.json")
    (entry,) = review(partly)
    assert [decision["action"] for decision in entry["decisions"]] == ["commit", "commit"]
    undo(partly, "a.json")
    assert partly.read("a.json").count(b"<<<<<<<") == 2  # what git alone would have left
    twin.git("fetch", "-q", str(partly.path), "main:ours", "other:other")
    twin.git("checkout", "-q", "ours")
    twin.try_git("merge", "other")
    assert partly.git("ls-files", "-s") == twin.git("ls-files", "-s")


def test_what_the_driver_did_and_a_person_resolved_stay(partly: Repo) -> None:
    by_hand = b'  "a": 23,\n'
    text = partly.read("a.json")
    start, end = text.index(b"<<<<<<<"), text.index(b">>>>>>> other\n") + len(b">>>>>>> other\n")
    mine = text[:start] + by_hand + text[end:]
    partly.write({"a.json": mine})
    assert partly.tiebreak("solve").returncode == 1
    assert partly.read("a.json") == mine
    assert "was changed since" in undo(partly, "a.json", status=2)
