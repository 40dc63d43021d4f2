"""The light judge: the trees of the shipped model alone, in pure Python.

For the merge driver, where importing numpy and ONNX Runtime costs more than all else, and for an
installation without them. Its second look and its calibrations are its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.ranker.company import Scored
from tiebreak.ranker.encoding import features_of
from tiebreak.ranker.model import LIGHT, Judging, about_of, kinds_of
from tiebreak.ranker.odds import chance_of

if TYPE_CHECKING:
    from tiebreak.ranker.encoding import Case

TABLES: Final = "light"


class Light(Judging):
    """See `tiebreak.ranker.model.Model`, whose place it takes."""

    def __init__(self, where: str) -> None:
        """Load the files in the folder `where`; `InputError` when they do not fit this version."""
        super().__init__(where, about_of(where), TABLES, LIGHT)

    def scores(self, case: Case) -> Scored | None:
        """See `Judging.scores`."""
        features = features_of(case)
        if not features:
            return None
        return Scored(
            [chance_of(odds) for odds in self._trees.logits(features)], kinds_of(features)
        )
