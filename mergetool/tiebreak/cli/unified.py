"""Two texts side by side in the unified format, as `git diff` shows them. Bytes in, bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.text.diff import diff
from tiebreak.text.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.diff import Change

CONTEXT: Final = 3
_NO_NEWLINE: Final = b"\n\\ No newline at end of file\n"


def unified(before: bytes, after: bytes, names: tuple[str, str]) -> list[bytes]:
    """The lines of the difference; none when there is no difference."""
    a, b = split_lines(before), split_lines(after)
    changes = diff(a, b, indent_heuristic=True)
    if not changes:
        return []
    lines = [f"--- {names[0]}\n".encode(), f"+++ {names[1]}\n".encode()]
    for group in _groups(changes):
        lines.extend(_hunk(a, b, group))
    return lines


def _groups(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Changes whose contexts touch are shown together."""
    group: list[Change] = []
    for change in changes:
        if group and change.a_start - group[-1].a_end > 2 * CONTEXT:
            yield group
            group = []
        group.append(change)
    yield group


def _hunk(a: Sequence[bytes], b: Sequence[bytes], group: Sequence[Change]) -> Iterator[bytes]:
    first, last = group[0], group[-1]
    lead = min(CONTEXT, first.a_start)
    trail = min(CONTEXT, len(a) - last.a_end)
    start, end = first.a_start - lead, last.a_end + trail
    old, new = _range(start, end), _range(first.b_start - lead, last.b_end + trail)
    yield f"@@ -{old} +{new} @@\n".encode()
    for change in group:
        yield from _marked(b" ", a[start : change.a_start])
        yield from _marked(b"-", a[change.a_start : change.a_end])
        yield from _marked(b"+", b[change.b_start : change.b_end])
        start = change.a_end
    yield from _marked(b" ", a[start:end])


def _range(start: int, end: int) -> str:
    """``first,count``; an empty range is named by the line before it."""
    count = end - start
    return f"{start + (count > 0)}" + ("" if count == 1 else f",{count}")


def _marked(sign: bytes, lines: Sequence[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield sign + (line if line.endswith(b"\n") else line + _NO_NEWLINE)
