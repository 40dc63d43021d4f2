"""Checks veto candidates. One module each: ``check(hunk, candidate)`` gives a reason or None."""

from __future__ import annotations

from typing import Final

from tiebreak.text.checks import duplicates, edits, markers, model_files, parses

CHECKS: Final = (("edits", edits.check), ("markers", markers.check))
LATE_CHECKS: Final = (("parses", parses.check), ("duplicates", duplicates.check))
# What is right alone may be wrong together: two hunks that each add the same key.
WHOLE_FILE_CHECKS: Final = (
    ("parses", parses.whole),
    ("duplicates", duplicates.whole),
    ("model files", model_files.whole),
)
