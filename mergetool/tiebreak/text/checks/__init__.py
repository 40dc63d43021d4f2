"""Checks veto candidates. One module each: ``check(hunk, candidate)`` gives a reason or None."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.text.checks import edits, markers

if TYPE_CHECKING:
    from tiebreak.conflict import Check
    from tiebreak.text.document import Hunk

CHECKS: Final = (("edits", edits.check), ("markers", markers.check))
LATE_CHECKS: Final[tuple[tuple[str, Check[Hunk, bytes]], ...]] = ()
