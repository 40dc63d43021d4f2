"""Two-way comparison of any two sequences of hashable elements, with git's results.

`diff` is the door to the algorithms in `tiebreak.text.diffing`: elements are numbered, an algorithm
flags what changed, the changes are slid to where git would put them, and come out as index ranges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.diffing import histogram, myers, patience
from tiebreak.text.diffing.compaction import compact

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from tiebreak.text.diffing.compaction import Choose

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

    `algorithm` is a key of `ALGORITHMS`. `indent_heuristic` slides changes to where people like to
    read them, as ``git diff`` does and no merge; the elements must then be lines, as bytes.
    """
    numbers: dict[Hashable, int] = {}
    a_numbers, b_numbers = number(a, numbers), number(b, numbers)
    if not indent_heuristic:
        return diff_numbers(a_numbers, b_numbers, algorithm)
    choosers = [_chooser([line for line in side if isinstance(line, bytes)]) for side in (a, b)]
    return diff_numbers(a_numbers, b_numbers, algorithm, choosers)


def _chooser(lines: list[bytes]) -> Choose:
    """How compaction asks the indent heuristic about a side."""
    from tiebreak.text.diffing.indent import best_end  # only for what people read

    return lambda start, end, highest: best_end(lines, start, end, highest)


def number(elements: Sequence[Hashable], numbers: dict[Hashable, int]) -> list[int]:
    """Each element as the number it has in `numbers`, which grows by those not seen before."""
    for element in elements:
        numbers.setdefault(element, len(numbers))
    return [numbers[element] for element in elements]


def diff_numbers(
    a: list[int],
    b: list[int],
    algorithm: str,
    choosers: Sequence[Choose | None] = (None, None),
) -> list[Change]:
    """`diff` for elements that are numbers; `choosers` place the sliding changes of each side."""
    if a == b:
        return []
    mark, rediff = ALGORITHMS[algorithm]
    changed_a, changed_b = mark(a, b)
    side_a, side_b = (a, changed_a), (b, changed_b)
    compact(side_a, side_b, rediff=rediff, choose=choosers[0])
    compact(side_b, side_a, rediff=rediff, choose=choosers[1])
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
