"""Renaming against editing: the edit is kept, under the new name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiebreak.resolve import propose
from tiebreak.text.document import Document, Hunk, Region
from tiebreak.text.generators import renames
from tiebreak.text.toolbox import TOOLBOX

if TYPE_CHECKING:
    from tiebreak.conflict import Candidate

words = st.lists(st.sampled_from(["a", "b", "c", "(", "1", "\n"]), max_size=9).map(" ".join)


def hunk(base: str, ours: str, theirs: str) -> Hunk:
    sides = (text.encode() for text in (base, ours, theirs))
    return Hunk(Document("a.c", [Region(*sides, None)], None), 0)


def proposed(base: str, ours: str, theirs: str) -> list[Candidate[bytes]]:
    return list(renames.generate(hunk(base, ours, theirs)))


CASES = {
    "edit": ("f(size);\n", "f(length);\n", "f(size, 1);\n", "f(length, 1);\n"),
    "new use": ("f(size);\n", "f(length);\n", "f(size, size);\n", "f(length, length);\n"),
    "every name": ("f(size);\n", "g(length);\n", "if (f(size))\n", "if (g(length))\n"),
    "re-indented": ("f(size);\n", "    f(\n    length);\n", "f(size, 1);\n", "f(length, 1);\n"),
    "in a string": ("'size'\n", "'length'\n", "'the size'\n", "'the length'\n"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_edit_is_kept_under_the_new_name(case: tuple[str, str, str, str]) -> None:
    base, ours, theirs, wanted = case
    assert [c.value for c in proposed(base, ours, theirs)] == [wanted.encode()]
    assert [c.value for c in proposed(base, theirs, ours)] == [wanted.encode()]


NONE = {
    "an edit on both sides": ("f(size);\n", "f(length, 2);\n", "f(size, 1);\n"),
    "the old name is still used": ("size(size);\n", "size(length);\n", "size(size, 1);\n"),
    "not everywhere the same": ("size(size);\n", "length(width);\n", "size(size, 1);\n"),
    "the other side has the new name": ("f(size);\n", "f(length);\n", "f(size, length);\n"),
    "base has the new name": ("f(size, n);\n", "f(n, n);\n", "f(size, n, 1);\n"),
    "the other side dropped the name": ("f(size);\n", "f(length);\n", "f(1);\n"),
    "a number is no name": ("f(1);\n", "f(2);\n", "f(1, 1);\n"),
    "nothing in base": ("", "f(length);\n", "f(size);\n"),
}


@pytest.mark.parametrize("case", NONE.values(), ids=NONE.keys())
def test_what_is_no_renaming_proposes_nothing(case: tuple[str, str, str]) -> None:
    assert not proposed(*case)


def test_new_uses_of_the_old_name_are_said_to_be_dropped() -> None:
    (candidate,) = proposed("f(size);\n", "f(length);\n", "f(size, size);\n")
    assert candidate.drops == ("the name size in new uses",)
    offered, _ = propose(hunk("f(size);\n", "f(length);\n", "f(size, size);\n"), TOOLBOX)
    assert candidate in offered


@given(words, words)
def test_renaming_base_and_the_other_side_is_what_comes_out(base: str, other: str) -> None:
    base, other = f"{base} old 2", f"old {other}"
    ours, wanted = (text.replace("old", "new") for text in (base, other))
    assert [c.value for c in proposed(base, ours, other)] == [wanted.encode()]


def test_large_hunks_are_left_alone() -> None:
    many = "x();\n" * 3000
    assert not proposed("size\n" + many, "length\n" + many, "size, 1\n" + many)
