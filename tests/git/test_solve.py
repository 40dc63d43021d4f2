"""`tiebreak solve` on real conflicted trees: what it resolves, and all that it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from typing import TYPE_CHECKING, Any

import pytest

from conftest import GIT
from tiebreak.cli.limits import OutOfTime, limited

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repo

# Both sides change a line of two that touch: a conflict for git, and none for tiebreak.
BASE = "top\none\ntwo\nbottom\n"
OURS = "top\nONE\ntwo\nbottom\n"
THEIRS = "top\none\nTWO\nbottom\n"
BOTH = "top\nONE\nTWO\nbottom\n"
MARKED = "top\n<<<<<<< HEAD\nONE\ntwo\n=======\none\nTWO\n>>>>>>> other\nbottom\n"
GAP = "".join(f"line {n}\n" for n in range(9))


@pytest.fixture
def bold(repo: Repo) -> Repo:
    """A repository whose user lets everything be resolved, however unsure."""
    repo.git("config", "tiebreak.commit", "0")
    repo.git("config", "tiebreak.apply", "0")
    return repo


def conflict(repo: Repo, name: str = "a.txt", *, wrap: str = "{}") -> None:
    """A merge of branch `other` that stopped at `name`."""
    sides = [{name: wrap.format(text)} for text in (BASE, OURS, THEIRS)]
    repo.diverge(*sides)
    merge(repo)


def merge(repo: Repo) -> None:
    assert repo.try_git("merge", "other").returncode == 1


def solve(repo: Repo, *args: str, status: int = 0) -> str:
    done = repo.tiebreak("solve", *args)
    assert done.returncode == status, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def outcomes(repo: Repo, *args: str) -> dict[str, dict[str, Any]]:
    done = repo.tiebreak("solve", "--json", *args)
    assert done.returncode in {0, 1}, done.stderr.decode()
    return {file["path"]: file for file in json.loads(done.stdout)["files"]}


def journal(repo: Repo) -> list[dict[str, Any]]:
    done = repo.tiebreak("review", "--all", "--json")
    entries: list[dict[str, Any]] = json.loads(done.stdout)["entries"]
    return entries


def index(repo: Repo) -> str:
    return repo.git("ls-files", "-s")


def test_what_was_only_made_smaller_is_not_called_resolved(repo: Repo) -> None:
    base = "def f(a):\n    x = one(a)\n    y = two(a)\n    return x + y\n"
    ours = base.replace("one(a)", "one(a, 1)").replace("x + y", "x - y")
    theirs = base.replace("two(a)", "two(a, 2)").replace("x + y", "x * y")
    repo.diverge({"a.py": base}, {"a.py": ours}, {"a.py": theirs})
    merge(repo)
    repo.git("config", "tiebreak.trust", "structure")
    told = solve(repo, status=1)
    assert "0 of 1 conflict by structure; 1 made smaller; 1 block of markers left" in told
    assert b"    x = one(a, 1)\n    y = two(a, 2)\n<<<<<<<" in repo.read("a.py")
    review = repo.tiebreak("review").stdout.decode()
    assert "solve: 0 of 1 conflict resolved, 1 made smaller" in review
    (file,) = outcomes(repo, "--dry-run").values()
    assert (file["resolved"], file["smaller"], file["left"]) == (0, 0, 1)


def test_a_history_that_takes_too_long_is_done_without(bold: Repo, tmp_path: Path) -> None:
    sides = [{f"{n}.txt": text for n in range(3)} for text in (BASE, OURS, THEIRS)]
    bold.diverge(*sides)
    merge(bold)
    bold.git("config", "tiebreak.timeout", "6")
    real, slow = shutil.which(GIT), tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(
        "#!/bin/sh\n"
        f'case " $* " in *" log "*) echo >>{slow}.asked; exec sleep 60 ;; esac\n'
        f'exec {real} "$@"\n'
    )
    slow.chmod(0o755)
    bold.env["PATH"] = f"{slow.parent}{os.pathsep}{os.environ['PATH']}"
    solve(bold)
    assert bold.read("0.txt").decode() == BOTH
    assert slow.with_name("git.asked").read_text() == "\n"


def test_no_error_is_taken_for_the_end_of_the_time() -> None:
    def never_minds() -> None:
        try:
            time.sleep(5)
        except Exception:  # noqa: BLE001
            return

    with pytest.raises(OutOfTime), limited(0.01):
        never_minds()


def test_a_file_that_is_resolved_completely_is_staged(bold: Repo) -> None:
    conflict(bold)
    assert bold.read("a.txt").decode() == MARKED
    said = solve(bold)
    assert bold.read("a.txt").decode() == BOTH
    assert bold.unmerged() == []
    assert bold.git("show", ":a.txt") + "\n" == BOTH
    assert said.startswith("resolved  a.txt  1 of 1 conflict by ")
    assert "git merge --continue" in said
    bold.git("commit", "-q", "--no-edit")
    (entry,) = journal(bold)
    assert (entry["path"], entry["operation"]) == ("a.txt", "solve")
    assert solve(bold) == "no conflicts\n"


def test_a_dry_run_changes_nothing(bold: Repo) -> None:
    conflict(bold)
    before = index(bold)
    assert "Dry run: nothing was changed." in solve(bold, "-n")
    assert bold.read("a.txt").decode() == MARKED
    assert index(bold) == before
    assert journal(bold) == []


def test_what_the_policy_does_not_allow_is_left(repo: Repo) -> None:
    repo.git("config", "tiebreak.most", "suggest")
    conflict(repo)
    before = index(repo)
    said = solve(repo, status=1)
    assert repo.read("a.txt").decode() == MARKED
    assert index(repo) == before
    assert said.startswith("left  a.txt  1 conflict: best guess for lines 2-3: ")
    assert "Resolve by hand, then git add: a.txt" in said
    assert journal(repo) == []


def test_what_may_only_be_applied_is_written_and_not_staged(bold: Repo) -> None:
    bold.git("config", "tiebreak.most", "apply")
    conflict(bold)
    said = solve(bold, status=1)
    assert bold.read("a.txt").decode() == BOTH
    assert bold.unmerged() == ["a.txt"]
    assert "not certain enough to be staged" in said
    assert "Look at, then git add: a.txt" in said
    again = solve(bold, status=1)
    assert again.startswith("applied  a.txt  1 conflict: resolved, for you to look at")


TWO = ("{}" + GAP + "{}").replace("{}", "{0}")


def test_what_was_resolved_by_hand_stays(bold: Repo) -> None:
    conflict(bold, wrap=TWO)
    by_hand = bold.read("a.txt").decode().replace(MARKED, "mine\n", 1)
    bold.write({"a.txt": by_hand})
    solve(bold, status=1)
    # The two conflicts say the same, so nobody can tell which of them is left.
    assert bold.read("a.txt").decode() == by_hand


@pytest.fixture
def three(bold: Repo) -> Repo:
    """Three different conflicts in one file, and a merge that stopped."""
    sides = [
        GAP.join(text.replace("o", letter) for letter in "abc") for text in (BASE, OURS, THEIRS)
    ]
    bold.diverge(*({"a.txt": side} for side in sides))
    merge(bold)
    return bold


def test_only_blocks_that_are_as_git_wrote_them_are_touched(three: Repo) -> None:
    text = three.read("a.txt").decode()
    assert text.count("<<<<<<<") == 3
    edited = text.replace("ane\nTWO\n", "ane\nTWO, edited\n").replace("line 4\n", "line four\n")
    three.write({"a.txt": edited})
    file = outcomes(three)["a.txt"]
    after = three.read("a.txt").decode()
    assert (file["status"], file["resolved"], file["left"]) == ("partly", 2, 1)
    assert after.count("<<<<<<<") == 1
    assert after.startswith(
        "tap\n<<<<<<< HEAD\nONE\ntwa\n=======\nane\nTWO, edited\n>>>>>>> other\n"
    )
    assert after.count("line four\n") == 2
    assert after.count("ONE\nTWO\n") == 2
    assert three.unmerged() == ["a.txt"]


def test_a_file_with_a_block_resolved_by_hand_is_not_staged(three: Repo) -> None:
    text = three.read("a.txt").decode()
    start, end = text.index("<<<<<<<"), text.index("battam")
    three.write({"a.txt": text[:start] + "by hand\n" + text[end:]})
    file = outcomes(three)["a.txt"]
    assert (file["status"], file["why"]) == ("applied", "you edited this file")
    assert three.read("a.txt").decode().count("by hand\n") == 1
    assert b"<<<<<<<" not in three.read("a.txt")
    assert three.unmerged() == ["a.txt"]


def test_incomplete_markers_are_left(bold: Repo) -> None:
    conflict(bold)
    broken = MARKED.replace("=======\n", "")
    bold.write({"a.txt": broken})
    file = outcomes(bold)["a.txt"]
    assert (file["status"], file["why"]) == ("left", "its markers are not complete")
    assert bold.read("a.txt").decode() == broken


@pytest.mark.parametrize("style", ["merge", "diff3", "zdiff3"])
def test_every_style_of_markers_is_understood(three: Repo, style: str) -> None:
    """Whatever the configuration says: the file may have been written under another one."""
    three.git("checkout", f"--conflict={style}", "a.txt")
    assert (b"|||||||" in three.read("a.txt")) == (style != "merge")
    assert outcomes(three)["a.txt"]["status"] == "resolved"
    assert three.read("a.txt").decode().count("ONE\nTWO\n") == 3


def test_the_attribute_for_the_marker_size_is_honoured(bold: Repo) -> None:
    bold.diverge(
        {"a.txt": BASE, ".gitattributes": "*.txt conflict-marker-size=12\n"},
        {"a.txt": OURS},
        {"a.txt": THEIRS},
    )
    merge(bold)
    assert b"<" * 12 in bold.read("a.txt")
    solve(bold)
    assert bold.read("a.txt").decode() == BOTH


@pytest.mark.parametrize("how", ["autocrlf", "attribute", "stored"])
def test_line_ends_stay_as_they_are(bold: Repo, how: str) -> None:
    dos = [text.replace("\n", "\r\n") for text in (BASE, OURS, THEIRS, BOTH)]
    if how == "autocrlf":
        bold.git("config", "core.autocrlf", "true")
    elif how == "attribute":
        bold.commit({".gitattributes": "*.txt text eol=crlf\n"})
    bold.diverge(*({"a.txt": text} for text in dos[:3]))
    merge(bold)
    solve(bold)
    assert bold.read("a.txt").decode() == dos[3]
    stored = dos[3] if how == "stored" else BOTH
    assert bold.run("git", "cat-file", "blob", ":a.txt").stdout.decode() == stored
    assert bold.git("status", "--porcelain") == "M  a.txt"


def test_a_file_without_a_last_newline(bold: Repo) -> None:
    sides = [text.removesuffix("\nbottom\n") for text in (BASE, OURS, THEIRS, BOTH)]
    bold.diverge(*({"a.txt": text} for text in sides[:3]))
    merge(bold)
    solve(bold)
    assert bold.read("a.txt").decode() == sides[3]


def test_bytes_that_are_no_text_encoding_survive(bold: Repo) -> None:
    sides = [
        b"\xff\xfe\x80" + text.encode() + b"\xe9\r\n\x1b\r\x0c"
        for text in (BASE, OURS, THEIRS, BOTH)
    ]
    bold.diverge(*({"a.txt": text} for text in sides[:3]))
    merge(bold)
    solve(bold)
    assert bold.read("a.txt") == sides[3]


def test_converted_files_are_left(bold: Repo) -> None:
    bold.git("config", "filter.shout.clean", "tr A-Z a-z")
    bold.git("config", "filter.shout.smudge", "tr a-z A-Z")
    bold.commit({".gitattributes": "*.txt filter=shout\n*.id ident\n"})
    sides = [{"a.txt": f"{t}\n", "b.id": f"{t}\n"} for t in ("base", "ours", "theirs")]
    bold.diverge(*sides)
    merge(bold)
    before = bold.read("a.txt")
    found = outcomes(bold)
    assert found["a.txt"]["why"] == "its work-tree form is converted (filter=shout)"
    assert found["b.id"]["why"] == "its work-tree form is converted (ident)"
    assert bold.read("a.txt") == before


def test_what_is_no_conflict_of_texts_is_reported_and_left(bold: Repo) -> None:
    bold.commit({"ours": BASE, "theirs": BASE, "bin": b"\0base", "text": BASE})
    os.symlink("a", bold.path / "link")
    bold.commit({})
    bold.checkout("-b", "other")
    (bold.path / "link").unlink()
    os.symlink("b", bold.path / "link")
    bold.commit({"ours": THEIRS, "theirs": None, "bin": b"\0theirs", "text": THEIRS})
    bold.checkout("main")
    (bold.path / "link").unlink()
    os.symlink("c", bold.path / "link")
    bold.commit({"ours": None, "theirs": OURS, "bin": b"\0ours", "text": OURS})
    merge(bold)
    found = outcomes(bold)
    assert {name: file["why"] for name, file in found.items()} == {
        "bin": "binary",
        "link": "a symbolic link in one of the versions",
        "ours": "deleted by us, changed by them",
        "theirs": "deleted by them, changed by us",
        "text": "",
    }
    assert bold.read("text").decode() == BOTH
    assert sorted(bold.unmerged()) == ["bin", "link", "ours", "theirs"]


def test_large_and_missing_versions_are_left(bold: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiebreak.cli import solving
    from tiebreak.git.repository import find_repository

    bold.diverge(*({"a.txt": t, "b.txt": t + "x" * 200} for t in (BASE, OURS, THEIRS)))
    merge(bold)
    monkeypatch.chdir(bold.path)
    monkeypatch.setattr(solving, "LARGEST", 100)
    found = {outcome.path: outcome for outcome in solving.solve(find_repository(), ())}
    reason = "a version of it is missing or larger than 100 MiB"
    assert (found["a.txt"].status, found["b.txt"].why) == ("resolved", reason)
    oid = bold.git("rev-parse", ":1:b.txt")
    (bold.path / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    assert outcomes(bold)["b.txt"]["why"] == reason


def test_a_submodule_is_left(bold: Repo, twin: Repo) -> None:
    old = twin.commit({"x": "1"})
    ours = twin.commit({"x": "2"})
    twin.checkout("-b", "side", old)
    theirs = twin.commit({"x": "3"})
    bold.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(twin.path), "sub")

    def point(commit: str) -> str:
        bold.git("update-index", "--cacheinfo", f"160000,{commit},sub")
        bold.git("commit", "-q", "-m", "point")
        return bold.git("rev-parse", "HEAD")

    base = point(old)
    point(ours)
    bold.git("checkout", "-q", "-b", "other", base)
    point(theirs)
    bold.git("checkout", "-q", "-f", "main")
    merge(bold)
    assert outcomes(bold)["sub"]["why"] == "a submodule in one of the versions"


@pytest.mark.parametrize(
    "name",
    [
        "with space.txt",
        "nêw.txt",
        'quo"te\\.txt',
        "new\nline.txt",
        "-n.txt",
        ":(glob)*.txt",
        "\x1b[31m.txt",
    ],
)
def test_any_name(bold: Repo, name: str) -> None:
    conflict(bold, name)
    said = solve(bold, "--all")
    assert bold.read(name).decode() == BOTH
    assert bold.unmerged() == []
    assert "\x1b" not in said
    assert said.splitlines()[0].endswith(")")


def test_paths_are_seen_from_the_current_directory(bold: Repo) -> None:
    names = ("sub/a.txt", "sub/b.txt", "c.txt")
    bold.diverge(*(dict.fromkeys(names, text) for text in (BASE, OURS, THEIRS)))
    merge(bold)
    inside = type(bold).at(bold.path / "sub")
    said = solve(inside, "a.txt", "../c.txt")
    assert [line.split()[1] for line in said.splitlines()[:2]] == ["../c.txt", "a.txt"]
    assert bold.unmerged() == ["sub/b.txt"]
    assert solve(inside, "a.txt") == "no conflicts in a.txt\n"
    assert "resolved  b.txt" in solve(inside)


def test_a_linked_work_tree(bold: Repo, tmp_path: Path) -> None:
    bold.diverge({"a.txt": BASE}, {"a.txt": OURS}, {"a.txt": THEIRS})
    bold.git("worktree", "add", "-q", "-b", "third", str(tmp_path / "linked"), "main")
    linked = type(bold).at(tmp_path / "linked")
    merge(linked)
    said = solve(linked)
    assert linked.read("a.txt").decode() == BOTH
    assert linked.unmerged() == []
    assert "git merge --continue" in said
    assert bold.read("a.txt").decode() == OURS
    assert [entry["path"] for entry in journal(bold)] == ["a.txt"]


@pytest.mark.parametrize("command", ["rebase", "cherry-pick", "revert", "stash"])
def test_other_operations_that_stop(bold: Repo, command: str) -> None:
    if command == "revert":
        bold.commit({"a.txt": THEIRS})
        bold.commit({"a.txt": BASE})
        bold.commit({"a.txt": OURS})
        stopped = bold.try_git("revert", "--no-edit", "HEAD~1")
    else:
        bold.diverge({"a.txt": BASE}, {"a.txt": OURS}, {"a.txt": THEIRS})
        if command == "stash":
            bold.git("reset", "-q", "--hard", "HEAD~1")
            bold.write({"a.txt": THEIRS})
            bold.git("stash", "-q")
            bold.commit({"a.txt": OURS})
            stopped = bold.try_git("stash", "pop")
        else:
            stopped = bold.try_git(command, "other")
    assert stopped.returncode == 1
    assert bold.unmerged() == ["a.txt"]
    said = solve(bold)
    assert bold.read("a.txt").decode() == BOTH
    assert bold.unmerged() == []
    if command != "stash":
        assert f"git {command} --continue" in said
        bold.git("-c", "core.editor=true", command, "--continue")


def test_added_on_both_sides(bold: Repo) -> None:
    bold.diverge({"x": ""}, {"a.txt": "same\n" + OURS}, {"a.txt": "same\n" + THEIRS})
    merge(bold)
    assert outcomes(bold)["a.txt"]["status"] == "resolved"
    assert b"<<<<<<<" not in bold.read("a.txt")


def test_permissions_stay(bold: Repo) -> None:
    bold.commit({"a.txt": BASE})
    (bold.path / "a.txt").chmod(0o755)
    conflict(bold)
    solve(bold)
    assert stat.S_IMODE((bold.path / "a.txt").stat().st_mode) & 0o111
    assert index(bold).startswith("100755 ")


def test_a_conflict_of_modes_is_not_staged(bold: Repo) -> None:
    bold.commit({"x": ""})
    bold.checkout("-b", "other")
    bold.commit({"a.txt": "same\n" + THEIRS})
    bold.git("update-index", "--chmod=+x", "a.txt")
    bold.git("commit", "-q", "-m", "mode")
    bold.git("checkout", "-q", "-f", "main")
    bold.commit({"a.txt": "same\n" + OURS})
    merge(bold)
    file = outcomes(bold)["a.txt"]
    assert (file["status"], file["why"]) == ("applied", "the sides disagree on its mode")
    assert bold.unmerged() == ["a.txt"]


def test_the_recipe_of_ours_rules(bold: Repo) -> None:
    careful = '[policy."*.txt"]\nmost = "leave"\n'
    bold.diverge(
        {"a.txt": BASE, "b.md": BASE, ".tiebreak.toml": careful},
        {"a.txt": OURS, "b.md": OURS},
        {"a.txt": THEIRS, "b.md": THEIRS, ".tiebreak.toml": "[policy]\n"},
    )
    merge(bold)
    assert bold.read(".tiebreak.toml") == b"[policy]\n"  # the merge has taken theirs already
    found = outcomes(bold)
    assert (found["a.txt"]["status"], found["b.md"]["status"]) == ("left", "resolved")


def test_a_recipe_in_the_work_tree_lowers_too(bold: Repo) -> None:
    conflict(bold)
    bold.write({".tiebreak.toml": '[policy]\nmost = "leave"\n'})
    assert outcomes(bold)["a.txt"]["status"] == "left"


def test_a_broken_recipe_resolves_nothing(bold: Repo) -> None:
    conflict(bold)
    bold.write({".tiebreak.toml": "[policy]\nmost = 3\n"})
    done = bold.tiebreak("solve")
    assert done.returncode == 2
    assert done.stderr.startswith(b"tiebreak: .tiebreak.toml:2: policy.most: expected one of")
    assert bold.read("a.txt").decode() == MARKED


def test_what_cannot_be_recorded_is_not_done(bold: Repo) -> None:
    conflict(bold)
    bold.write({".git/tiebreak": "in the way"})
    file = outcomes(bold)["a.txt"]
    assert file["status"] == "left"
    assert "cannot record a.txt" in file["why"]
    assert bold.read("a.txt").decode() == MARKED
    assert bold.unmerged() == ["a.txt"]


def test_the_number_of_git_processes_does_not_grow_with_the_files(
    bold: Repo, tmp_path: Path
) -> None:
    names = [f"{n}.txt" for n in range(12)]
    bold.diverge(*(dict.fromkeys(names, text) for text in (BASE, OURS, THEIRS)))
    merge(bold)
    log = tmp_path / "log"
    spy = tmp_path / "bin" / "git"
    spy.parent.mkdir()
    real = bold.run("sh", "-c", "command -v git").stdout.decode().strip()
    spy.write_text(f'#!/bin/sh\necho "$@" >>{log}\nexec {real} "$@"\n')
    spy.chmod(0o755)
    bold.env["PATH"] = f"{spy.parent}{os.pathsep}{os.environ['PATH']}"
    solve(bold, "0.txt")  # from then on there is a settled file to learn from
    log.unlink()
    solve(bold, "1.txt")
    one = log.read_text().count("\n")
    log.unlink()
    solve(bold, ".")
    assert log.read_text().count("\n") == one


def test_nothing_is_written_through_a_link(bold: Repo, tmp_path: Path) -> None:
    conflict(bold, "sub/a.txt")
    (bold.path / "sub").rename(tmp_path / "outside")
    (bold.path / "sub").symlink_to(tmp_path / "outside")
    assert outcomes(bold)["sub/a.txt"]["why"] == "not in the work tree as a file"
    assert (tmp_path / "outside" / "a.txt").read_text() == MARKED


def test_a_locked_index_is_said(bold: Repo) -> None:
    conflict(bold)
    bold.write({".git/index.lock": ""})
    done = bold.tiebreak("solve")
    assert done.returncode == 2
    assert done.stderr.startswith(b"tiebreak: resolved and written, but not staged")
    assert bold.read("a.txt").decode() == BOTH
    (bold.path / ".git" / "index.lock").unlink()
    assert bold.tiebreak("undo", "a.txt").returncode == 0
    assert bold.read("a.txt").decode() == MARKED


def test_a_file_that_takes_too_long_is_left(bold: Repo) -> None:
    bold.git("config", "tiebreak.timeout", "0.000001")
    conflict(bold)
    file = outcomes(bold)["a.txt"]
    assert file["status"] == "left"
    assert file["why"] == "it took longer than 1e-06 s (git config tiebreak.timeout)"
    assert bold.read("a.txt").decode() == MARKED


def test_wrong_calls(repo: Repo, tmp_path: Path) -> None:
    assert repo.tiebreak("solve", "--all", "a").returncode == 2
    assert repo.tiebreak("solve", "--nonsense").returncode == 2
    elsewhere = type(repo).at(tmp_path)
    done = elsewhere.tiebreak("solve")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert done.stderr.startswith(b"tiebreak: not in a git repository")
    bare = type(repo)(tmp_path / "bare", bare=True)
    done = bare.tiebreak("solve")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
