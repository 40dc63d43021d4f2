"""The pipeline takes any conflict: here the terms are plain numbers, as tensors will be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tiebreak.conflict import Candidate, Judgement, Toolbox
from tiebreak.merge import Merge
from tiebreak.policy import APPLY, COMMIT, LEAVE, SUGGEST, Policy
from tiebreak.resolve import propose, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Number(NamedTuple):
    merge: Merge[float]
    path: str = "model.safetensors"
    name: str = "bias"


NUMBER = Number(Merge.three_way(1.0, 3.0, 4.0))


def arithmetic(conflict: Number) -> Iterator[Candidate[float]]:
    ours, base, theirs = conflict.merge.terms
    yield Candidate(ours + theirs - base, "arithmetic", "sum of both", "arithmetic")


def ours(conflict: Number) -> Iterator[Candidate[float]]:
    yield Candidate(conflict.merge.ours, "ours", "keep", "ours", drops=("theirs",))


def judged(**lower: float) -> object:
    def judge(_: Number, candidates: Sequence[Candidate[float]]) -> list[Judgement]:
        return [
            Judgement(lower[c.generator], lower[c.generator], "told", c.provable)
            for c in candidates
        ]

    return judge


def toolbox(judge: object, late: Sequence[object] = ()) -> Toolbox[Number, float]:
    generators = (("arithmetic", arithmetic), ("ours", ours))
    return Toolbox(generators, (), late, judge)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lower", "action"), [(0.99, COMMIT), (0.98, COMMIT), (0.96, APPLY), (0.5, SUGGEST)]
)
def test_thresholds_are_compared_with_the_lower_bound(lower: float, action: str) -> None:
    result = resolve(NUMBER, toolbox(judged(arithmetic=lower, ours=0.1)), Policy())
    assert result.action == action
    assert (result.chosen is not None) == (action in {COMMIT, APPLY})
    assert [r.candidate.value for r in result.ranked] == [6.0, 3.0]


def test_a_candidate_that_drops_an_edit_needs_the_commit_threshold() -> None:
    assert resolve(NUMBER, toolbox(judged(arithmetic=0, ours=0.97)), Policy()).action == SUGGEST
    assert resolve(NUMBER, toolbox(judged(arithmetic=0, ours=0.98)), Policy()).action == COMMIT


def test_a_late_veto_hands_on_to_the_next_candidate() -> None:
    def no_sum(_: Number, candidate: Candidate[float]) -> str | None:
        return "too large" if candidate.value > 5 else None

    result = resolve(NUMBER, toolbox(judged(arithmetic=1, ours=0.99), [("size", no_sum)]), Policy())
    assert result.chosen is not None
    assert result.chosen.candidate.generator == "ours"
    assert result.rejected[0].veto == ("size", "too large")


def test_nothing_to_offer_leaves_the_conflict() -> None:
    empty: Toolbox[Number, float] = Toolbox((), (), (), judged())  # type: ignore[arg-type]
    assert resolve(NUMBER, empty, Policy()).action == LEAVE


def test_a_limit_only_lowers() -> None:
    user, tree = Policy(most=APPLY, commit=0.99), Policy(most=COMMIT, commit=0.5, apply=0.97)
    both = user.limited_by(tree)
    assert both == tree.limited_by(user) == Policy(commit=0.99, apply=0.97, most=APPLY)
    assert both.action(Judgement(1, 1, "", provable=True)) == APPLY


def test_a_value_is_offered_when_one_of_its_proposals_passes() -> None:
    """A proposal that does not say what it drops must not take the value along."""

    def silent(conflict: Number) -> Iterator[Candidate[float]]:
        yield Candidate(conflict.merge.ours, "silent", "does not notice", "silent")

    def says_so(_: Number, candidate: Candidate[float]) -> str | None:
        return None if candidate.drops else "loses an edit"

    generators = (("silent", silent), ("ours", ours))
    box: object = Toolbox(generators, (("edits", says_so),), (), judged(ours=0.1))  # type: ignore[arg-type]
    passed, rejected = propose(NUMBER, box)  # type: ignore[arg-type]
    assert ([c.generator for c in passed], rejected) == (["ours"], [])
