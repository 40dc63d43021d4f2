"""Merge one text file: line merge, then the pipeline for every hunk, then the text to write.

`merge_text` is the one door: the driver, `solve`, `merge-file` and the replay benchmark all come
through it. Bytes in, bytes out; no files, no git, no configuration here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tiebreak.policy import APPLY, COMMIT, SUGGEST, Policy
from tiebreak.resolve import resolve
from tiebreak.text.document import Document
from tiebreak.text.language import language_for
from tiebreak.text.markers import Labels, has_markers, render
from tiebreak.text.merge3 import merge_lines
from tiebreak.text.toolbox import TOOLBOX, whole_file_veto

if TYPE_CHECKING:
    from tiebreak.conflict import Resolution
    from tiebreak.text.document import Region

BINARY_PROBE = 8000  # bytes git looks at for a NUL (xdiff-interface.c, buffer_is_binary)


class Settings(NamedTuple):
    """How to merge and to write what stays in conflict. The defaults are git's (`ort`)."""

    policy: Policy = Policy()
    style: str = "merge"  # merge, diff3 or zdiff3 (merge.conflictStyle)
    marker_size: int = 7
    labels: Labels = Labels("ours", "base", "theirs")
    algorithm: str = "histogram"
    level: str = "zealous"
    favor: str | None = None  # ours, theirs or union: git's -X / --union, for what stays in conflict


class TextMerge(NamedTuple):
    """The outcome for one file.

    `text` is what to write, `floor` what git alone would have written. `unmerged` says that the file
    must stay unmerged in the index: `conflicts` are left in `text`, or a resolution was only applied.
    """

    text: bytes
    floor: bytes
    conflicts: int
    unmerged: bool
    resolutions: tuple[Resolution[bytes], ...]
    document: Document | None  # None for a binary file


def is_binary(data: bytes) -> bool:
    """Whether git takes these bytes for binary: a NUL among the first 8000."""
    return b"\0" in data[:BINARY_PROBE]


def merge_text(
    path: str, base: bytes, ours: bytes, theirs: bytes, settings: Settings = Settings()
) -> TextMerge:
    """Merge three versions of the file at `path`.

    A binary file is left as ours, unmerged, as git's built-in driver does. Inputs that hold conflict
    markers (a virtual merge base, rerere's images) get git's text merge and nothing more.
    """
    if any(is_binary(side) for side in (base, ours, theirs)):
        return TextMerge(ours, ours, 0, unmerged=True, resolutions=(), document=None)
    regions = merge_lines(base, ours, theirs, algorithm=settings.algorithm)
    document = Document(path, regions, language_for(path))
    floor = _write(regions, settings)
    if not document.hunks or any(has_markers(side) for side in (base, ours, theirs)):
        return TextMerge(floor.text, floor.text, floor.conflicts, floor.conflicts > 0, (), document)
    resolutions = [resolve(hunk, TOOLBOX, settings.policy) for hunk in document.hunks]
    resolutions = _whole(document, resolutions)
    settled = _settle(regions, document, resolutions)
    written = _write(settled, settings)
    unmerged = written.conflicts > 0 or any(r.action == APPLY for r in resolutions)
    return TextMerge(
        written.text, floor.text, written.conflicts, unmerged, tuple(resolutions), document
    )
