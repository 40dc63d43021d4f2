"""The second look at a hunk: trees over rivals and what is expected of the merge's other hunks.

Trained on scores that the first look gave out of fold, and added to its log-odds
(`tiebreak.ranker.company`).
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise, starmap
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tiebreak.learn import boosting
from tiebreak.ranker.company import Beside, Company, Scored, kind_of, rows
from tiebreak.ranker.odds import log_odds
from tiebreak.ranker.situation import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tiebreak.learn.packed import Packed

TREES: Final = 120
SETTINGS: Final = {
    **boosting.ALWAYS,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.7,
    "lambda_l2": 5.0,
}


def table(packed: Packed, scores: Any, *, whole_merge: bool = True) -> Any:
    """The rows of all candidates; else of `whole_merge` as if its one file were all of it."""
    found, every = [], list(_scored(packed, scores))
    merges: dict[int, Company] = defaultdict(Company)
    for index, (hunk, scored) in enumerate(zip(packed.hunks, every, strict=True)):
        merges[hunk["merge"]].add(str(hunk["file"]), index, scored)
    for index, (hunk, scored) in enumerate(zip(packed.hunks, every, strict=True)):
        beside = merges[hunk["merge"]].beside(str(hunk["file"]), index)
        if not whole_merge:
            beside = Beside(beside.file, beside.file)
        found += rows([log_odds(chance) for chance in scored.chances], scored.kinds, beside)
    return np.array(found, np.float32)


def _scored(packed: Packed, scores: Any) -> Iterator[Scored]:
    same = [packed.names.index(f"same/{side}") for side in ("ours", "theirs")]
    kinds = list(starmap(kind_of, (packed.features[:, same] > 0).tolist()))
    for first, last in pairwise(packed.firsts):
        yield Scored(scores[first:last].tolist(), kinds[first:last])


def fit(found: Any, right: Any, scores: Any, threads: int = 0) -> Any:
    """A LightGBM model that corrects the log-odds of `scores`."""
    import lightgbm

    data = lightgbm.Dataset(found, right.astype(np.int8), init_score=_odds(scores))
    return lightgbm.train({**SETTINGS, "num_threads": threads}, data, TREES)


def build(packed: Packed, first: Any, path: Path, threads: int) -> dict[str, Any]:
    """Write the trees of a second look at the scores `first`; scores out of fold, by scope."""
    views = table(packed, first), table(packed, first, whole_merge=False)
    np.save(path, boosting.flat([fit(views[0], packed.right, first, threads)]))
    return dict(zip(SCOPES, out_of_fold(packed, views[0], first, views[1], threads), strict=True))


def out_of_fold(packed: Packed, found: Any, scores: Any, others: Any, threads: int = 0) -> Any:
    """Chances of every candidate from a model that saw other folds only.

    `others` are other rows of the same candidates, of which the chances are wanted too.
    """
    logits = np.stack([_odds(scores)] * 2)
    for held in map(packed.rows_of, boosting.folds(packed)):
        model = fit(found[~held], packed.right[~held], scores[~held], threads)
        for view, of_view in zip(logits, (found, others), strict=True):
            view[held] += model.predict(of_view[held], raw_score=True)
    return 1 / (1 + np.exp(-logits))


def _odds(scores: Any) -> Any:
    return np.array([log_odds(score) for score in scores.tolist()])
