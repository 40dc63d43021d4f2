"""The exact three-way rule inside a hunk: identical edits, or a side equal to base.

Git's grouping of touching changes can leave a region whose sides agree; its diff3 style shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.conflict import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.text.document import Hunk


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The value left when the hunk's terms cancel out."""
    left = hunk.merge.resolve_trivial()
    if left.is_resolved:
        yield Candidate(
            left.value, "identical", "both sides agree on these lines", "identical", provable=True
        )
