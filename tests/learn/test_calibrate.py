"""Calibrations: what scores of hunks that the model had not seen stand for."""

from __future__ import annotations

import numpy as np
import pytest

from tiebreak.learn import boosting
from tiebreak.learn.calibrate import doubt, tables
from tiebreak.learn.packed import Packed
from tiebreak.ranker import past
from tiebreak.ranker.features import names
from tiebreak.ranker.situation import SCOPES, situation


def packed(source: list[bool], right: list[bool]) -> Packed:
    """Hunks of two candidates each, of ten repositories; the first one is right or none is."""
    return Packed(
        np.zeros((2 * len(source), 1)),
        np.array([[good, False] for good in right]).reshape(-1),
        np.full(len(source), 2),
        [{"repo": f"r{n % 10}", "source": code} for n, code in enumerate(source)],
        ["provable"],
        [],
        np.zeros(2 * len(source), int),
    )


def test_source_code_and_other_files_are_counted_apart() -> None:
    source = [n % 2 == 0 for n in range(200)]
    data = packed(source, source)  # right in source code, and nowhere else
    scores = np.array([0.9, 0.1] * 200)
    found = tables(data, dict.fromkeys(SCOPES, scores))
    for scope in SCOPES:
        code, other = (found[situation(scope, source=source)] for source in (True, False))
        assert {tuple(step[1:3]) for step in code["steps"]} == {(100, 100)}
        assert {tuple(step[1:3]) for step in other["steps"]} == {(0, 100)}
        assert dict(code["knots"])[0.9] == 1.0
        assert dict(other["knots"])[0.9] == 0.0


def test_files_that_were_not_there_to_be_counted_have_no_bound() -> None:
    data = packed([True] * 100, [True] * 100)
    found = tables(data, dict.fromkeys(SCOPES, np.array([0.9, 0.1] * 100)))
    assert found[situation("merge", source=True)]["steps"]
    assert found[situation("merge", source=False)]["steps"] == []


def proofs(*groups: tuple[float, int, int]) -> tuple[Packed, np.ndarray]:
    """Provable candidates, one a hunk: by probability, how many are right and how many wrong."""
    right = [n < good for _, good, bad in groups for n in range(good + bad)]
    sure = [chance for chance, good, bad in groups for _ in range(good + bad)]
    hunks = [{"repo": "r", "source": n % 2 == 0} for n in range(len(right))]
    ones = np.ones((len(right), 1))
    one = ones[:, 0].astype(int)
    return Packed(ones, np.array(right), one, hunks, ["provable"], [], one), np.array(sure)


def test_proofs_are_doubted_where_too_few_above_them_are_right() -> None:
    data, sure = proofs((0.9, 95, 5), (0.8, 92, 8), (0.5, 50, 50))
    assert doubt(data, sure) == 0.8
    assert doubt(*proofs((0.9, 95, 5))) == 0.0
    assert doubt(*proofs((0.9, 50, 50))) == 1.0


def test_of_equally_sure_proofs_all_are_doubted_or_none() -> None:
    data, sure = proofs((0.9, 100, 0), (0.8, 50, 150))  # the right ones of a tie stand first
    assert doubt(data, sure) == 0.9


def test_some_hunks_are_shown_without_their_history() -> None:
    counts = np.array([2, 3])
    features = np.ones((5, len(names())))
    data = Packed(features, np.zeros(5, bool), counts, [{}, {}], names(), [], counts.repeat(counts))
    shown = boosting.rows(data, np.array([False, True]))[:, : len(names())]
    columns = past.columns(names())
    hidden = np.zeros_like(shown, bool)
    hidden[np.ix_([2, 3, 4], columns)] = True
    assert (shown[hidden] == past.UNKNOWN).all()
    assert (shown[~hidden] == 1).all()
    assert (features == 1).all()


@pytest.mark.parametrize("wanted", [[True, False], [False, True]])
def test_some_hunks_are_taken_with_all_their_candidates(wanted: list[bool]) -> None:
    features = np.arange(5.0)[:, None]
    hunks, kinds = [{"n": 0}, {"n": 1}], np.arange(5)
    data = Packed(features, features[:, 0] > 2, np.array([2, 3]), hunks, ["a"], [], kinds)
    part = data.where(np.array(wanted))
    rows = [0, 1] if wanted[0] else [2, 3, 4]
    assert part.features[:, 0].tolist() == rows
    assert part.right.tolist() == [row > 2 for row in rows]
    assert part.kinds.tolist() == rows
    assert (part.counts.tolist(), part.hunks) == ([len(rows)], [{"n": int(wanted[1])}])
