"""The line merge against git itself: `git merge-file`, and ort through `git merge-tree`."""

from __future__ import annotations

import itertools
import random
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import GIT, Repo, git_version
from tiebreak.text.diff import algorithm_of
from tiebreak.text.lines import split_lines
from tiebreak.text.markers import Labels, MarkedConflict, has_markers, parse_markers, render
from tiebreak.text.merge3 import merge_lines, merge_sequences

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STYLES = ("merge", "diff3", "zdiff3")
LABELS = Labels("our side", "b", "theirs")
HISTOGRAM = algorithm_of("histogram", git_version())


class Case(NamedTuple):
    """Three versions of a file."""

    base: bytes
    ours: bytes
    theirs: bytes


NUMBERS = b"".join(b"line %d\n" % n for n in range(1, 13))
HAND = [
    Case(b"", b"", b""),
    Case(b"", b"a\n", b"b\n"),
    Case(b"a\n", b"", b"b\n"),
    Case(b"a\n", b"a\n", b""),
    Case(b"a", b"b", b"c"),
    Case(b"a\n", b"b", b"c\n"),
    Case(b"a\nb", b"a\nc", b"a\nd"),
    Case(b"a\r\nb\r\n", b"a\r\nc\r\n", b"a\r\nd\r\n"),
    Case(b"a\r\nb", b"a\r\nc", b"a\r\nd"),
    Case(b"a\nb\r\n", b"a\r\nc\r\n", b"a\r\nd\n"),
    Case(b"a\rb\rc\n", b"a\rx\rc\n", b"a\ry\rc\n"),
    Case(b"a\r", b"b\r", b"c\r"),
    Case(b"\xff\xfe\n\xe9\n", b"\xff\xfe\n\xe8\n", b"\xff\xfe\n\xea\n"),
    Case(b"\xef\xbb\xbfa\n", b"a\n", b"\xef\xbb\xbfb\n"),
    Case(NUMBERS, NUMBERS.replace(b"3", b"x"), NUMBERS.replace(b"4", b"y")),
    Case(NUMBERS, NUMBERS.replace(b"2\n", b"x\n"), NUMBERS.replace(b"9", b"y")),
    Case(b"", b"a\nb\nc\nd\ne\nf\n", b"a\nx\nc\nd\ne\ny\n"),
    Case(b"", b"a\n{\n}\n\n{\n}\nb\n", b"x\n{\n}\n\n{\n}\ny\n"),  # joined without alphanumerics
    Case(b"1\n2\n", b"1\nsame\n2\nx\n", b"1\nsame\n2\ny\n"),
]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A base of few different lines, and two edits of it; ends of lines of all kinds."""
    line = st.sampled_from([b"", b"a", b"b", b"c", b"{", b"}", b"\r", b"d\re"])
    ends = st.sampled_from(draw(st.sampled_from([[b"\n"], [b"\r\n"], [b"\n", b"\r\n"]])))
    some = st.lists(st.tuples(line, ends).map(b"".join), max_size=4)
    base = draw(st.lists(st.tuples(line, ends).map(b"".join), max_size=14))
    sides = []
    for _ in range(2):
        side = list(base)
        for _ in range(draw(st.integers(0, 3))):
            start = draw(st.integers(0, len(side)))
            side[start : start + draw(st.integers(0, 3))] = draw(some)
        sides.append(side)
    versions = [b"".join(lines) for lines in (base, *sides)]
    return Case(*(v[:-1] if v and draw(st.booleans()) else v for v in versions))


def merge_file(folder: Path, case: Case, *options: str) -> tuple[bytes, int]:
    """What `git merge-file` writes, and how it exits."""
    for name, content in zip(Case._fields, case, strict=True):
        (folder / name).write_bytes(content)
    names = [word for label in (LABELS.ours, LABELS.base, LABELS.theirs) for word in ("-L", label)]
    done = subprocess.run(
        [GIT, "merge-file", "-p", "-q", *names, *options, "ours", "base", "theirs"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.stdout, done.returncode


def expect_merge_file(folder: Path, case: Case, style: str, favor: str | None, size: int) -> None:
    """Our merge is `git merge-file`'s to the byte, and counts the same conflicts."""
    options = [f"--marker-size={size}"]
    options += [f"--{style}"] if style != "merge" else []
    options += [f"--{favor}"] if favor else []
    rendered = render(
        merge_lines(*case, algorithm="myers"),
        style=style,
        level="zealous_alnum",
        labels=LABELS,
        marker_size=size,
        favor=favor,
        algorithm="myers",
    )
    assert (rendered.text, rendered.conflicts) == merge_file(folder, case, *options)


