"""The laws of `Merge`: identities, cancellation, symmetry, the same-change rule."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiebreak.merge import Merge

TERMS = st.integers(0, 3)
MERGES = st.integers(0, 4).flatmap(
    lambda n: st.lists(TERMS, min_size=2 * n + 1, max_size=2 * n + 1).map(Merge)
)


def signed_sum(merge: Merge[int]) -> dict[int, int]:
    total = Counter(merge.adds)
    total.subtract(merge.removes)
    return {term: count for term, count in total.items() if count}


@given(MERGES)
def test_simplify_keeps_the_signed_sum(merge: Merge[int]) -> None:
    assert signed_sum(merge.simplify()) == signed_sum(merge)


@given(MERGES)
def test_simplify_cancels_every_pair(merge: Merge[int]) -> None:
    simple = merge.simplify()
    assert not set(simple.adds) & set(simple.removes)
    assert simple.simplify() == simple


@given(MERGES)
def test_swapping_sides_gives_the_same_value(merge: Merge[int]) -> None:
    straight, swapped = merge.resolve_trivial(), merge.swap().resolve_trivial()
    assert straight.is_resolved == swapped.is_resolved
    if straight.is_resolved:
        assert straight == swapped


@given(MERGES)
def test_resolved_iff_one_value_is_added_and_at_most_one_removed(merge: Merge[int]) -> None:
    left = signed_sum(merge)
    added = {term for term, count in left.items() if count > 0}
    removed = {term for term, count in left.items() if count < 0}
    assert merge.resolve_trivial().is_resolved == (len(added) == 1 and len(removed) <= 1)


@given(TERMS, TERMS)
def test_the_side_that_changed_wins(base: int, changed: int) -> None:
    for merge in (Merge.three_way(base, changed, base), Merge.three_way(base, base, changed)):
        assert merge.resolve_trivial() == Merge.resolved(changed)


@given(TERMS, TERMS)
def test_the_same_change_is_one_change(base: int, changed: int) -> None:
    assert Merge.three_way(base, changed, changed).resolve_trivial().value == changed


@given(MERGES)
def test_map_keeps_the_shape(merge: Merge[int]) -> None:
    assert merge.map(str).terms == tuple(str(term) for term in merge)
    assert merge.map(lambda term: term) == merge


@given(MERGES)
def test_keys_decide_equality(merge: Merge[int]) -> None:
    """Terms that cannot be hashed or compared are judged by their key, a digest say."""
    boxed = merge.map(lambda term: [term])
    assert boxed.resolve_trivial(key=lambda box: box[0]) == merge.resolve_trivial().map(
        lambda term: [term]
    )


def test_a_conflict_rebased_away_and_back_leaves_no_trace() -> None:
    assert Merge(["A", "A", "B"]).simplify() == Merge.resolved("B")
    assert Merge(["A", "B", "C", "A", "D"]).simplify() == Merge(["D", "B", "C"])


def test_many_heads() -> None:
    assert Merge(["a", "b", "a", "b", "a"]).resolve_trivial() == Merge.resolved("a")
    assert not Merge(["a", "x", "a", "y", "a"]).resolve_trivial().is_resolved


def test_absent_is_a_value() -> None:
    deleted = Merge.three_way(base="text", ours=None, theirs="text").resolve_trivial()
    assert deleted.is_resolved
    assert deleted.value is None


@pytest.mark.parametrize("count", [0, 2, 4])
def test_an_even_number_of_terms_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="odd number"):
        Merge(["x"] * count)


def test_a_conflict_has_no_value_and_cannot_be_changed() -> None:
    conflict = Merge.three_way("b", "o", "t")
    with pytest.raises(ValueError, match="3 terms"):
        _ = conflict.value
    with pytest.raises(AttributeError):
        conflict.terms = ("x",)
    assert (conflict.ours, conflict.base, conflict.theirs) == ("o", "b", "t")
