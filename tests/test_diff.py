"""Two-way comparison against `git diff`, and the algorithms' promises on any sequence."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import GIT, git_version
from test_line_merge import Case, letter_cases, source_cases
from tiebreak.text.diff import ALGORITHMS, Change, algorithm_of, diff
from tiebreak.text.diffing import histogram
from tiebreak.text.lines import split_lines

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("myers", "minimal", "patience", "histogram")


def git_changes(folder: Path, case: Case, *options: str) -> list[Change]:
    """The changes that `git diff` shows, with all of the file around them."""
    (folder / "a").write_bytes(case.ours)
    (folder / "b").write_bytes(case.theirs)
    command = [GIT, "diff", "--no-index", "-U1000000", *options, "a", "b"]
    out = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout
    body = out.partition(b"\n@@")[2].split(b"\n")[1:-1]
    kinds = "".join(chr(line[0]) for line in body if not line.startswith(b"\\"))
    changes: list[Change] = []
    i = j = 0
    for index, kind in enumerate(kinds):
        if kind != " ":
            last = changes[-1] if index and kinds[index - 1] != " " else Change(i, i, j, j)
            changes[len(changes) - (index > 0 and kinds[index - 1] != " ") :] = [
                last._replace(a_end=i + (kind == "-"), b_end=j + (kind == "+"))
            ]
        i += kind != "+"
        j += kind != "-"
    return changes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("indent", [False, True])
def test_changes_are_git_diffs(tmp_path: Path, name: str, *, indent: bool) -> None:
    algorithm = algorithm_of(name, git_version())
    heuristic = "--indent-heuristic" if indent else "--no-indent-heuristic"
    for case in [*source_cases(12, seed=3), *letter_cases(12, seed=4)]:
        a, b = split_lines(case.ours), split_lines(case.theirs)
        expected = git_changes(tmp_path, case, f"--diff-algorithm={name}", heuristic)
        assert diff(a, b, algorithm, indent_heuristic=indent) == expected


@pytest.mark.parametrize("name", NAMES)
def test_long_searches_are_cut_short_as_in_git(tmp_path: Path, name: str) -> None:
    rng = random.Random(5)  # noqa: S311  (cases to try, no secrets)
    a, b = ([b"%d\n" % rng.randrange(90) for _ in range(1500)] for _ in range(2))
    case = Case(b"", b"".join(a), b"".join(b))
    expected = git_changes(tmp_path, case, f"--diff-algorithm={name}", "--no-indent-heuristic")
    assert diff(a, b, algorithm_of(name, git_version())) == expected


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(*[st.lists(st.sampled_from("abcd"), max_size=25)] * 2)
def test_the_changes_turn_one_into_the_other(algorithm: str, a: list[str], b: list[str]) -> None:
    rebuilt: list[str] = []
    position = 0
    for change in diff(a, b, algorithm):
        rebuilt += a[position : change.a_start]
        assert len(rebuilt) == change.b_start
        rebuilt += b[change.b_start : change.b_end]
        position = change.a_end
    assert rebuilt + a[position:] == b


@given(*[st.lists(st.integers(0, 12), max_size=60)] * 2)
def test_the_heap_changes_no_result(a: list[int], b: list[int]) -> None:
    expected = histogram.mark(a, b)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histogram, "WORTH_A_HEAP", 0)
        patch.setattr(histogram, "LOPSIDED", 0)
        assert histogram.mark(a, b) == expected


def test_every_second_line_changed_is_not_quadratic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in looks through a box, for no clock decides a test."""
    looked = 0
    scan = histogram._Region._scan

    class Counting(list[int]):
        def __getitem__(self, index: object) -> int:  # type: ignore[override]
            nonlocal looked
            looked += isinstance(index, int)
            return super().__getitem__(index)  # type: ignore[index, return-value]

    def counted(region: histogram._Region) -> object:
        region.b = Counting(region.b) if not isinstance(region.b, Counting) else region.b
        return scan(region)

    monkeypatch.setattr(histogram._Region, "_scan", counted)
    size = 1000
    a, b = ([n if n % 2 else n + size * k for n in range(size)] for k in (1, 2))
    histogram.mark(a, b)
    assert size < looked < 40 * size
