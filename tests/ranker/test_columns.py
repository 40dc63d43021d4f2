"""One candidate beside the three versions: every token of each in exactly one column."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tiebreak.ranker.columns import (
    ADDED,
    BASE,
    OURS,
    TAKEN,
    THEIRS,
    Alignment,
    lex,
    swapped,
)
from tiebreak.ranker.subsequence import common

TEXTS = st.lists(st.sampled_from([b"a", b"b", b"(", b")", b"\n", b" ", b"x1"]), max_size=12).map(
    b"".join
)


def _aligned(base: bytes, ours: bytes, theirs: bytes) -> Alignment:
    return Alignment(lex(base), lex(ours), lex(theirs))


def _longest(a: str, b: str) -> int:
    """The length of a longest common subsequence, by the textbook's table."""
    row = [0] * (len(b) + 1)
    for x in a:
        before = row
        row = [0]
        for j, y in enumerate(b):
            row.append(before[j] + 1 if x == y else max(before[j + 1], row[j]))
    return row[-1]


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_common_is_a_longest_common_subsequence(a: str, b: str) -> None:
    pairs = common(a, b)
    assert all(a[i] == b[j] for i, j in pairs)
    assert len(pairs) == _longest(a, b)
    assert pairs == sorted(pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_columns_spell_each_version_and_the_candidate(
    base: bytes, ours: bytes, theirs: bytes, candidate: bytes
) -> None:
    alignment = _aligned(base, ours, theirs)
    for bit, text in ((BASE, base), (OURS, ours), (THEIRS, theirs)):
        spelled = [t for t, v in zip(alignment.tokens, alignment.versions, strict=True) if v & bit]
        assert spelled == lex(text)
    placed = alignment.place(candidate)
    taken = [t for t, c in zip(placed.tokens, placed.codes, strict=True) if c & (TAKEN | ADDED)]
    assert taken == lex(candidate)
    assert [c for c in placed.columns if c >= 0] == list(range(len(alignment.tokens)))


def test_a_token_merge_takes_both_edits_and_drops_what_they_replaced() -> None:
    alignment = _aligned(b"f(a, b)\n", b"g(a, b)\n", b"f(a, c)\n")
    placed = alignment.place(b"g(a, c)\n")
    codes = dict(zip(placed.tokens, placed.codes, strict=True))
    assert codes[b"g"] == OURS | TAKEN
    assert codes[b"c"] == THEIRS | TAKEN
    assert codes[b"f"] == BASE | THEIRS
    assert codes[b"b"] == BASE | OURS
    assert not any(placed.seams)


def test_a_seam_is_where_tokens_meet_that_never_met() -> None:
    placed = _aligned(b"", b"one\n", b"two\n").place(b"one two\n")
    seams = [token for token, seam in zip(placed.tokens, placed.seams, strict=True) if seam]
    assert seams == [b"two"]


def test_swapping_sides_twice_changes_nothing() -> None:
    assert [swapped(swapped(code)) for code in range(26)] == list(range(26))
    assert swapped(OURS | TAKEN) == THEIRS | TAKEN
    assert swapped(ADDED | OURS | BASE) == ADDED | THEIRS | BASE
