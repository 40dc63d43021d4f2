"""The light judge: the trees of the shipped model alone, in pure Python.

For the merge driver, where importing numpy and ONNX Runtime costs more than all else, and for an
installation without them. It orders candidates nearly as well, and is less sure of them: its own
calibrations have no bound that would let the default policy write. It doubts no proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.ranker.company import Scored, rows
from tiebreak.ranker.encoding import features_of
from tiebreak.ranker.model import TREES, about_of, kinds_of, tables_of, trees_of
from tiebreak.ranker.odds import chance_of, corrected, log_odds

if TYPE_CHECKING:
    from tiebreak.ranker.company import Beside
    from tiebreak.ranker.encoding import Case

COMPANY: Final = "light.npy"
TABLES: Final = "light"


class Light:
    """See `tiebreak.ranker.model.Model`, whose place it takes."""

    def __init__(self, where: str) -> None:
        """Load the files in the folder `where`; `InputError` when they do not fit this version."""
        about = about_of(where)
        self.calibrations = tables_of(where, about, TABLES)
        self._strata = frozenset[str](about["strata"])
        self._trees, self._company = trees_of(where, TREES, COMPANY)

    def knows(self, stratum: str) -> bool:
        """See `Model.knows`."""
        return stratum in self._strata

    def scores(self, case: Case) -> Scored | None:
        """See `Model.scores`."""
        features = features_of(case)
        if not features:
            return None
        return Scored(
            [chance_of(odds) for odds in self._trees.logits(features)], kinds_of(features)
        )

    def seconded(self, scored: Scored, beside: Beside) -> list[float]:
        """See `Model.seconded`."""
        odds = [log_odds(chance) for chance in scored.chances]
        return corrected(odds, self._company, rows(odds, scored.kinds, beside))
