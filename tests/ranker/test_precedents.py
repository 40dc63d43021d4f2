"""How earlier conflicts of a repository were settled is evidence for the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiebreak.ranker import features
from tiebreak.ranker.casebook import Casebook, Entry
from tiebreak.ranker.columns import Alignment, lex
from tiebreak.ranker.precedents import (
    COLUMNS,
    LATEST,
    SLIGHT,
    UNKNOWN,
    WORDS,
    Precedent,
    Precedents,
    marks,
    row,
)

if TYPE_CHECKING:
    from pathlib import Path

AS_OURS, AS_THEIRS, BOTH = (1.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0)
NOTHING = frozenset[int]()
TEXTS = st.lists(st.sampled_from([b"one", b"two", b"three", b"4", b"+", b" ", b"\n"])).map(b"".join)


def test_of_no_precedents_nothing_is_said() -> None:
    assert row(Precedents(()).of("a.py", marks(b"a", b"b", b"c")), AS_OURS) == [UNKNOWN, 0.0] * 3


def test_shares_are_of_the_file_and_of_the_repository() -> None:
    manners = {"a.py": [AS_OURS, AS_OURS, AS_THEIRS], "b.py": [AS_THEIRS]}
    known = [Precedent(p, manner, NOTHING) for p, some in manners.items() for manner in some]
    groups = Precedents(known).of("a.py", NOTHING)
    assert row(groups, AS_OURS)[2:] == [2 / 4, 3.0, 2 / 5, 4.0]
    assert row(groups, AS_THEIRS)[2:] == [1 / 4, 3.0, 2 / 5, 4.0]
    assert row(groups, BOTH)[2:] == [0.0, 3.0, 0.0, 4.0]


def test_a_share_that_says_nothing_hinders_nothing() -> None:
    """Where a side added nothing, a text can have all of it or none."""
    groups = Precedents([Precedent("a.py", (-1.0, 1.0, 0.9, -1.0), NOTHING)]).of("a.py", NOTHING)
    assert row(groups, BOTH)[2] == 1 / 2
    assert row(groups, AS_OURS)[2] == 0.0


def test_the_most_similar_conflict_weighs_most() -> None:
    similar = marks(b"price = 1", b"price = compute(2)", b"price = estimate(1)")
    alike = marks(b"price = 3", b"price = compute(4)", b"price = estimate(3)")
    other = marks(b"import os", b"import sys", b"from os import path")
    known = [Precedent("a", AS_OURS, alike), *[Precedent("b", AS_THEIRS, other)] * 5]
    (share, weight, *_), (of_theirs, *_) = (
        row(Precedents(known).of("c", similar), manner) for manner in (AS_OURS, AS_THEIRS)
    )
    assert share == pytest.approx(weight / (weight + SLIGHT))
    assert weight > SLIGHT
    assert of_theirs == 0.0


@given(TEXTS, TEXTS, TEXTS)
def test_marks_do_not_depend_on_sides_or_white_space(
    base: bytes, ours: bytes, theirs: bytes
) -> None:
    found = marks(base, ours, theirs)
    assert marks(base, theirs, ours) == found
    assert marks(*(text.replace(b"+", b" +\n ") for text in (base, ours, theirs))) == found
    assert marks(base, base, base) == NOTHING


def test_of_many_words_the_same_stand_for_a_conflict() -> None:
    ours = b" ".join(b"name%d" % number for number in range(200))
    few, more = marks(b"", ours, b""), marks(b"", ours + b" another", b"")
    assert len(few) == len(more) == WORDS
    assert len(few & more) >= WORDS - 1


def test_a_manner_is_what_the_features_of_a_candidate_say() -> None:
    alignment = Alignment(*map(lex, (b"f(a)\n", b"f(a, b)\n", b"g(a)\n")))
    placed = alignment.place(b"g(a, b)\n")
    hand = features.Hand(b"g(a, b)\n", "", 0.0, 0, 1, provable=False, drops=0)
    texts = features.Texts(b"f(a)\n", b"f(a, b)\n", b"g(a)\n")
    known = features.of_candidate(features.Known.of(texts, alignment), placed, hand)
    manner = features.manner_of(alignment, b"g(a, b)\n")
    assert manner == tuple(known[name] for name in features.MANNER)
    assert manner == (1.0, -1.0, 1.0, 1.0)  # of ours there is nothing that it removed


def _entry(number: int) -> Entry:
    return Entry(number, f"merge {number}", Precedent(f"{number}\n.py", AS_OURS, frozenset({7})))


def test_what_is_written_down_is_read_again(tmp_path: Path) -> None:
    casebook = Casebook(str(tmp_path))
    assert not casebook.exists()
    casebook.add([_entry(3), _entry(1)])
    casebook.add([_entry(2)])
    assert row(casebook.precedents().of("2\n.py", NOTHING), AS_OURS)[2:] == [1 / 2, 1.0, 3 / 4, 3.0]
    casebook.clear()
    assert not casebook.exists()


@pytest.mark.parametrize(
    "line",
    [b"[1,", b"7", b'[1, "m", "p", [1, 1, 0], []]', b'["1", "m", "p", [1, 1, 0, 0], [[]]]', b"\n"],
)
def test_a_line_that_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path, line: bytes) -> None:
    casebook = Casebook(str(tmp_path))
    casebook.add([_entry(1)])
    with open(casebook.path, "ab") as file:
        file.write(line + b"\n")
    casebook.add([_entry(2)])
    assert row(casebook.precedents().of("", NOTHING), AS_OURS)[-1] == 2.0


def test_only_the_latest_are_kept(tmp_path: Path) -> None:
    casebook = Casebook(str(tmp_path))
    casebook.add(map(_entry, reversed(range(LATEST + 5))))
    casebook.tidy()
    with open(casebook.path, encoding="utf-8") as file:
        kept = [line.split(",")[0] for line in file]
    assert kept == [f"[{number}" for number in range(5, LATEST + 5)]


def test_a_row_has_as_many_columns_as_it_says() -> None:
    assert len(row(Precedents(()).of("a.py", NOTHING), AS_OURS)) == COLUMNS
