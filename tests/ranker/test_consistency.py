"""What the rest of a file says of a candidate."""

from __future__ import annotations

from math import log1p
from typing import TYPE_CHECKING

from tiebreak.ranker import elsewhere
from tiebreak.ranker.consistency import Around, of_candidate
from tiebreak.ranker.elsewhere import Whole, alone
from tiebreak.ranker.features import Texts
from tiebreak.text.document import Document
from tiebreak.text.merge3 import merge_lines

if TYPE_CHECKING:
    import pytest

BASE = b"import os\nimport re\n\ndef load(path):\n    return read(path)\n\nload(a)\n\nload(b)\n"
OURS = BASE.replace(b"load", b"fetch")
THEIRS = BASE.replace(b"return read(path)", b"return read(path, log=True)").replace(
    b"(path):", b"(path, log):"
)


def _told(base: bytes, ours: bytes, theirs: bytes, value: bytes) -> dict[str, float]:
    """What is told of a candidate for the first conflict of a file."""
    document = Document("a.py", merge_lines(base, ours, theirs), None)
    hunk = document.hunks[0]
    texts = Texts(hunk.region.base, hunk.region.ours, hunk.region.theirs)
    return of_candidate(Around.of(texts, Whole(document).elsewhere(hunk, [value])), value)


def test_a_name_that_one_side_did_away_with_comes_back() -> None:
    ours = _told(BASE, OURS, THEIRS, b"def fetch(path, log):\n    return read(path, log=True)\n")
    theirs = _told(BASE, OURS, THEIRS, b"def load(path, log):\n    return read(path, log=True)\n")
    assert (ours["back/ours"], theirs["back/ours"]) == (0.0, log1p(1))
    assert (ours["needed/ours"], theirs["needed/ours"]) == (0.0, log1p(1))
    assert ours["words-off"] == 0.0 < theirs["words-off"]
    assert ours["words-undone/ours"] < theirs["words-undone/ours"]


def test_a_line_that_was_moved_is_there_already() -> None:
    base = b"one = 1\ntwo = 2\nthree = 3\n\nx\n\nend\n"
    ours = b"two = 2\nthree = 3\n\nx\n\nend\none = 1\n"
    theirs = b"one = 1\ntwo = 22\nthree = 3\n\nx\n\nend\n"
    moved = _told(base, ours, theirs, b"two = 22\n")
    twice = _told(base, ours, theirs, b"one = 1\ntwo = 22\n")
    assert (moved["lines-over"], twice["lines-over"]) == (0.0, log1p(1))
    assert moved["lines-off"] == 0.0 < twice["lines-off"]


def test_imports_of_no_use_and_numbers_in_order() -> None:
    base = b"import a\nVERSION = 1.2\n\nuse(b)\n"
    ours = b"import b\nVERSION = 1.10\n\nuse(b)\n"
    theirs = b"import c\nVERSION = 1.9\n\nuse(b)\n"
    mine, other = (
        _told(base, *(ours, theirs), side[: side.index(b"\n\n") + 1]) for side in (ours, theirs)
    )
    assert (mine["unused-imports"], other["unused-imports"]) == (0.0, log1p(1))
    assert (mine["higher"], mine["lower"]) == (1.0, 0.0)
    assert (other["higher"], other["lower"]) == (0.0, 1.0)


def test_other_conflicts_are_taken_as_the_side_that_fits() -> None:
    base, rest = b"a = 1\n\nkeep\n\nb = 1\n", b"\nkeep\n\n"
    document = Document(
        "a.py",
        merge_lines(base, b"a = x\n" + rest + b"b = x\n", b"a = y\n" + rest + b"b = y\n"),
        None,
    )
    found = Whole(document).elsewhere(document.hunks[0], [])
    assert found.words[b"x"] == (0, 2, 0, 0, 1, 0)
    assert found.words[b"y"] == (0, 0, 2, 0, 0, 1)
    assert found.words[b"a"] == (1, 1, 1, 0, 0, 0)
    assert b"keep" not in found.words


def test_of_a_large_file_the_hunk_alone_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document("a.py", merge_lines(BASE, OURS, THEIRS), None)
    hunk = document.hunks[0]
    assert Whole(document).elsewhere(hunk, []) != alone(hunk.region, [])
    monkeypatch.setattr(elsewhere, "LARGEST", 10)
    assert Whole(document).elsewhere(hunk, []) == alone(hunk.region, [])
