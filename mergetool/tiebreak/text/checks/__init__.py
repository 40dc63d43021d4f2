"""Checks veto candidates. One module each: ``check(hunk, candidate)`` gives a reason or None."""

from __future__ import annotations

from typing import Final

from tiebreak.text.checks import duplicates, edits, markers, parses

CHECKS: Final = (("edits", edits.check), ("markers", markers.check))
LATE_CHECKS: Final = (("parses", parses.check), ("duplicates", duplicates.check))