@pytest.mark.parametrize("case", HAND)
def test_hand_cases_are_git_merge_files(tmp_path: Path, case: Case) -> None:
    for style, favor in itertools.product(STYLES, (None, "union")):
        expect_merge_file(tmp_path, case, style, favor, 7)


@settings(max_examples=150, deadline=None)
@given(
    cases(),
    st.sampled_from(STYLES),
    st.sampled_from([None, None, "ours", "theirs", "union"]),
    st.sampled_from([1, 7, 15]),
)
def test_any_case_is_git_merge_files(
    tmp_path_factory: pytest.TempPathFactory, case: Case, style: str, favor: str | None, size: int
) -> None:
    expect_merge_file(tmp_path_factory.getbasetemp(), case, style, favor, size)


def edited(lines: Sequence[bytes], rng: random.Random, edits: int) -> list[bytes]:
    """Lines with some inserted, deleted, replaced, copied and moved."""
    result = list(lines)
    for _ in range(edits):
        start, count = rng.randint(0, len(result)), rng.randint(0, 6)
        other = rng.randint(0, len(lines))
        moved = result[start : start + count] if rng.random() < 0.2 else []
        result[start : start + count] = rng.choice(
            [[], lines[other : other + count], [b"new %d\n" % rng.randint(0, 5)]]
        )
        result[other:other] = moved
    return result


def source_cases(count: int, seed: int) -> list[Case]:
    """Edits of real source files: the standard library's."""
    files = [split_lines(read(module)) for module in (itertools, random, pytest, subprocess)]
    files = [lines for lines in files if lines]
    rng = random.Random(seed)  # noqa: S311  (cases to try, no secrets)
    made = []
    for _ in range(count):
        lines = rng.choice(files)
        start = rng.randint(0, max(0, len(lines) - 200))
        part = lines[start : start + rng.randint(20, 250)]
        edits = rng.choice([2, 5, 20])
        made.append(Case(*(b"".join(edited(part, rng, k)) for k in (0, edits, edits))))
    return made


def read(module: object) -> bytes:
    path = getattr(module, "__file__", None)
    if path is None:
        return b""
    with open(path, "rb") as file:
        return file.read().replace(b"\r\n", b"\n")


def letter_cases(count: int, seed: int) -> list[Case]:
    """Edits of files of very few different lines, where most diffs are possible."""
    rng = random.Random(seed)  # noqa: S311  (cases to try, no secrets)
    made = []
    for _ in range(count):
        letters = [b"%c\n" % c for c in b"abcdefgh"[: rng.randint(2, 8)]] + [b"\n"]
        base = [rng.choice(letters) for _ in range(rng.choice([5, 30, 150]))]
        edits = rng.choice([1, 4, 15])
        made.append(Case(*(b"".join(edited(base, rng, k)) for k in (0, edits, edits))))
    return made


@pytest.mark.parametrize("style", STYLES)
def test_merges_are_orts(repo: Repo, style: str) -> None:
    merged = [*HAND, *source_cases(60, seed=1), *letter_cases(150, seed=2)]
    merged = [c for c in merged if len({c.base, c.ours, c.theirs}) == 3]
    sides = [{f"f{n}": case[i] for n, case in enumerate(merged)} for i in range(3)]
    repo.diverge(*sides)
    done = repo.try_git(
        "-c", f"merge.conflictStyle={style}", "merge-tree", "--write-tree", "main", "other"
    )
    tree = done.stdout.split(b"\n", 1)[0].decode()
    labels = Labels("main", repo.git("rev-parse", "--short", "main~"), "other")
    conflicts = 0
    for number, case in enumerate(merged):
        regions = merge_lines(*case, algorithm=HISTOGRAM)
        ours = render(regions, style=style, labels=labels, algorithm=HISTOGRAM)
        assert ours.text == repo.run(GIT, "cat-file", "blob", f"{tree}:f{number}").stdout, case
        conflicts += ours.conflicts
    assert conflicts > 100


def test_a_resolved_conflict_leaves_the_others_as_git_writes_them() -> None:
    base = b"".join(b"%d\n" % n for n in range(20))
    ours = base.replace(b"\n2\n", b"\nA\n").replace(b"\n7\n", b"\nB\n").replace(b"12", b"C")
    theirs = base.replace(b"\n2\n", b"\nX\n").replace(b"\n7\n", b"\nY\n").replace(b"12", b"Z")
    for style in STYLES:
        regions = merge_lines(base, ours, theirs)
        marked = [n for n, region in enumerate(regions) if region.is_conflict]
        assert len(marked) == 3
        regions[marked[1]] = regions[marked[1]]._replace(result=b"solved\n")
        # What git writes when both sides have the resolution already.
        agreed = [
            side.replace(was, b"solved\n") for side, was in ((ours, b"B\n"), (theirs, b"Y\n"))
        ]
        expected = render(merge_lines(base, *agreed), style=style, labels=LABELS)
        assert render(regions, style=style, labels=LABELS) == expected
        assert expected.conflicts == 2


