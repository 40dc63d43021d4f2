"""Gradient boosting over the same features, candidate by candidate: the cheap learned judge.

Each candidate is a row, right or wrong (LightGBM, Ke et al., NIPS 2017); the scores of a hunk's
candidates are compared afterwards. Out of fold, every hunk has a score from a model that never saw
its repository.
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

TREES: Final = 400
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
    "learning_rate": 0.03,
    "num_leaves": 31,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.2,
    "lambda_l2": 2.0,
}


def table(features: Any) -> Any:
    """The rows of one hunk's candidates (candidates, features); see `Trees.logits`."""
    own = features[:, first_own() :]
    return np.concatenate([features, own - own.max(0), own - own.min(0)], axis=1)


def rows(packed: Packed, *, hide: bool = False) -> Any:
    """One row a candidate, compared within its hunk; with `hide` as if no history were known."""
    firsts = packed.firsts
    features = packed.features.astype(np.float32)
    if hide:
        features[:, past.columns(packed.names)] = past.UNKNOWN
    parts = [table(features[a:b]) for a, b in itertools.pairwise(firsts)]
    return np.concatenate(parts)


def fit(found: Sequence[Any], right: Any, threads: int = 0) -> Any:
    """A LightGBM model of the rows of candidates, in one or more views, and which were right."""
    import lightgbm

    data = lightgbm.Dataset(np.concatenate(found), np.tile(right.astype(np.int8), len(found)))
    return lightgbm.train({**SETTINGS, "num_threads": threads}, data, TREES)


def out_of_fold(packed: Packed, found: Sequence[Any], threads: int = 0) -> Any:
    """Log-odds of every candidate, in the first view, from a model that saw other folds only."""
    logits = np.zeros(len(packed.right))
    for held in folds(packed):
        model = fit([view[~held] for view in found], packed.right[~held], threads)
        logits[held] = model.predict(found[0][held], raw_score=True)
    return logits


def folds(packed: Packed) -> Iterator[Any]:
    """For each fold that has any, which candidates are of its repositories."""
    of_each = np.repeat([fold_of(hunk["repo"]) for hunk in packed.hunks], packed.counts)
    for fold in range(FOLDS):
        held = of_each == fold
        if held.any():
            yield held


def flat(model: Any) -> Any:
    """A model's trees as the nodes of `tiebreak.ranker.trees`."""
    nodes: list[tuple[float, ...]] = []
    for tree in model.dump_model()["tree_info"]:
        _add(nodes, tree["tree_structure"])
    return np.array(nodes, NODE)


def _add(nodes: list[tuple[float, ...]], node: Mapping[str, Any]) -> int:
    """Append a node and what is below it; the node's number."""
    here = len(nodes)
    if "leaf_value" in node:
        nodes.append((0, 0.0, here, here, node["leaf_value"]))
        return here
    nodes.append(())
    # Rounded down, so that a float32 feature falls on the side that it fell on in training.
    least = float(_down(node["threshold"]))
    left, right = (_add(nodes, node[f"{side}_child"]) for side in ("left", "right"))
    nodes[here] = node["split_feature"], least, left, right, 0.0
    return here


def _down(threshold: float) -> Any:
    """The largest float32 that is not above a threshold."""
    near = np.float32(threshold)
    return near if near <= threshold else np.nextafter(near, np.float32(-np.inf))
