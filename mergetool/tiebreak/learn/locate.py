"""`tiebreak.text.located`, comparing lines in C: files are long, and merges many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pygit2 import Patch
from pygit2.enums import DiffOption

from tiebreak.learn.equality import normalised
from tiebreak.text import located
from tiebreak.text.diff import Change
from tiebreak.text.located import CONTEXT, Located

__all__ = ["CONTEXT", "Located", "locate", "normalised"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.text.document import Region


def locate(regions: Sequence[Region], committed: bytes) -> list[Located]:
    """The resolution of each conflict of `regions` in the `committed` file, in order."""
    return located.locate(regions, committed, _align)


def _align(old: Sequence[bytes], new: Sequence[bytes]) -> list[Change]:
    """libgit2's diff (xdiff) over the lines."""
    patch = Patch.create_from(
        b"".join(line + b"\n" for line in old),
        b"".join(line + b"\n" for line in new),
        flag=DiffOption.FORCE_TEXT,
        context_lines=0,
        interhunk_lines=0,
    )
    return [
        _change(hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines)
        for hunk in patch.hunks
    ]


def _change(old: int, old_lines: int, new: int, new_lines: int) -> Change:
    """A unified diff names the line *before* an empty side, counting from 1."""
    old_first = old if old_lines == 0 else old - 1
    new_first = new if new_lines == 0 else new - 1
    return Change(old_first, old_first + old_lines, new_first, new_first + new_lines)