def test_conflicts_are_not_joined_over_a_resolved_one() -> None:
    regions = merge_lines(b"", b"1\n-\n2\n-\n3\n", b"x\n-\ny\n-\nz\n")
    assert render(regions, labels=LABELS).conflicts == 1
    base, ours, theirs = b"a\n-\nb\n-\nc\n", b"1\n-\n2\n-\n3\n", b"x\n-\ny\n-\nz\n"
    regions = merge_lines(base, ours, theirs)
    assert render(regions, labels=LABELS).conflicts == 1
    middle = [n for n, region in enumerate(regions) if region.is_conflict][1]
    for value in (b"solved\n", b"2\n", b""):
        regions[middle] = regions[middle]._replace(result=value)
        assert render(regions, labels=LABELS).conflicts == 2


@given(cases())
def test_the_sides_of_the_regions_are_the_files(case: Case) -> None:
    regions = merge_lines(*case)
    for name, content in zip(Case._fields, case, strict=True):
        assert b"".join(region.side(name) for region in regions) == content


@given(cases())
def test_swapping_the_sides_swaps_the_regions(case: Case) -> None:
    swapped = merge_lines(case.base, case.theirs, case.ours)
    assert [
        region._replace(ours=region.theirs, theirs=region.ours) for region in swapped
    ] == merge_lines(*case)


@given(*[st.lists(st.integers(0, 4), max_size=20)] * 3)
def test_spans_cover_the_sequences(base: list[int], ours: list[int], theirs: list[int]) -> None:
    spans = merge_sequences(base, ours, theirs)
    position = (0, 0, 0)
    for span in spans:
        assert (span.base_start, span.ours_start, span.theirs_start) == position
        position = (span.base_end, span.ours_end, span.theirs_end)
        mine = ours[span.ours_start : span.ours_end]
        if span.kind == "agreed":
            assert mine == theirs[span.theirs_start : span.theirs_end]
        if span.kind == "theirs":
            assert mine == base[span.base_start : span.base_end]
    assert position == (len(base), len(ours), len(theirs))


@pytest.mark.parametrize("style", STYLES)
def test_reading_markers_gives_what_was_written(style: str) -> None:
    base = b"1\n2\n3\n4\n5\n6\n7\n8\n"
    ours, theirs = base.replace(b"2", b"a").replace(b"8", b"b"), base.replace(b"2", b"x")
    theirs = theirs.replace(b"8", b"y")
    text = render(merge_lines(base, ours, theirs), style=style, labels=LABELS, marker_size=9).text
    assert has_markers(text)
    assert parse_markers(text, 7) == [text]
    first, one, between, two = parse_markers(text, 9)
    assert (first, between) == (b"1\n", b"3\n4\n5\n6\n7\n")
    shown = None if style == "merge" else b"2\n"
    assert isinstance(one, MarkedConflict)
    assert one[:3] == (b"a\n", shown, b"x\n")
    assert one.labels == Labels("our side", "b" if shown else None, "theirs")
    assert isinstance(two, MarkedConflict)
    assert two.text.endswith(b">>>>>>>>> theirs\n")


@given(
    st.lists(
        st.sampled_from([b"<<<<<<< a\n", b"||||||| b\n", b"=======\n", b">>>>>>> c\n", b"x\n"])
    )
)
def test_markers_in_any_order_lose_nothing(lines: list[bytes]) -> None:
    parts = parse_markers(b"".join(lines))
    assert b"".join(p if isinstance(p, bytes) else p.text for p in parts) == b"".join(lines)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"a\n<<<<<<< x\n", True),
        (b">>>>>>>\r\n", True),
        (b"<<<<<<<<<<", True),
        (b"title\n=======\n", False),
        (b" <<<<<<< x\n", False),
        (b"<<<<<<<x\n", False),
        (b"<<<<<< x\n", False),
    ],
)
def test_markers_are_found_at_line_starts(data: bytes, *, found: bool) -> None:
    assert has_markers(data) is found


@given(st.binary())
def test_lines_put_together_are_the_file(data: bytes) -> None:
    lines = split_lines(data)
    assert b"".join(lines) == data
    assert all(line.index(b"\n") == len(line) - 1 for line in lines[:-1])
