"""The second look's rows: what is told of a candidate beside its rivals."""

from __future__ import annotations

import pytest

from tiebreak.ranker.company import ALONE, COLUMNS, NOBODY, OTHER, OURS, THEIRS, Beside, rows
from tiebreak.ranker.odds import chance_of, log_odds

NOTHING_BESIDE = Beside(NOBODY, NOBODY)


def test_a_candidate_is_told_its_lead_and_what_its_rivals_have_together() -> None:
    found = rows([2.0, 0.5, -1.0], [OURS, THEIRS, OTHER], NOTHING_BESIDE)
    assert [len(row) for row in found] == [COLUMNS] * 3
    assert [row[-2] for row in found] == [1.5, -1.5, -3.0]
    chances = [chance_of(odds) for odds in (2.0, 0.5, -1.0)]
    assert [row[-1] for row in found] == pytest.approx([sum(chances) - own for own in chances])


def test_two_that_are_equally_sure_lead_by_nothing() -> None:
    found = rows([1.0, 1.0, 0.0], [OURS, THEIRS, OTHER], NOTHING_BESIDE)
    assert [row[-2] for row in found] == [0.0, 0.0, -1.0]


def test_the_only_candidate_leads_over_what_is_impossible() -> None:
    ((*_, lead, rest),) = rows([1.0], [OURS], NOTHING_BESIDE)
    assert lead == 1.0 - log_odds(0)
    assert rest == pytest.approx(0)


def test_a_hunk_alone_has_no_shares_around_it() -> None:
    ((ours, theirs, odds, *around),) = rows([1.0], [OURS], NOTHING_BESIDE)
    assert (ours, theirs, odds) == (1.0, 0.0, 1.0)
    assert around[:4] == [ALONE, ALONE, 0.0, 0.0]
