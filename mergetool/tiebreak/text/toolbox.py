"""The tables of the text domain: which generators propose, which checks veto, who judges.

Adding one is a file in `generators/` or `checks/` and a row here or in that package's table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate, Toolbox
from tiebreak.text.checks import CHECKS, LATE_CHECKS
from tiebreak.text.document import Document, Hunk
from tiebreak.text.generators import GENERATORS
from tiebreak.text.judge import judge

if TYPE_CHECKING:
    from tiebreak.conflict import Veto

TOOLBOX: Final[Toolbox[Hunk, bytes]] = Toolbox(GENERATORS, CHECKS, LATE_CHECKS, judge)


def whole_file_veto(document: Document) -> Veto | None:
    """Why all chosen resolutions of a document must not stand together, or None."""
    from tiebreak.conflict import Veto

    for index, value in document.chosen.items():
        candidate = Candidate(value, "whole-file", "all resolutions together", "whole-file")
        for name, check in LATE_CHECKS:
            reason = check(Hunk(document, index), candidate)
            if reason is not None:
                return Veto(name, reason)
    return None
