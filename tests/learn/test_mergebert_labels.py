"""Labels of MergeBERT: what the nine are, how a resolution is cut up, and the beam over several."""

import math

from hypothesis import given
from hypothesis import strategies as st

from tiebreak.learn.mergebert.beam import Labelling, most_probable
from tiebreak.learn.mergebert.labels import (
    bare,
    choices,
    conflicts_of,
    labels_of,
    resolved,
    split_hunk,
)
from tiebreak.learn.mergebert.primitives import NAMES, SWAPPED, fillings
from tiebreak.text.tokens import TokenConflict

words = st.lists(st.sampled_from([b"a", b"b", b"c", b" ", b"\n", b"+"]), max_size=8).map(b"".join)
label = st.integers(0, len(NAMES) - 1)


def conflict(base: bytes, ours: bytes, theirs: bytes) -> TokenConflict:
    return TokenConflict(*(tuple(side.split()) for side in (base, ours, theirs)))


def test_tokens_of_base_are_removed_wherever_they_are() -> None:
    found = fillings(conflict(b"X Y Z", b"X' Y Z'", b"X Y' Z"))
    assert dict(zip(NAMES, found, strict=True))["ours theirs less base"] == b"X'Z'Y'"


def test_the_published_example_is_cut_up_and_labelled() -> None:
    base, ours, theirs = b"var x = max(y, 10)", b"let x = max(y, 11)", b"var x = max(y, 11, z)"
    parts = split_hunk(base, ours, theirs)
    assert [bare(b"".join(c.theirs)) for c in conflicts_of(parts)] == [b"11,z"]
    labels = labels_of(parts, b"let x = max(y, 11, z)\n")
    assert labels == (NAMES.index("theirs"),)
    assert resolved(parts, labels) == b"let x = max(y, 11, z)"


def test_a_resolution_with_a_new_token_has_no_labels() -> None:
    parts = split_hunk(b"x = 1", b"x = 2", b"x = 3")
    assert labels_of(parts, b"x = 4") is None
    assert labels_of(parts, b"y = 2") is None


def test_a_clean_merge_has_the_empty_labelling_when_it_is_right() -> None:
    parts = split_hunk(b"f(a, b)", b"g(a, b)", b"f(a, c)")
    assert labels_of(parts, b"g(a,c)") == ()
    assert labels_of(parts, b"g(a, b)") is None


@given(words, words, words, st.data())
def test_any_labelling_is_found_again(
    base: bytes, ours: bytes, theirs: bytes, data: st.DataObject
) -> None:
    parts = split_hunk(base, ours, theirs)
    chosen = [data.draw(label) for _ in conflicts_of(parts)]
    text = resolved(parts, chosen)
    found = labels_of(parts, text)
    assert found is not None
    assert bare(resolved(parts, found)) == bare(text)
    known = map(choices, conflicts_of(parts))
    assert all(group[choice] == choice for group, choice in zip(known, found, strict=True))


@given(words, words, words)
def test_sides_that_change_places_change_their_labels(
    base: bytes, ours: bytes, theirs: bytes
) -> None:
    there, back = fillings(conflict(base, ours, theirs)), fillings(conflict(base, theirs, ours))
    assert [there[SWAPPED[number]] for number in range(len(NAMES))] == list(back)


def test_the_beam_is_in_order_and_exact() -> None:
    shares = [{0: 0.6, 1: 0.4}, {0: 0.5, 3: 0.3, 4: 0.2}]
    options = [{name: math.log(share) for name, share in option.items()} for option in shares]
    found = most_probable(options, 4)
    assert [kept.labels for kept in found] == [(0, 0), (1, 0), (0, 3), (0, 4)]
    assert math.isclose(math.exp(found[1].logarithm), 0.2)
    assert most_probable([], 4) == [Labelling((), 0.0)]


def test_equally_probable_labellings_are_in_the_order_of_their_labels() -> None:
    same = {1: -1.0, 0: -1.0}
    assert [kept.labels for kept in most_probable([same, same], 3)] == [(0, 0), (0, 1), (1, 0)]
