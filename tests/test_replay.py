"""`benchmarks/replay.py` on a synthetic history, and how it finds what people committed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import records
import replay
from tiebreak.learn import locate as extract
from tiebreak.text.document import Region

if TYPE_CHECKING:
    from conftest import Repo

Files = dict[str, str | bytes | None]

CONFLICT = Region(b"o\n", b"a\n", b"b\n", None)


def clean(text: bytes) -> Region:
    """Lines that nobody disagrees on."""
    return Region(text, text, text, text)


BEFORE, AFTER = clean(b"one\ntwo\nthree\nfour\n"), clean(b"five\nsix\nseven\neight\n")


# Extraction: what the people put in the place of a conflict


@pytest.mark.parametrize(
    ("committed", "text"),
    [
        pytest.param(b"X\nY\n", b"X\nY\n", id="replaced"),
        pytest.param(b"", b"", id="removed"),
        pytest.param(b"four\n", b"four\n", id="a copy of the line before"),
        pytest.param(b"one\ntwo\nfive\n", b"one\ntwo\nfive\n", id="lines of the context"),
    ],
)
def test_a_resolution_stands_between_untouched_neighbours(committed: bytes, text: bytes) -> None:
    merged = BEFORE.ours + committed + AFTER.ours
    assert extract.locate([BEFORE, CONFLICT, AFTER], merged) == [(text, "")]


def test_conflicts_at_both_ends_of_a_file() -> None:
    regions = [CONFLICT, BEFORE, CONFLICT]
    found = extract.locate(regions, b"first\n" + BEFORE.ours + b"last, no newline")
    assert found == [(b"first\n", ""), (b"last, no newline", "")]


def test_a_conflict_that_is_the_whole_file() -> None:
    assert extract.locate([CONFLICT], b"all\nnew\n") == [(b"all\nnew\n", "")]
    assert extract.locate([CONFLICT], b"") == [(b"", "")]


def test_two_conflicts_a_line_apart() -> None:
    regions = [BEFORE, CONFLICT, clean(b"between\n"), CONFLICT, AFTER]
    merged = BEFORE.ours + b"X\nbetween\nY\nZ\n" + AFTER.ours
    assert extract.locate(regions, merged) == [(b"X\n", ""), (b"Y\nZ\n", "")]


@pytest.mark.parametrize("line", [b"four\n", b"five\n", b"two\n"])
def test_an_edited_neighbourhood_is_dropped(line: bytes) -> None:
    merged = (BEFORE.ours + b"X\n" + AFTER.ours).replace(line, b"edited\n")
    assert extract.locate([BEFORE, CONFLICT, AFTER], merged) == [(None, "edited")]


def test_an_edit_further_away_is_none_of_our_business() -> None:
    merged = (BEFORE.ours + b"X\n" + AFTER.ours).replace(b"one\n", b"0\n1\n")
    assert extract.locate([BEFORE, CONFLICT, AFTER], merged) == [(b"X\n", "")]


def test_blank_lines_and_braces_do_not_hold_a_border() -> None:
    braces = clean(b"}\n\n}\n\nint main() {\n")
    merged = BEFORE.ours + b"X\n" + braces.ours.replace(b"int main", b"void main")
    assert extract.locate([BEFORE, CONFLICT, braces], merged) == [(None, "edited")]


def test_a_line_between_that_the_resolutions_repeat_is_ambiguous() -> None:
    regions = [BEFORE, CONFLICT, clean(b"between\n"), CONFLICT, AFTER]
    merged = BEFORE.ours + b"X\nbetween\nbetween\nY\n" + AFTER.ours
    assert {place.text for place in extract.locate(regions, merged)} == {None}


@pytest.mark.parametrize("between", [b"\n", b"}\n", b"x = 1\n"])
def test_a_short_border_stands_once_or_is_none(between: bytes) -> None:
    regions = [BEFORE, CONFLICT, clean(between), CONFLICT, AFTER]
    for one, other in ((b"X\n" + between + b"Y\n", b""), (b"", b"X\n" + between + b"Y\n")):
        merged = BEFORE.ours + one + between + other + AFTER.ours
        assert {place.text for place in extract.locate(regions, merged)} == {None}
    merged = BEFORE.ours + b"X\n" + between + b"Y\n" + AFTER.ours
    assert extract.locate(regions, merged) == [(b"X\n", ""), (b"Y\n", "")]


def test_next_to_a_conflict_that_was_not_found_a_short_border_is_none() -> None:
    regions = [BEFORE, CONFLICT, clean(b"}\n"), CONFLICT, AFTER]
    merged = BEFORE.ours + b"X\n}\nY\n" + AFTER.ours.replace(b"five", b"5")
    assert extract.locate(regions, merged) == [(None, "ambiguous"), (None, "edited")]


def test_committed_markers_are_no_resolution() -> None:
    merged = BEFORE.ours + b"<<<<<<< HEAD\nX\n=======\nY\n>>>>>>> other\n" + AFTER.ours
    assert extract.locate([BEFORE, CONFLICT, AFTER], merged) == [(None, "markers")]


def test_changed_line_ends_are_no_edit() -> None:
    merged = (BEFORE.ours + b"X\n" + AFTER.ours).replace(b"\n", b"\r\n")
    assert extract.locate([BEFORE, CONFLICT, AFTER], merged) == [(b"X\r\n", "")]


def test_equality_is_modulo_whitespace() -> None:
    assert extract.normalised(b"a (b)\r\n\tc") == extract.normalised(b"a(b) c\n")
    assert extract.normalised(b"a b") != extract.normalised(b"a c")


# Replay of a synthetic history


def lines(*changed: tuple[int, str]) -> str:
    """Thirty different lines, some replaced."""
    text = {number: f"value_{number} = {number}" for number in range(1, 31)} | dict(changed)
    return "".join(f"{line}\n" for line in text.values())


def merge(repo: Repo, resolved: Files) -> None:
    """Merge ``other`` and commit `resolved`."""
    repo.try_git("merge", "other")
    repo.commit(resolved, "merge")


@pytest.fixture
def history(repo: Repo) -> Repo:
    """A merge with three conflicts in two files, a clean one, and a binary file in conflict."""
    base: Files = {"app.py": lines(), "whole.py": lines(), "data.bin": b"\0base"}
    ours: Files = {
        "app.py": lines((5, "ours = 5"), (20, "ours = 20")),
        "whole.py": lines((9, "ours = 9")),
        "data.bin": b"\0ours",
    }
    theirs: Files = {
        "app.py": lines((5, "theirs = 5"), (20, "theirs = 20")),
        "whole.py": lines((9, "theirs = 9")),
        "data.bin": b"\0theirs",
    }
    repo.diverge(base, ours, theirs)
    settled = lines((5, "theirs = 5"), (19, "edited = 19"), (20, "ours = 20"))
    merge(repo, {"app.py": settled, "whole.py": ours["whole.py"], "data.bin": b"\0ours"})
    repo.checkout("-B", "other")
    repo.commit({"other.py": "x = 1\n"}, "theirs again")
    repo.checkout("main")
    repo.commit({"ours.py": "y = 1\n"}, "ours again")
    repo.git("merge", "-q", "other")
    return repo


def replayed(*arguments: str | Path) -> tuple[int, list[records.HunkRecord]]:
    """Run the command with a dump, and read the dump."""
    *rest, dump = map(str, arguments)
    status = replay.main([*rest, "--dump", dump])
    return status, list(records.read([Path(dump)]))


def test_replay_finds_the_conflicts_of_a_history(
    history: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    status, hunks = replayed(history.path, "--json", str(report), tmp_path / "dump.gz")
    assert status == 0
    found = {(hunk.path, hunk.whole, hunk.dropped) for hunk in hunks}
    assert found == {("app.py", "", ""), ("app.py", "", "edited"), ("whole.py", "ours", "")}
    counts = json.loads(report.read_text())
    assert counts["counts"]["merges replayed"] == 2
    assert counts["counts"]["merges with files in conflict"] == 1
    assert counts["counts"]["binary files"] == 1
    assert counts["all"]["total"]["hunks"] == 2
    assert counts["without_whole_files"]["total"]["hunks"] == 1
    printed = capsys.readouterr().out
    assert "python" in printed
    assert "value_" not in printed


def test_replay_says_which_candidate_was_right(history: Repo, tmp_path: Path) -> None:
    _, hunks = replayed(history.path, tmp_path / "dump.gz")
    settled = next(hunk for hunk in hunks if hunk.path == "app.py" and not hunk.dropped)
    assert settled.language == "python"
    assert settled.lines == (1, 1, 1, 1)
    right = [candidate for candidate in settled.candidates if candidate.equal]
    assert len(right) == 1  # theirs, whoever proposes it


def test_replay_writes_nothing_into_the_repository(history: Repo, tmp_path: Path) -> None:
    before = sorted(p for p in history.path.rglob("*"))
    replayed(history.path, tmp_path / "dump.gz")
    assert sorted(p for p in history.path.rglob("*")) == before


def test_a_dump_holds_texts_only_when_asked(history: Repo, tmp_path: Path) -> None:
    replayed(history.path, tmp_path / "plain.gz")
    replayed(history.path, "--texts", tmp_path / "texts.gz")
    assert b"theirs = 5" not in gzip.decompress((tmp_path / "plain.gz").read_bytes())
    assert b"theirs = 5" in gzip.decompress((tmp_path / "texts.gz").read_bytes())


def test_a_clone_adds_nothing(history: Repo, tmp_path: Path) -> None:
    history.git("clone", "-q", "--bare", ".", str(tmp_path / "fork.git"))
    _, once = replayed(history.path, tmp_path / "one.gz")
    _, both = replayed(history.path, tmp_path / "fork.git", tmp_path / "two.gz")
    assert both == once


def test_two_jobs_find_the_same(history: Repo, tmp_path: Path) -> None:
    history.git("clone", "-q", "--bare", ".", str(tmp_path / "fork.git"))
    _, one = replayed(history.path, tmp_path / "fork.git", tmp_path / "one.gz")
    _, two = replayed(history.path, tmp_path / "fork.git", "--jobs", "2", tmp_path / "two.gz")
    assert one == two


def test_a_merge_that_kept_one_tree_asked_no_driver(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.diverge({"a.py": "x = 0\n"}, {"a.py": "x = 1\n"}, {"a.py": "x = 2\n"})
    repo.git("merge", "-q", "-s", "ours", "other")
    assert replayed(repo.path, tmp_path / "dump.gz") == (1, [])
    assert "merges that took one parent's whole tree" in capsys.readouterr().out


def test_what_is_no_repository_is_one_clear_line(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", repo.path):  # `repo` has no commit yet
        assert replay.main([str(path)]) == replay.USAGE
        assert capsys.readouterr().err.count("\n") == 1


def test_caps_are_kept(history: Repo, tmp_path: Path) -> None:
    assert len(replayed(history.path, "--max-hunks", "1", tmp_path / "a.gz")[1]) == 1
    assert len(replayed(history.path, "--merge-hunks", "2", tmp_path / "b.gz")[1]) == 2
    assert replayed(history.path, "--max-file", "10", tmp_path / "c.gz") == (1, [])
    assert replayed(history.path, "--since", "2030-01-01", tmp_path / "d.gz") == (1, [])


def test_a_dump_can_be_reported_again(history: Repo, tmp_path: Path) -> None:
    _, hunks = replayed(history.path, tmp_path / "dump.gz")
    again = ("--from", str(tmp_path / "dump.gz"))
    assert replayed(*again, tmp_path / "copy.gz") == (0, hunks)
    status, anew = replayed(*again, "--rejudge", tmp_path / "anew.gz")
    assert (status, [hunk.action for hunk in anew]) == (0, [hunk.action for hunk in hunks])


def test_the_merges_of_a_dump_can_be_replayed_again(history: Repo, tmp_path: Path) -> None:
    _, hunks = replayed(history.path, tmp_path / "dump.gz")
    again = ("--again", str(tmp_path / "dump.gz"))
    report = tmp_path / "report.json"
    assert replayed(history.path, *again, "--json", str(report), tmp_path / "two.gz") == (0, hunks)
    assert json.loads(report.read_text())["counts"]["merges replayed"] == 1
