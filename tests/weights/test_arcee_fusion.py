"""Arcee Fusion against the formula in plain numpy, which sorts."""

from __future__ import annotations

import numpy as np
import pytest
from test_vector_methods import close, merged, normal


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True) + 1e-8


def expected(base: np.ndarray, model: np.ndarray) -> np.ndarray:
    p, q = softmax(model), softmax(base)
    scores = np.abs(model - base) * (p * np.log(p / q)).sum(axis=-1, keepdims=True)
    ordered = np.sort(scores.ravel())
    low, median, high = (ordered[int(share * (ordered.size - 1))] for share in (0.25, 0.5, 0.75))
    return np.where(scores >= median + 1.5 * (high - low), model, base)


@pytest.mark.parametrize("shape", [(1,), (30,), (6, 9), (3, 4, 5), (700, 1000)])
def test_changes_that_stand_out_are_taken(shape: tuple[int, ...]) -> None:
    base = normal(0, *shape)
    model = base + normal(1, *shape) ** 3 / 8
    found = merged("arcee_fusion", base, [model])
    close(found, expected(base, model))
    if base.size > 1:
        assert 0.5 > np.mean(found != base) > 0


def test_of_few_changes_all_stand_out() -> None:
    base = normal(0, 8, 8)
    model = base.copy()
    model[2, 3:5] += 1
    close(merged("arcee_fusion", base, [model]), model)
