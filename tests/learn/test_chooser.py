"""The chooser: it learns to choose among candidates, and its graph says the same in the judge."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest

from tiebreak.learn import chooser, export
from tiebreak.learn.packed import Packed
from tiebreak.ranker import past
from tiebreak.ranker.features import names

if TYPE_CHECKING:
    from pathlib import Path

NAMES = names()


OWN = NAMES.index("code/1")  # features before are the same for all of a hunk


def packed(hunks: int, seed: int = 0, *, repositories: bool = False) -> Packed:
    """The candidate with the most of a feature is right; how much that is differs by hunk.

    Of `repositories` each has a feature of its own that tells.
    """
    random = np.random.default_rng(seed)
    counts = random.integers(2, 6, hunks)
    rows, hunk = np.arange(counts.sum()), np.arange(hunks).repeat(counts)
    features = np.zeros((len(rows), len(NAMES)), np.float16)
    column = OWN + (hunk % 10) * repositories
    features[rows, column] = random.normal(size=len(rows)) + 3 * random.normal(size=hunks)[hunk]
    right = np.zeros(len(rows), bool)
    for number in range(hunks):
        own = rows[hunk == number]
        right[own[features[own, column[own]].argmax()]] = True
    about = [{"repo": f"r{number % 10}", "source": True} for number in range(hunks)]
    return Packed(features, right, counts, about, NAMES, ["", "a"], np.ones(len(rows), int))


def accuracy(data: Packed, chances: np.ndarray) -> float:
    best = [first + int(chances[first:last].argmax()) for first, last in pairwise(data.firsts)]
    return float(data.right[best].mean())


def test_it_learns_to_compare_candidates() -> None:
    learned, unseen = chooser.fit(packed(2000)), packed(200, 1)
    assert accuracy(unseen, chooser.chances(learned, unseen)) > 0.9


def test_every_hunk_is_judged_by_one_that_did_not_see_its_repository() -> None:
    data = packed(600, repositories=True)
    seen, found = chooser.chances(chooser.fit(data), data), chooser.out_of_fold(data)
    assert accuracy(data, found) < accuracy(data, seen) - 0.2
    sums = np.add.reduceat(found, data.firsts[:-1])
    assert ((sums > 0) & (sums < 1 + 1e-6)).all()  # NONE has the rest


def test_the_same_data_make_the_same_chooser() -> None:
    data = packed(300, 0)
    first, second = (chooser.chances(chooser.fit(data), data) for _ in range(2))
    assert (first == second).all()
    assert (first != chooser.chances(chooser.fit(data, seed=1), data)).any()


def test_its_graph_says_what_it_says(tmp_path: Path) -> None:
    data = packed(300, 0)
    learned = chooser.fit(data)
    export.chooser_to_onnx(learned, tmp_path / "chooser.onnx")
    session = onnxruntime.InferenceSession(
        str(tmp_path / "chooser.onnx"), providers=["CPUExecutionProvider"]
    )
    found = chooser.chances(learned, data)
    for first, last in pairwise(data.firsts[:20]):
        rows = data.features[first:last].astype(np.float32)
        (scores,) = session.run(None, {"features": rows, "strata": data.kinds[first:last]})
        expected = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        assert found[first:last] == pytest.approx(expected[1:], abs=1e-5)


def test_it_does_without_a_history() -> None:
    """What the history says is not leaned upon so much that a hunk without it is lost."""
    data, columns = packed(2000), past.columns(NAMES)
    data.features[:, columns[-1]] = data.right
    learned = chooser.fit(data)
    assert accuracy(data, chooser.chances(learned, data)) > 0.99
    blind = data.features.copy()
    blind[:, columns] = past.UNKNOWN
    assert accuracy(data, chooser.chances(learned, data._replace(features=blind))) > 0.7
