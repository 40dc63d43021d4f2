"""`tiebreak merge-file` beside `git merge-file`: the same bytes, messages and exit codes."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from conftest import GIT, git_version

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from conftest import Repo

GAP = b"".join(b"line %d\n" % n for n in range(9))
# by name: current, base and other
CASES = {
    "clean": (b"ONE\n" + GAP, b"one\n" + GAP, b"one\n" + GAP + b"end\n"),
    "one": (b"a\nOURS\nc\n", b"a\nb\nc\n", b"a\nTHEIRS\nc\n"),
    "two": (b"x\n" + GAP + b"x\n", b"o\n" + GAP + b"o\n", b"y\n" + GAP + b"y\n"),
    "close": (b"x\n\n}\n\n\n\nx\n", b"o\n\n}\n\n\n\no\n", b"y\n\n}\n\n\n\ny\n"),
    "common ends": (b"p\nx\nq\n", b"o\n", b"p\ny\nq\n"),
    "no newline": (b"a\nx", b"a\nb", b"a\ny"),
    "crlf": (b"a\r\nx\r\nc\r\n", b"a\r\nb\r\nc\r\n", b"a\r\ny\r\nc\r\n"),
    "empty base": (b"x\n", b"", b"y\n"),
    "deleted": (b"", b"a\nb\n", b"a\nB\n"),
    "bytes": (b"\xff\xfex\n", b"\xff\xfeb\n", b"\xff\xfey\n"),
    "same": (b"a\nx\n", b"a\nb\n", b"a\nx\n"),
    "markers": (b"<<<<<<< a\nx\n=======\n>>>>>>> b\n", b"b\n", b"y\n"),
}
OPTIONS = [
    [],
    ["--diff3"],
    ["--zdiff3"],
    ["--diff3", "--zdiff3"],
    ["--ours"],
    ["--theirs"],
    ["--union"],
    ["--marker-size=12"],
    ["--marker-size", "0"],
    ["-q"],
    ["-L", "mine", "-L", "old", "-L", "yours", "--diff3"],
    ["-Lmine"],
    ["-L", "", "-L", "", "-L", "ünï"],
]


def put(repo: Repo, case: str) -> None:
    current, base, other = CASES[case]
    repo.write({"current": current, "base": base, "other": other})


def both(repo: Repo, *args: str) -> tuple[subprocess.CompletedProcess[bytes], ...]:
    return repo.try_git("merge-file", *args), repo.tiebreak("merge-file", *args)


@pytest.mark.parametrize("case", CASES)
def test_equals_git(repo: Repo, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option on every case: the printed result and the exit code."""
    from tiebreak.cli.dispatch import run

    put(repo, case)
    monkeypatch.chdir(repo.path)
    for options in OPTIONS:
        args = ["merge-file", *options, "current", "base", "other"]
        git = repo.try_git("merge-file", "-p", *args[1:])
        put(repo, case)
        status = run(args)  # in this process, which writes `current`
        assert repo.read("current") == git.stdout, options
        assert status == git.returncode, options
        put(repo, case)


@pytest.mark.parametrize("algorithm", ["myers", "minimal", "patience", "histogram"])
def test_diff_algorithms(repo: Repo, algorithm: str) -> None:
    put(repo, "two")
    option = [f"--diff-algorithm={algorithm}"]
    if git_version() < (2, 44):
        done = repo.tiebreak("merge-file", "-p", *option, "current", "base", "other")
        assert (done.stdout.count(b"<<<<<<<"), done.returncode) == (2, 2)
        return
    git, ours = both(repo, "-p", *option, "current", "base", "other")
    assert (ours.stdout, ours.returncode) == (git.stdout, git.returncode)


def test_printing_leaves_the_file(repo: Repo) -> None:
    put(repo, "one")
    git, ours = both(repo, "-p", "current", "base", "other")
    assert (ours.stdout, ours.returncode) == (git.stdout, 1)
    assert repo.read("current") == CASES["one"][0]


def test_the_result_goes_into_the_first_file_and_keeps_its_mode(repo: Repo) -> None:
    put(repo, "one")
    (repo.path / "current").chmod(0o750)
    os.symlink("current", repo.path / "link")
    done = repo.tiebreak("merge-file", "-L", "link", "link", "base", "other")
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 1)
    assert repo.read("current") == b"a\n<<<<<<< link\nOURS\n=======\nTHEIRS\n>>>>>>> other\nc\n"
    assert stat.S_IMODE((repo.path / "current").stat().st_mode) == 0o750
    assert (repo.path / "link").is_symlink()


def test_many_conflicts_end_in_127(repo: Repo) -> None:
    sides = [(b"%s %%d\n" % word + GAP) for word in (b"x", b"o", b"y")]
    texts = [b"".join(side % n for n in range(130)) for side in sides]
    repo.write(dict(zip(("current", "base", "other"), texts, strict=True)))
    git, ours = both(repo, "-p", "current", "base", "other")
    assert (ours.stdout, ours.returncode) == (git.stdout, 127)


def test_the_configured_style_is_honoured(repo: Repo) -> None:
    put(repo, "common ends")
    for style in ("diff3", "zdiff3", "merge"):
        repo.git("config", "merge.conflictStyle", style)
        git, ours = both(repo, "-p", "current", "base", "other")
        assert ours.stdout == git.stdout
    repo.git("config", "merge.conflictStyle", "nonsense")
    assert repo.tiebreak("merge-file", "-p", "current", "base", "other").returncode == 255


