"""Gradient boosting over the same features, candidate by candidate: the cheap learned judge.

Each candidate is a row, right or wrong (LightGBM, Ke et al., NIPS 2017); the scores of a hunk's
candidates are compared afterwards. Several forests that differ in their seeds alone are taken
together: each sees other rows and features and is denied the history of other hunks, and their mean
errs less than any (bagging, Breiman, Machine Learning 24, 1996). Out of fold, every hunk has a
score from models that never saw its repository.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tiebreak.learn.split import FOLDS, fold_of
from tiebreak.ranker import past
from tiebreak.ranker.trees import NODE, first_own

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tiebreak.learn.packed import Packed

FORESTS: Final = 4
TREES: Final = 120  # of a forest
BLIND: Final = 0.15  # share of hunks whose history is hidden from a forest
ALWAYS: Final = {  # of all our trees: seeded, and as the judge walks them
    "objective": "binary",
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
    "use_missing": False,
    "verbose": -1,
}
SETTINGS: Final = {
    **ALWAYS,
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.2,
    "lambda_l2": 2.0,
}


def table(features: Any) -> Any:
    """The rows of one hunk's candidates (candidates, features); see `Trees.logits`."""
    own = features[:, first_own() :]
    return np.concatenate([features, own - own.max(0), own - own.min(0)], axis=1)


def rows(packed: Packed, blind: Any = None) -> Any:
    """One row a candidate, compared within its hunk; of `blind` hunks no history is known."""
    features = packed.features.astype(np.float32)
    if blind is not None:
        hidden = np.ix_(packed.rows_of(blind), past.columns(packed.names))
        features[hidden] = past.UNKNOWN
    parts = [table(features[a:b]) for a, b in itertools.pairwise(packed.firsts)]
    return np.concatenate(parts)


def fit(packed: Packed, threads: int = 0) -> list[Any]:
    """LightGBM models, one a forest; from each the history of a different `BLIND` is hidden."""
    return [_forest(packed, seed, threads) for seed in range(FORESTS)]


def _forest(packed: Packed, seed: int, threads: int) -> Any:
    import lightgbm

    blind = np.random.default_rng(seed).random(len(packed.counts)) < BLIND
    data = lightgbm.Dataset(rows(packed, blind), packed.right.astype(np.int8))
    return lightgbm.train({**SETTINGS, "num_threads": threads, "seed": seed}, data, TREES)


def logits(models: Sequence[Any], found: Any) -> Any:
    """The log-odds of each row: the mean of what the models say."""
    return np.mean([model.predict(found, raw_score=True) for model in models], axis=0)


def out_of_fold(packed: Packed, threads: int = 0) -> Any:
    """Log-odds of every candidate from models that saw other folds only."""
    every = np.zeros(len(packed.right))
    for held in folds(packed):
        models = fit(packed.where(~held), threads)
        every[packed.rows_of(held)] = logits(models, rows(packed.where(held)))
    return every


def folds(packed: Packed) -> Iterator[Any]:
    """For each fold that has any, which hunks are of its repositories."""
    of_each = np.array([fold_of(hunk["repo"]) for hunk in packed.hunks])
    for fold in range(FOLDS):
        held = of_each == fold
        if held.any():
            yield held


def flat(models: Sequence[Any]) -> Any:
    """The trees of models as the nodes of `tiebreak.ranker.trees`; their sum is the mean."""
    nodes: list[tuple[float, ...]] = []
    for model in models:
        for tree in model.dump_model()["tree_info"]:
            _add(nodes, tree["tree_structure"], 1 / len(models))
    return np.array(nodes, NODE)


def _add(nodes: list[tuple[float, ...]], node: Mapping[str, Any], weight: float) -> int:
    """Append a node and what is below it, leaves times `weight`; the node's number."""
    here = len(nodes)
    if "leaf_value" in node:
        nodes.append((0, 0.0, here, here, weight * node["leaf_value"]))
        return here
    nodes.append(())
    # Rounded down, so that a float32 feature falls on the side that it fell on in training.
    least = float(_down(node["threshold"]))
    left, right = (_add(nodes, node[f"{side}_child"], weight) for side in ("left", "right"))
    nodes[here] = node["split_feature"], least, left, right, 0.0
    return here


def _down(threshold: float) -> Any:
    """The largest float32 that is not above a threshold."""
    near = np.float32(threshold)
    return near if near <= threshold else np.nextafter(near, np.float32(-np.inf))
