"""The tables of the text domain: which generators propose, which checks veto, who judges.

Adding one is a file in `generators/` or `checks/` and a row here or in that package's table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Toolbox, Veto
from tiebreak.text.checks import CHECKS, LATE_CHECKS, WHOLE_FILE_CHECKS
from tiebreak.text.generators import GENERATORS
from tiebreak.text.judge import judge, may_use

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.conflict import Generator
    from tiebreak.policy import Policy
    from tiebreak.text.document import Document, Hunk

TOOLBOX: Final[Toolbox[Hunk, bytes]] = Toolbox(GENERATORS, CHECKS, LATE_CHECKS, judge)


COSTLY: Final = frozenset({"structure"})  # generators that take longer than all others together


def usable(
    generators: Sequence[tuple[str, Generator[Hunk, bytes]]], policy: Policy
) -> list[tuple[str, Generator[Hunk, bytes]]]:
    """The generators without costly ones whose proposals a policy could only suggest."""
    return [
        (name, generate)
        for name, generate in generators
        if name not in COSTLY or may_use(name, policy)
    ]


def whole_file_veto(document: Document) -> Veto | None:
    """Why all chosen resolutions of a document must not stand together, or None."""
    for name, check in WHOLE_FILE_CHECKS:
        reason = check(document)
        if reason is not None:
            return Veto(name, reason)
    return None
