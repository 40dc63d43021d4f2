"""Combinations of a hunk's texts: known small cases, where lines come from, symmetry, caps."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiebreak.text.document import Document, Hunk, Region
from tiebreak.text.file import merge_text
from tiebreak.text.generators import combos
from tiebreak.text.generators.combos import edit_subsets, one_line, primitives, switches, unions
from tiebreak.text.generators.combos.draft import Sides, bare, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tiebreak.conflict import Candidate
    from tiebreak.text.generators.combos.draft import Draft

lines = st.lists(st.sampled_from([b"a\n", b"b\n", b"  c\n", b"}\n", b"\n", b"x = 1\n"]), max_size=7)
texts = lines.map(b"".join)
few = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\n"]), max_size=4).map(b"".join)


def proposed(base: bytes, ours: bytes, theirs: bytes) -> list[Candidate[bytes]]:
    document = Document("a.py", [Region(base, ours, theirs, None)], None)
    return list(combos.generate(Hunk(document, 0)))


def rows(text: str) -> bytes:
    """``a b c`` as three lines."""
    return "".join(f"{word}\n" for word in text.split()).encode()


CASES = {
    # the other side's edit in another line than its conflict
    "line-merge": ("p a b", "p x y", "q b", "q x y"),
    # one of ours' two edits, and theirs'
    "line-edits": ("a m b n c", "A m B n c", "a m b n C", "A m b n C"),
    "primitives": ("a b", "x a b y", "u b a", "x y"),
    "unions": ("a b", "a b d", "b c d", "b d c"),
    "empty": ("a", "b", "c", ""),
    # the closing line both sides have
    "switches": ("", "f x }", "g y }", "f x y }"),
    "one-line": ("", "a b c d e f g h", "w x y z", "w x y z h"),
}


@pytest.mark.parametrize(("idea", "case"), CASES.items(), ids=CASES.keys())
def test_known_cases(idea: str, case: tuple[str, str, str, str]) -> None:
    *sides, wanted = map(rows, case)
    found = [c for c in proposed(*sides) if bare(c.value) == bare(wanted)]
    assert [c.stratum.split("/")[1] for c in found] == [idea]


def test_edits_of_tokens_are_taken_one_by_one() -> None:
    texts = (b"f(a, b) + g(c)\n", b"f(x, b) + h(c)\n", b"f(a, b) + g(y)\n")
    assert b"f(x, b) + g(y)\n" in {c.value for c in proposed(*texts)}


def test_sides_that_are_sorted_are_united_in_order() -> None:
    found = proposed(rows("d"), rows("b d f"), rows("a d e"))
    assert rows("a b d e f") in {c.value for c in found}


def test_edits_at_one_place_come_in_both_orders() -> None:
    values = {c.value for c in proposed(rows("a z"), rows("a x z"), rows("a y z"))}
    assert {rows("a x y z"), rows("a y x z")} <= values


def test_a_file_without_a_last_line_end_keeps_none() -> None:
    for candidate in proposed(b"a\nb", b"a\nc\nd", b"x\nb\ne"):
        assert not candidate.value.endswith(b"\n")


def test_line_ends_are_the_files() -> None:
    for candidate in proposed(b"a\r\nb", b"c\r\nd", b"x\r\ne"):
        assert candidate.value.count(b"\n") == candidate.value.count(b"\r\n")


def test_nothing_for_large_hunks() -> None:
    size = combos.LARGE // 2
    assert proposed(b"", b"x\n" * (size // 2), b"y\n" * (size // 2 + 1)) == []


def test_they_only_suggest() -> None:
    merged = merge_text("a.txt", rows("a m b"), rows("x m y"), rows("u m v"))
    assert merged.resolved == 0
    candidates = [r.candidate for r in merged.resolutions[0].ranked]
    assert any(c.generator == combos.NAME for c in candidates)
    assert not any(c.provable for c in candidates if c.generator == combos.NAME)


@given(texts, texts, texts)
def test_caps_and_no_repetition(base: bytes, ours: bytes, theirs: bytes) -> None:
    found = proposed(base, ours, theirs)
    counts = Counter(c.stratum.split("/")[1] for c in found)
    assert all(counts[idea.name] <= idea.most for idea in combos.IDEAS)
    assert len({bare(c.value) for c in found}) == len(found)
    plain = {base, ours, theirs, ours + theirs, theirs + ours}
    assert not {bare(c.value) for c in found} & {bare(text) for text in plain}


@given(texts, texts, texts)
def test_lines_come_from_the_hunk(base: bytes, ours: bytes, theirs: bytes) -> None:
    known = {line for text in (base, ours, theirs) for line in text.splitlines()}
    for candidate in proposed(base, ours, theirs):
        if candidate.stratum.split("/")[1] != "token-edits":
            assert set(candidate.value.splitlines()) <= known


@given(texts, texts)
def test_a_switch_is_a_start_and_an_end(ours: bytes, theirs: bytes) -> None:
    sides = cut(b"", ours, theirs)
    for draft in switches.propose(sides):
        assert any(
            draft.text == b"".join(first[:head] + second[tail:])
            for _, first, second in sides.both
            for head in range(len(first) + 1)
            for tail in range(len(second) + 1)
        )


@pytest.mark.parametrize(
    "propose",
    [
        edit_subsets.propose_lines,
        edit_subsets.propose_tokens,
        one_line.propose,
        primitives.propose,
        switches.propose,
        unions.propose,
    ],
)
@given(few, few, few)
def test_swapping_sides_gives_the_same_texts(
    propose: Callable[[Sides], Iterator[Draft]], base: bytes, ours: bytes, theirs: bytes
) -> None:
    here, there = cut(base, ours, theirs), cut(base, theirs, ours)
    if len(base) + len(ours) + len(theirs) <= 12:  # else a beam may be cut in the middle of a tie
        assert {d.text for d in propose(here)} == {d.text for d in propose(there)}