def test_it_works_outside_a_repository(repo: Repo, tmp_path: Path) -> None:
    outside = type(repo).at(tmp_path / "outside")
    outside.path.mkdir()
    put(outside, "one")
    git, ours = both(outside, "-p", "current", "base", "other")
    assert (ours.stdout, ours.returncode) == (git.stdout, 1)
    ours = outside.tiebreak("merge-file", "-p", "--resolve", "current", "base", "other")
    assert (ours.stdout, ours.returncode) == (git.stdout, 1)


def test_binary_files_are_refused(repo: Repo) -> None:
    put(repo, "one")
    for name in ("current", "base", "other"):
        put(repo, "one")
        repo.write({name: b"\0"})
        git, ours = both(repo, "current", "base", "other")
        assert (ours.stderr, ours.returncode) == (git.stderr, 255)
        quiet = repo.tiebreak("merge-file", "-q", "current", "base", "other")
        assert (quiet.stderr, quiet.returncode) == (b"", 255)


def test_errors_end_as_in_git(repo: Repo) -> None:
    put(repo, "one")
    for args, status in (
        (("current", "base", "missing"), 255),
        (("current", "base"), 129),
        (("current", "base", "other", "more"), 129),
        (("--nonsense", "current", "base", "other"), 129),
        (("--audit", "current", "base", "other"), 129),
        (("-La", "-Lb", "-Lc", "-Ld", "current", "base", "other"), 129),
    ):
        git, ours = both(repo, *args)
        assert (git.returncode, ours.returncode) == (status, status), args
        assert ours.stdout == b""
        assert ours.stderr
    assert repo.read("current") == CASES["one"][0]


def test_object_ids(repo: Repo) -> None:
    put(repo, "one")
    ids = repo.git("hash-object", "-w", "current", "base", "other").split()
    args = ["merge-file", "--object-id", "-L1", "-L2", "-L3", *ids]
    printed = repo.tiebreak(*args, "-p")
    assert printed.returncode == 1
    stored = repo.tiebreak(*args)
    name = stored.stdout.decode().strip()
    assert repo.run(GIT, "cat-file", "blob", name).stdout == printed.stdout
    assert b"<<<<<<< 1\nOURS\n" in printed.stdout
    if git_version() >= (2, 43):
        assert repo.try_git(*args).stdout == stored.stdout
    missing = repo.tiebreak("merge-file", "--object-id", *ids[:2], "main:nothing")
    assert missing.stderr == b"error: object 'main:nothing' does not exist\n"
    assert missing.returncode == 255


ADJACENT = (b"top\nONE\ntwo\n", b"top\none\ntwo\n", b"top\none\nTWO\n")


@pytest.fixture
def bold(repo: Repo) -> Repo:
    """A user who lets everything be resolved, however unsure; three files to merge."""
    repo.git("config", "tiebreak.commit", "0")
    repo.git("config", "tiebreak.apply", "0")
    repo.write(dict(zip(("current", "base", "other"), ADJACENT, strict=True)))
    return repo


def test_resolve_applies_the_pipeline(bold: Repo) -> None:
    done = bold.tiebreak("merge-file", "--resolve", "current", "base", "other")
    assert (done.stdout, done.returncode) == (b"", 0)
    assert bold.read("current") == b"top\nONE\nTWO\n"


def test_resolve_follows_the_policy(bold: Repo) -> None:
    args = ("merge-file", "--resolve", "-p", "current", "base", "other")
    bold.git("config", "tiebreak.most", "apply")
    applied = bold.tiebreak(*args)
    assert (applied.stdout, applied.returncode) == (b"top\nONE\nTWO\n", 1)
    bold.write({".tiebreak.toml": '[policy.current]\nmost = "leave"\n'})
    assert b"<<<<<<<" in bold.tiebreak(*args).stdout
    bold.write({".tiebreak.toml": "[polcy]\n"})
    broken = bold.tiebreak(*args)
    assert (broken.stdout, broken.returncode) == (b"", 255)


def test_json_shows_what_the_pipeline_thinks(bold: Repo) -> None:
    done = bold.tiebreak("merge-file", "--json", "current", "base", "other")
    assert bold.read("current") == ADJACENT[0]
    found: dict[str, Any] = json.loads(done.stdout)
    assert found.keys() == {"format", "path", "encoding", "conflicts", "unmerged", "hunks"}
    assert (found["path"], found["encoding"], found["conflicts"]) == ("current", "utf-8", 0)
    (hunk,) = found["hunks"]
    assert (hunk["name"], hunk["action"]) == ("lines 2-3", "commit")
    assert (hunk["base"], hunk["ours"], hunk["theirs"]) == (
        "one\ntwo\n",
        "ONE\ntwo\n",
        "one\nTWO\n",
    )
    assert hunk["chosen"] == hunk["candidates"][0]["text"] == "ONE\nTWO\n"
    for candidate in hunk["candidates"]:
        assert candidate.keys() == {
            *("text", "generator", "stratum", "why", "drops"),
            *("probability", "lower", "provable", "evidence"),
        }
    for vetoed in hunk["vetoed"]:
        assert vetoed.keys() == {"text", "generator", "check", "reason"}


def test_json_of_what_is_not_utf8(bold: Repo) -> None:
    bold.write({"current": b"\xe9\nx\n", "base": b"\xe9\no\n", "other": b"\xe9\ny\n"})
    found = json.loads(bold.tiebreak("merge-file", "--json", "current", "base", "other").stdout)
    assert found["encoding"] == "latin-1"
    assert found["hunks"][0]["ours"].encode("latin-1") == b"x\n"


def test_the_language_goes_by_the_path(bold: Repo) -> None:
    done = bold.tiebreak("merge-file", "--json", "--path", "src/a.py", "current", "base", "other")
    assert json.loads(done.stdout)["path"] == "src/a.py"
