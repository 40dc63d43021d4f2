"""A hunk that is learned from finds precedents in earlier merges, and in no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tiebreak.learn.earlier import earlier
from tiebreak.ranker.casebook import Entry
from tiebreak.ranker.precedents import Precedent

NOTHING = frozenset[int]()
HUNKS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.sampled_from("mno")), max_size=30
)


@given(HUNKS)
def test_only_strictly_earlier_merges_of_the_same_repository_speak(
    hunks: list[tuple[str, int, str]],
) -> None:
    entries = [
        (repo, Entry(time, merge, Precedent("a.py", (float(at), 1.0, 1.0, 1.0), NOTHING)))
        for at, (repo, time, merge) in enumerate(hunks)
    ]
    found = dict(earlier(entries))
    assert found.keys() == set(range(len(hunks)))
    for at, groups in found.items():
        _, _, recent = groups
        before = {manner[0] for manner in recent.weights}
        repo, time, merge = hunks[at]
        assert before == {
            float(n) for n, (r, t, m) in enumerate(hunks) if r == repo and (t, m) < (time, merge)
        }
