"""Gradient boosting over the same features, candidate by candidate: the cheap learned judge.

What the transformer must beat. Each candidate is a row, right or wrong; the scores of a hunk's
candidates are compared afterwards. Trained on all folds but one, in turn, so that every hunk has a
score from a model that never saw its repository.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tiebreak.learn.split import FOLDS, fold_of

if TYPE_CHECKING:
    from tiebreak.learn.packed import Packed

TREES: Final = 300
LEAVES: Final = 31
RATE: Final = 0.06


def scores(train: Packed, test: Packed | None = None) -> Any:
    """Probabilities of each candidate: of `test`'s, or out of fold for `train`'s own."""
    if test is not None:
        return _fit(_table(train), train.right).predict_proba(_table(test))[:, 1]
    folds = np.repeat([fold_of(hunk["repo"]) for hunk in train.hunks], train.counts)
    table = _table(train)
    found = np.zeros(len(table))
    for fold in range(FOLDS):
        held = folds == fold
        if held.any():
            model = _fit(table[~held], train.right[~held])
            found[held] = model.predict_proba(table[held])[:, 1]
    return found


def _table(packed: Packed) -> Any:
    return packed.features.astype(np.float32)


def _fit(table: Any, right: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=TREES,
        max_leaf_nodes=LEAVES,
        learning_rate=RATE,
        l2_regularization=1.0,
        random_state=0,
    )
    return model.fit(table, right)
