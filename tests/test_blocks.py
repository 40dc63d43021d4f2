"""Finding the blocks of a merge again: in what git wrote, and in what people made of it."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tiebreak.conflict import Candidate, Judgement, Ranked, Resolution
from tiebreak.policy import COMMIT, SUGGEST
from tiebreak.text.blocks import rewrite
from tiebreak.text.document import Document, Region
from tiebreak.text.file import Settings, TextMerge
from tiebreak.text.markers import Labels, render
from tiebreak.text.merge3 import merge_lines

LABELS = Labels("HEAD", "base of it", "other")
HOW = Settings(labels=LABELS)


def merged(base: bytes, ours: bytes, theirs: bytes, chosen: dict[int, bytes]) -> TextMerge:
    """A merge of which some hunks, by number, have a resolution."""
    document = Document("a.txt", merge_lines(base, ours, theirs), None)
    resolutions = []
    for number, hunk in enumerate(document.hunks):
        best = None
        if number in chosen:
            candidate = Candidate(chosen[number], "test", "because", "test")
            best = Ranked(candidate, Judgement(1.0, 1.0, "sure"))
        action = SUGGEST if best is None else COMMIT
        resolutions.append(Resolution(hunk, action, best, (), ()))
    floor = render(document.regions, labels=LABELS)
    return TextMerge(
        b"", floor.text, 0, unmerged=False, resolutions=tuple(resolutions), document=document
    )


def written(merge: TextMerge, chosen: dict[int, bytes], style: str, level: str) -> bytes:
    """What git would write, the hunks in `chosen` already resolved."""
    assert merge.document is not None
    regions: list[Region] = list(merge.document.regions)
    for number, hunk in enumerate(merge.document.hunks):
        if number in chosen:
            regions[hunk.index] = hunk.region._replace(result=chosen[number])
    return render(regions, style=style, level=level, labels=LABELS).text


def texts(*alphabet: str) -> st.SearchStrategy[bytes]:
    lines = st.lists(st.sampled_from(alphabet), max_size=14)
    return lines.map(lambda found: "".join(f"{line}\n" for line in found).encode())


FILES = texts("a", "b", "c", "d", "}", "")
STYLES = st.sampled_from(["merge", "diff3", "zdiff3"])
LEVELS = st.sampled_from(["zealous", "zealous_alnum"])


SIDES = st.tuples(FILES, FILES, FILES)
NUMBERS = st.sets(st.integers(0, 6))


@given(SIDES, NUMBERS, NUMBERS, STYLES, LEVELS)
@settings(max_examples=400, deadline=None)
def test_untouched_files_become_what_the_resolutions_say(
    sides: tuple[bytes, bytes, bytes], before: set[int], now: set[int], style: str, level: str
) -> None:
    """Whatever was resolved before (by the driver), in every style: all other blocks are found."""
    answers = {n: b"resolved %d\n" % n for n in range(20)}
    merge = merged(*sides, {n: answers[n] for n in now})
    current = written(merge, {n: answers[n] for n in before}, style, level)
    expected = written(merge, {n: answers[n] for n in now | before}, style, level)
    found = rewrite(current, merge, HOW)
    hunks = set(range(len(merge.resolutions)))
    assume(found.found == found.blocks)  # not so where two blocks say the same and one is gone
    assert found.text == expected
    assert found.replaced == (now - before) & hunks
    assert found.matched == hunks - before


@given(SIDES, STYLES, LEVELS)
@settings(max_examples=300, deadline=None)
def test_every_block_of_an_untouched_file_is_found(
    sides: tuple[bytes, bytes, bytes], style: str, level: str
) -> None:
    merge = merged(*sides, {})
    found = rewrite(written(merge, {}, style, level), merge, HOW)
    assert found.found == found.blocks == found.left


@given(FILES, FILES, FILES, FILES)
@settings(max_examples=200, deadline=None)
def test_a_file_without_blocks_stays(base: bytes, ours: bytes, theirs: bytes, other: bytes) -> None:
    merge = merged(base, ours, theirs, dict.fromkeys(range(20), b"x\n"))
    assert rewrite(other, merge, HOW).text == other


PLAIN = b"".join(b"line %d\n" % n for n in range(9))
BASE, OURS, THEIRS = (PLAIN.join(s + n for n in (b"1\n", b"2\n")) for s in (b"b", b"o", b"t"))


@pytest.fixture
def two() -> tuple[TextMerge, bytes]:
    """Two conflicts far apart, both resolved; and the file as git wrote it."""
    merge = merged(BASE, OURS, THEIRS, {0: b"first\n", 1: b"second\n"})
    return merge, written(merge, {}, "merge", "zealous")


def test_edits_around_the_blocks_stay(two: tuple[TextMerge, bytes]) -> None:
    merge, text = two
    found = rewrite(b"new\n" + text.replace(b"line 4\n", b"edited\n") + b"end", merge, HOW)
    assert found.text.startswith(b"new\nfirst\nline 0\n")
    assert b"edited\n" in found.text
    assert found.text.endswith(b"line 8\nsecond\nend")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"o1\n", b"o1, edited\n"),
        (b"t1\n", b""),
        (b"o1\n=======\nt1\n", b"t1\n=======\no1\n"),
        (b"<<<<<<< HEAD\no1\n", b"<<<<<<< HEAD\no1\n||||||| other base\nno such line\n"),
    ],
)
def test_an_edited_block_stays(two: tuple[TextMerge, bytes], old: bytes, new: bytes) -> None:
    merge, text = two
    edited = text.replace(old, new, 1)
    found = rewrite(edited, merge, HOW)
    assert found.text == edited[: edited.rindex(b"<<<<<<<")] + b"second\n"
    assert (found.blocks, found.found, found.left) == (2, 1, 1)
    assert found.replaced == {1}


def test_other_labels_do_not_matter(two: tuple[TextMerge, bytes]) -> None:
    merge, text = two
    renamed = text.replace(b" HEAD", b"").replace(b" other", b" 1234567 (a commit)")
    assert rewrite(renamed, merge, HOW).text == b"first\n" + PLAIN + b"second\n"


def test_labels_of_what_is_left_stay() -> None:
    base, ours, theirs = (b"%s\nx\ny\n%s\n" % (s, s) for s in (b"b", b"o", b"t"))
    merge = merged(base, ours, theirs, {0: b"first\n"})
    text = written(merge, {}, "merge", "zealous")
    assert text.count(b"<<<<<<<") == 1  # git joins what is so close
    found = rewrite(text.replace(b" HEAD", b" mine").replace(b" other", b" yours"), merge, HOW)
    assert found.text == b"first\nx\ny\n<<<<<<< mine\no\n=======\nt\n>>>>>>> yours\n"


def test_of_twins_the_one_that_is_left_is_not_guessed() -> None:
    base, ours, theirs = (PLAIN.join([s, s]) for s in (b"b\n", b"o\n", b"t\n"))
    merge = merged(base, ours, theirs, {0: b"first\n", 1: b"second\n"})
    text = written(merge, {}, "merge", "zealous")
    assert rewrite(text, merge, HOW).text == b"first\n" + PLAIN + b"second\n"
    block = b"<<<<<<< HEAD\no\n=======\nt\n>>>>>>> other\n"
    half = text.replace(block, b"by hand\n", 1)
    assert rewrite(half, merge, HOW).text == half


def test_markers_of_another_size_are_no_blocks(two: tuple[TextMerge, bytes]) -> None:
    merge, text = two
    found = rewrite(text, merge, HOW._replace(marker_size=9))
    assert (found.text, found.blocks) == (text, 0)
