"""Two-way comparison of any two sequences of hashable elements, with git's results.

`diff` is the door to the algorithms in `tiebreak.text.diffing`: elements are numbered, an algorithm
flags what changed, the changes are slid to where git would put them, and come out as index ranges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.text.diffing import histogram, myers, patience
from tiebreak.text.diffing.compaction import compact

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    Flags = tuple[bytearray, bytearray]


class Change(NamedTuple):
    """Elements ``a[a_start:a_end]`` became ``b[b_start:b_end]``; one of the two may be empty."""

    a_start: int
    a_end: int
    b_start: int
    b_end: int


class Algorithm(NamedTuple):
    """How to find changes: the marking function, and whether slid groups are compared again."""

    mark: Callable[[list[int], list[int]], Flags]
    rediff: bool = False


def _minimal(a: list[int], b: list[int]) -> Flags:
    return myers.mark(a, b, minimal=True)


def _minimal_2_50(a: list[int], b: list[int]) -> Flags:
    return myers.mark(a, b, minimal=True, keep_repeats=True)


ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    "myers": Algorithm(myers.mark),
    "minimal": Algorithm(_minimal),
    "minimal-2.50": Algorithm(_minimal_2_50),
    "patience": Algorithm(patience.mark),
    "histogram": Algorithm(histogram.mark),
    "histogram-2.54": Algorithm(histogram.mark, rediff=True),
}
CHANGED_IN: Final = {"minimal": (2, 50), "histogram": (2, 54)}


def algorithm_of(name: str, git_version: tuple[int, int]) -> str:
    """The entry of `ALGORITHMS` that gives the results of `name` in that version of git."""
    since = CHANGED_IN.get(name)
    if since is None or git_version < since:
        return name
    return f"{name}-{since[0]}.{since[1]}"


def diff(
    a: Sequence[Hashable],
    b: Sequence[Hashable],
    algorithm: str = "histogram",
    *,
    indent_heuristic: bool = False,
) -> list[Change]:
    """The changes that turn `a` into `b`, in order, as ``git diff --diff-algorithm`` finds them.

    `algorithm` is a key of `ALGORITHMS`. `indent_heuristic` is what ``git diff`` does for people and
    no merge does; it needs elements that are lines.
    """
    numbers: dict[Hashable, int] = {}
    return diff_numbers(number(a, numbers), number(b, numbers), algorithm)


def number(elements: Sequence[Hashable], numbers: dict[Hashable, int]) -> list[int]:
    """Each element as the number it has in `numbers`, which grows by those not seen before."""
    for element in elements:
        numbers.setdefault(element, len(numbers))
    return [numbers[element] for element in elements]


def diff_numbers(a: list[int], b: list[int], algorithm: str) -> list[Change]:
    """`diff` for elements that are numbers already."""
    if a == b:
        return []
    mark, rediff = ALGORITHMS[algorithm]
    changed_a, changed_b = mark(a, b)
    compact(a, changed_a, b, changed_b, rediff=rediff)
    compact(b, changed_b, a, changed_a, rediff=rediff)
    return _changes(changed_a, changed_b)


def _changes(changed_a: bytearray, changed_b: bytearray) -> list[Change]:
    """The groups of flags, paired. Both sides have the same number of unchanged elements."""
    changes: list[Change] = []
    i = j = 0
    while True:
        next_i, next_j = changed_a.find(1, i), changed_b.find(1, j)
        if next_i < 0 and next_j < 0:
            return changes
        skip = min(n - at for n, at in ((next_i, i), (next_j, j)) if n >= 0)
        i, j = i + skip, j + skip
        end_i, end_j = changed_a.find(0, i), changed_b.find(0, j)
        changes.append(Change(i, end_i, j, end_j))
        i, j = end_i, end_j
