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
from tiebreak.ranker.situation import MERGE, SCOPES, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tiebreak.learn.packed import Packed

    Scores = dict[View, Any]  # chances of all candidates

TREES: Final = 120
SETTINGS: Final = {
    **boosting.ALWAYS,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.7,
    "lambda_l2": 5.0,
}


def table(packed: Packed, scores: Any, view: View) -> Any:
    """The rows of all candidates, of what the second look sees in that view.

    Where it sees one file of the merge only, that is as if it were all of it.
    """
    found, every = [], list(_scored(packed, scores))
    merges: dict[int, Company] = defaultdict(Company)
    for index, (hunk, scored) in enumerate(zip(packed.hunks, every, strict=True)):
        merges[hunk["merge"]].add(str(hunk["file"]), index, scored)
    for index, (hunk, scored) in enumerate(zip(packed.hunks, every, strict=True)):
        beside = merges[hunk["merge"]].beside(str(hunk["file"]), index)
        if view.scope != MERGE:
            beside = Beside(beside.file, beside.file)
        found += rows([log_odds(chance) for chance in scored.chances], scored.kinds, beside)
    own = np.array(found, np.float32)
    return np.hstack([own, packed.precedents.astype(np.float32)]) if view.precedents else own


def _scored(packed: Packed, scores: Any) -> Iterator[Scored]:
    same = [packed.names.index(f"same/{side}") for side in ("ours", "theirs")]
    kinds = list(starmap(kind_of, (packed.features[:, same] > 0).tolist()))
    for first, last in pairwise(packed.firsts):
        yield Scored(scores[first:last].tolist(), kinds[first:last], [])


def fit(found: Any, right: Any, scores: Any, threads: int = 0) -> Any:
    """A LightGBM model that corrects the log-odds of `scores`."""
    import lightgbm

    data = lightgbm.Dataset(found, right.astype(np.int8), init_score=_odds(scores))
    return lightgbm.train({**SETTINGS, "num_threads": threads}, data, TREES)


def build(packed: Packed, first: Any, folder: Path, names: Sequence[str], threads: int) -> Scores:
    """Write the trees of second looks at the scores `first`, without and with precedents.

    What they say out of fold, by view.
    """
    scores: Scores = {}
    for name, known in zip(names, (False, True), strict=True):
        views = [View(scope, known) for scope in SCOPES]
        found = [table(packed, first, view) for view in views]
        trees = fit(found[0], packed.right, first, threads)
        np.save(folder / name, boosting.flat([trees]))
        seen = out_of_fold(packed, (found[0], found[1]), first, threads)
        scores |= zip(views, seen, strict=True)
    return scores


def out_of_fold(packed: Packed, views: tuple[Any, Any], scores: Any, threads: int = 0) -> Any:
    """Chances of every candidate from a model that saw the first view of other folds only.

    `views` are two tables of the same candidates; the chances are wanted of both.
    """
    found, others = views
    logits = np.stack([_odds(scores)] * 2)
    for held in map(packed.rows_of, boosting.folds(packed)):
        model = fit(found[~held], packed.right[~held], scores[~held], threads)
        for view, of_view in zip(logits, (found, others), strict=True):
            view[held] += model.predict(of_view[held], raw_score=True)
    return 1 / (1 + np.exp(-logits))


def _odds(scores: Any) -> Any:
    return np.array([log_odds(score) for score in scores.tolist()])
