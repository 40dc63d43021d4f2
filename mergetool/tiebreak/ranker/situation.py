"""In what situation a hunk is judged: each has calibrations of its own.

How much is known of the merge moves the scores. And what is sure in source code is right about as
often in every repository, in configuration and documents it is not: bounds for both together would
be too low for the one and too high for the other.
"""

from __future__ import annotations

from typing import Final

MERGE: Final = "merge"  # all conflicts of the merge are known
FILE: Final = "file"  # those of one file are
SCOPES: Final = (MERGE, FILE)


def situation(scope: str, *, source: bool) -> str:
    """The name of the calibrations for hunks of source code, or of other files."""
    return f"{scope}/{'source' if source else 'other'}"


SITUATIONS: Final = {
    situation(scope, source=source): (scope, source) for scope in SCOPES for source in (True, False)
}
