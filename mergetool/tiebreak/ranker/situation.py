"""In what situation a hunk is judged: each has calibrations of its own.

How much is known of the merge, and whether earlier conflicts of the repository are, moves the
scores. And what is sure in source code is right about as often in every repository, in
configuration and documents it is not: bounds for both together would be too low for the one and too
high for the other.
"""

from __future__ import annotations

from itertools import product
from typing import Final

from tiebreak.record import NamedTuple

MERGE: Final = "merge"  # all conflicts of the merge are known
FILE: Final = "file"  # those of one file are
SCOPES: Final = (MERGE, FILE)


class View(NamedTuple):
    """What the second look sees: how much of the merge, and whether there are precedents."""

    scope: str
    precedents: bool


VIEWS: Final = tuple(View(scope, known) for known, scope in product((False, True), SCOPES))


def situation(view: View, *, source: bool) -> str:
    """The name of the calibrations for hunks of source code, or of other files."""
    name = f"{view.scope}/{'source' if source else 'other'}"
    return f"{name}/precedents" if view.precedents else name


SITUATIONS: Final = {
    situation(view, source=source): (view, source) for view in VIEWS for source in (True, False)
}

WITHOUT: Final = tuple(name for name, (view, _) in SITUATIONS.items() if not view.precedents)
