"""Calibrations: what scores of hunks that the model had not seen stand for."""

from __future__ import annotations

import numpy as np

from tiebreak.learn.calibrate import tables
from tiebreak.learn.packed import Packed
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
    )


def test_source_code_and_other_files_are_counted_apart() -> None:
    source = [n % 2 == 0 for n in range(200)]
    data = packed(source, source)  # right in source code, and nowhere else
    scores = np.array([0.9, 0.1] * 200)
    found = tables(data, dict.fromkeys(SCOPES, scores))
    for scope in SCOPES:
        code, other = (found[situation(scope, source=source)] for source in (True, False))
        assert [step[1:3] for step in code["steps"]] == [[100, 100]] * len(code["steps"])
        assert [step[1:3] for step in other["steps"]] == [[0, 100]] * len(other["steps"])
        assert dict(code["knots"])[0.9] == 1.0
        assert dict(other["knots"])[0.9] == 0.0


def test_files_that_were_not_there_to_be_counted_have_no_bound() -> None:
    data = packed([True] * 100, [True] * 100)
    found = tables(data, dict.fromkeys(SCOPES, np.array([0.9, 0.1] * 100)))
    assert found[situation("merge", source=True)]["steps"]
    assert found[situation("merge", source=False)]["steps"] == []
