"""What benchmarks count and infer: intervals, tallies, the calibration of the rule judge."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

import calibrate
import driver_speed
import halves
import ort_parity
import records
import tally
from tiebreak.learn import intervals
from tiebreak.text.markers import Labels, Rendered

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repo

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


def test_a_stratum_that_never_comes_first_has_a_line_of_its_own() -> None:
    good, rest = candidate("t/a", equal=True), candidate("t/b", equal=False)
    rare = [hunk(n, candidate("t/c", equal=True), repo=f"r/{n % 4}") for n in range(900, 905)]
    hunks = [hunk(n, good, rest, repo=f"r/{n % 4}") for n in range(40)]
    found = {line.stratum: line.right for line in calibrate.calibrate([*hunks, *rare])}
    assert found == {"t/a": 40, "t/b": 0, "t": 5}


def test_bounds_never_rise_along_the_list() -> None:
    # Where `a` is silent `b` is better than it looked before: its bound is held at that of `a`.
    a, b = candidate("a/x", equal=True), candidate("b/x", equal=False)
    both = [hunk(n, a, b, repo=f"r/{n % 4}") for n in range(40)]
    found = calibrate.calibrate([*both, *spread("b/x", 80, 0, 100)])
    assert [line.stratum for line in found] == ["a/x", "b/x"]
    bounds = [line.lower for line in found]
    assert bounds == sorted(bounds, reverse=True)


def test_the_table_is_sorted_and_says_where_it_comes_from() -> None:
    hunks = [*spread("t/a", 40, 0, 0), *spread("s/a", 30, 10, 100)]
    text = calibrate.table(calibrate.calibrate(hunks), hunks)
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert [row[:3] for row in rows] == [["s/a", "30", "40"], ["t/a", "40", "40"]]
    assert math.isclose(float(rows[1][3]), 0.05 ** (1 / 30), abs_tol=1e-4)
    assert "80 distinct hunks" in text


def test_a_generator_that_came_later_leaves_the_other_lines_alone() -> None:
    early = [*spread("ta/a", 40, 0, 0), *spread("s/a", 30, 10, 100)]
    text = known = calibrate.table(calibrate.calibrate(early), early)
    for right in (30, 35):  # measured again, it is there once
        later = [*spread("ta/a", 10, 30, 0), *spread("t", right, 10, 200)]
        text = calibrate.added(text, calibrate.calibrate(later), "t")
        mine = [line for line in text.splitlines() if line.startswith(("t\t", "# t:"))]
        assert mine[0] == f"# t: later, by itself; {right + 10} hunks"
        assert mine[1].split("\t")[:3] == ["t", str(right), str(right + 10)]
        assert [line for line in text.splitlines() if line not in mine] == known.splitlines()


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


# Parity with ort, and the driver's speed


def test_parity_tells_how_a_floor_differs() -> None:
    clean, marked = Rendered(b"x\n", 0), Rendered(b"<<<\n", 1)
    assert ort_parity.compare(clean, clean) == "identical, clean"
    assert ort_parity.compare(marked, marked) == "identical, in conflict"
    assert ort_parity.compare(clean, marked) == "different: ort clean, floor in conflict"
    assert ort_parity.compare(marked, clean) == "different: ort in conflict, floor clean"


def test_both_floors_of_a_file() -> None:
    labels = Labels("o", "b", "t")
    file = ort_parity.Changed("f", b"1\n", b"2\n", b"3\n", labels, Rendered(b"", 1))
    wanted = b"<<<<<<< o\n2\n=======\n3\n>>>>>>> t\n"
    assert ort_parity.in_process(file).text == wanted
    assert ort_parity.merge_file(file).text == wanted


def test_parity_over_a_history(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"line {number}\n" for number in range(20)]
    base = {"clean.txt": "".join(lines), "conflict.txt": "x\n"}
    ours = {"clean.txt": "".join(["first\n", *lines[1:]]), "conflict.txt": "y\n"}
    theirs = {"clean.txt": "".join([*lines[:-1], "last\n"]), "conflict.txt": "z\n"}
    repo.diverge(base, ours, theirs)
    repo.try_git("merge", "other")
    repo.commit({"conflict.txt": "yz\n"}, "merge")
    before = sorted(repo.path.rglob("*"))
    assert ort_parity.main([str(repo.path)]) == 0
    printed = capsys.readouterr().out
    assert sorted(repo.path.rglob("*")) == before
    for outcome in ("identical, clean", "identical, in conflict"):
        assert [row.split()[-4:] for row in printed.splitlines() if outcome in row] == [
            ["1", "50.0", "1", "50.0"]
        ]


def test_speed_ratios_are_taken_over_what_git_does_anyway() -> None:
    seconds = {
        ("start", "python"): 0.02,
        ("clean", "built-in"): 0.1,
        ("clean", "merge-file"): 0.2,
        ("clean", "tiebreak"): 0.25,
        ("conflict", "built-in"): 0.1,
        ("conflict", "tiebreak"): 1.1,
        ("conflict", "judged"): 2.1,
        ("whole", "built-in"): 0.1,
        ("whole", "merge-file"): 1.0,
        ("whole", "tiebreak"): 4.0,
    }
    times = {name: [value, value, 2 * value] for name, value in seconds.items()}
    times["clean", "tiebreak"][2] = 9.0  # one bad round decides nothing
    found = {ratio.name: ratio.median for ratio in driver_speed.ratios(times, files=10)}
    assert found == pytest.approx(
        {
            "clean": 1.5,
            "conflict": 5.0,
            "judged": 10.0,
            "whole merge, merge-file": 10.0,
            "whole merge, tiebreak": 40.0,
        }
    )
