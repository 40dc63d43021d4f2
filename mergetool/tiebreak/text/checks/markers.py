"""Veto a candidate that holds conflict markers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.text.markers import has_markers

if TYPE_CHECKING:
    from tiebreak.conflict import Candidate
    from tiebreak.text.document import Hunk


def check(hunk: Hunk, candidate: Candidate[bytes]) -> str | None:
    """Whether a line of the candidate starts a conflict."""
    return "holds conflict markers" if has_markers(candidate.value) else None
