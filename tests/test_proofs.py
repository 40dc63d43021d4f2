"""What counts as proof, seen through the one door for text: `merge_text`."""

from __future__ import annotations

import pytest

from tiebreak.text.file import merge_text


def resolved(base: bytes, ours: bytes, theirs: bytes, path: str = "a.c") -> bytes | None:
    """The merged file when everything in it is committed, else None. The same for swapped sides."""
    straight = merge_text(path, base, ours, theirs)
    swapped = merge_text(path, base, theirs, ours)
    assert straight.unmerged == swapped.unmerged
    if straight.unmerged:
        return None
    assert straight.text == swapped.text
    return straight.text


def test_a_side_that_holds_the_other_edit_and_more() -> None:
    base, fixed = b"error(challange);\nreturn 1;\n", b"error(challenge);\nreturn 1;\n"
    more = b"error(challenge);\nreturn EAUTH;\n"
    assert resolved(base, fixed, more) == more


def test_a_deletion_that_both_made_is_one_deletion() -> None:
    assert resolved(b"a b c\nd\n", b"a c\nd\n", b"a c\ne\n") == b"a c\ne\n"


def test_inside_an_atom_nothing_is_contained() -> None:
    """1.0.0 has fewer words than 1.0.0-rc4, and is the newer version."""
    base = b"version 0.12.2\n"
    assert resolved(base, b"version 1.0.0-rc4\n", b"version 1.0.0\n") is None


def test_a_hunk_that_one_side_deleted_stays_open() -> None:
    assert resolved(b"a b\nc\n", b"", b"a\nc\n") is None


@pytest.mark.parametrize("theirs", [b"a;\nx;\nb;\n", b"a;\nx;"])
def test_new_line_ends_are_given_to_the_other_edit(theirs: bytes) -> None:
    base, ours = b"a;\nb;\n", b"a;\r\nb;\r\n"
    assert resolved(base, ours, theirs) == theirs.replace(b"\n", b"\r\n")


def test_blanks_in_a_string_are_content() -> None:
    assert resolved(b'x = "a b"\n', b'x = "a  b"\n', b'y = "a b"\n') is None


@pytest.mark.parametrize("path", ["a.py", "unknown.language"])
def test_where_indentation_is_meaning_the_edit_moves_along(path: str) -> None:
    base, theirs = b"if a:\n    b()\nc()\n", b"if a:\n    b()\nc(1)\n"
    assert resolved(base, b"if a:\n    b()\n    c()\n", theirs, path) == (
        b"if a:\n    b()\n    c(1)\n"
    )
