"""The measuring instruments: replay, extraction of resolutions, intervals, calibration."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import calibrate
import extract
import halves
import intervals
import records
import replay
import tally
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


def test_committed_markers_are_no_resolution() -> None:
    merged = BEFORE.ours + b"<<<<<<< HEAD\nX\n=======\nY\n>>>>>>> other\n" + AFTER.ours
    assert extract.locate([BEFORE, CONFLICT, AFTER], merged) == [(None, "markers")]


def test_changed_line_ends_are_no_edit() -> None:
    merged = (BEFORE.ours + b"X\n" + AFTER.ours).replace(b"\n", b"\r\n")
    assert extract.locate([BEFORE, CONFLICT, AFTER], merged) == [(b"X\r\n", "")]


def test_equality_is_modulo_whitespace() -> None:
    assert extract.normalised(b"a (b)\r\n\tc") == extract.normalised(b"a(b) c\n")
    assert extract.normalised(b"a b") != extract.normalised(b"a c")


# Intervals, against printed tables


@pytest.mark.parametrize(
    ("right", "seen", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (8, 10, 0.4439, 0.9748),
        (10, 10, 0.6915, 1.0),
        (50, 100, 0.3983, 0.6017),
        (1, 20, 0.0013, 0.2487),
    ],
)
def test_clopper_pearson(right: int, seen: int, low: float, high: float) -> None:
    assert intervals.clopper_pearson(right, seen) == pytest.approx((low, high), abs=6e-5)


def test_wilson() -> None:
    assert intervals.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=6e-5)
    assert intervals.wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("seen", [1, 10, 59, 149])
def test_the_bound_without_an_error_is_the_root_of_the_level(seen: int) -> None:
    assert intervals.exact_lower(seen, seen) == pytest.approx(0.05 ** (1 / seen))


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 5), (30, 0.5), (400, 7)])
def test_the_beta_quantile_inverts_the_distribution(a: float, b: float) -> None:
    for probability in (0.01, 0.5, 0.95):
        x = intervals.beta_quantile(probability, a, b)
        assert intervals.beta_cdf(x, a, b) == pytest.approx(probability, abs=1e-9)


def test_repositories_that_differ_lower_the_bound() -> None:
    even = [(18, 20)] * 10
    uneven = [(20, 20)] * 8 + [(10, 20)] * 2
    assert intervals.design_effect(even) == 1.0
    assert intervals.design_effect(uneven) == pytest.approx(160 * 10 / 9 / 18)
    assert intervals.clustered_lower(uneven) < intervals.clustered_lower(even)


def test_one_large_repository_does_not_carry_the_bound() -> None:
    rest = intervals.exact_lower(20, 20)
    assert intervals.clustered_lower([(500, 500), (20, 20)]) == pytest.approx(rest)
    assert intervals.clustered_lower([(500, 500)]) == 0.0


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


# Tallies and calibration, from records made by hand


def candidate(stratum: str, *, equal: bool, **fields: object) -> records.CandidateRecord:
    """A surviving candidate."""
    values = {"provable": False, "drops": 0, "veto": "", "probability": 0.5, "lower": 0.4}
    return records.CandidateRecord(
        generator=stratum.split("/", maxsplit=1)[0],
        stratum=stratum,
        equal=equal,
        **(values | fields),  # type: ignore[arg-type]
    )


def hunk(
    number: int, *candidates: records.CandidateRecord, repo: str = "a/a", action: str = "suggest"
) -> records.HunkRecord:
    """A located hunk with these candidates, best first."""
    return records.HunkRecord(
        repo=repo,
        merge="m",
        path="f.py",
        language="python",
        lines=(1, 1, 1, 1),
        whole="",
        dropped="",
        digest=f"{number:04}",
        action=action,
        candidates=candidates,
    )


def test_outcomes_count_every_hunk_once() -> None:
    right, wrong = candidate("x", equal=True), candidate("x", equal=False)
    hunks = [
        hunk(1, right, action="commit"),
        hunk(2, wrong, right, action="apply"),
        hunk(3, wrong),
        hunk(4, action="leave"),
    ]
    row = tally.outcome("all", hunks)
    assert (row.hunks, row.committed, row.applied, row.suggested, row.left) == (4, 1, 1, 1, 1)
    assert (row.done, row.equal, row.reach) == (2, 1, 2)


def test_risk_coverage_goes_by_the_judges_probability() -> None:
    sure = [hunk(n, candidate("x", equal=True, probability=0.9)) for n in range(50)]
    less = [hunk(n, candidate("x", equal=n < 75, probability=0.6)) for n in range(50, 100)]
    curve = {round(p.coverage, 2): p for p in tally.risk_coverage([*less, *sure])}
    assert (curve[0.5].precision, curve[0.5].probability) == (1.0, 0.9)
    assert (curve[1.0].precision, curve[1.0].probability) == (0.75, 0.6)
    assert dict(tally.coverage_at([*less, *sure]))[70] == 1.0


def test_hunks_without_a_candidate_end_the_curve() -> None:
    hunks = [hunk(1, candidate("x", equal=True)), hunk(2)]
    assert [point.coverage for point in tally.risk_coverage(hunks)] == [0.5]


def test_vetoes_are_charged_with_what_they_cost() -> None:
    refused = candidate("x", equal=True, veto="parses")
    kept = candidate("y", equal=False)
    hunks = [hunk(1, kept, refused), hunk(2, candidate("x", equal=False, veto="parses"))]
    assert tally.vetoes(hunks) == [("parses", 2, 1)]
    row = next(r for r in tally.strata(hunks, lambda c: c.stratum) if r.name == "x")
    assert (row.proposed, row.vetoed, row.vetoed_right, row.passed) == (2, 2, 1, 0)


def spread(stratum: str, right: int, wrong: int, start: int) -> list[records.HunkRecord]:
    """Hunks with one candidate each, dealt out evenly to four repositories."""
    return [
        hunk(start + n, candidate(stratum, equal=n < right), repo=f"r/{n % 4}")
        for n in range(right + wrong)
    ]


def test_the_better_stratum_is_measured_first_and_the_rest_on_what_it_leaves() -> None:
    good, poor = candidate("good/x", equal=True), candidate("poor/x", equal=False)
    both = [hunk(n, poor, good, repo=f"r/{n % 4}") for n in range(40)]
    alone = spread("poor/x", 40, 40, 100)
    found = calibrate.calibrate([*both, *alone])
    assert [(line.stratum, line.right, len(line.shots)) for line in found] == [
        ("good/x", 40, 40),
        ("poor/x", 40, 80),
    ]
    assert found[0].lower == pytest.approx(0.05 ** (1 / 30))  # without any one repository


def test_a_rare_stratum_is_counted_with_its_wider_name() -> None:
    found = calibrate.calibrate([*spread("t/a", 20, 4, 0), *spread("t/b", 20, 4, 100)])
    assert [(line.stratum, line.right, len(line.shots)) for line in found] == [("t", 40, 48)]


def test_a_rare_stratum_that_is_surely_worse_keeps_its_own_line() -> None:
    found = calibrate.calibrate([*spread("t/a", 200, 0, 0), *spread("t/b", 4, 20, 500)])
    assert [line.stratum for line in found] == ["t/a", "t/b"]


def test_a_sole_provable_candidate_is_offered_first() -> None:
    proven = candidate("proven/x", equal=False, provable=True)
    sure = candidate("sure/x", equal=True)
    hunks = [hunk(n, sure, proven, repo=f"r/{n % 4}") for n in range(40)]
    found = calibrate.calibrate(hunks)
    assert [(line.stratum, line.right, len(line.shots)) for line in found] == [("proven/x", 0, 40)]


def test_bounds_never_rise_along_the_list() -> None:
    # Where `a` is silent `b` is better than it looked before: its bound is held at that of `a`.
    a, b = candidate("a/x", equal=True), candidate("b/x", equal=False)
    both = [hunk(n, a, b, repo=f"r/{n % 4}") for n in range(40)]
    found = calibrate.calibrate([*both, *spread("b/x", 400, 0, 100), *spread("a/x", 0, 1, 900)])
    bounds = [line.lower for line in found]
    assert bounds == sorted(bounds, reverse=True)


def test_the_table_is_sorted_and_says_where_it_comes_from() -> None:
    hunks = [*spread("t/a", 40, 0, 0), *spread("s/a", 30, 10, 100)]
    text = calibrate.table(calibrate.calibrate(hunks), hunks)
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert [row[:3] for row in rows] == [["s/a", "30", "40"], ["t/a", "40", "40"]]
    assert math.isclose(float(rows[1][3]), 0.05 ** (1 / 30), abs_tol=1e-4)
    assert "80 distinct hunks" in text


def test_only_the_tuning_half_calibrates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {
        half: next(n for n, h in halves.split().items() if h == half) for half in halves.HALVES
    }
    hunks = [hunk(1, candidate("t", equal=True), repo=names["tuning"])]
    hunks += [hunk(2, candidate("r", equal=True), repo=names["report"])]
    records.write(tmp_path / "dump.gz", hunks)
    assert calibrate.main([str(tmp_path / "dump.gz"), "--output", str(tmp_path / "table")]) == 0
    capsys.readouterr()
    strata = [row.split("\t")[0] for row in (tmp_path / "table").read_text().splitlines()]
    assert [name for name in strata if not name.startswith("#")] == ["t"]


def test_the_halves_alternate() -> None:
    split = halves.split()
    assert list(split) == sorted(split)
    assert list(split.values())[:4] == ["tuning", "report", "tuning", "report"]
    assert halves.half_of("no/such") == ""
