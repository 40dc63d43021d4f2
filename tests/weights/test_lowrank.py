"""Products of thin matrices and their nearest of lower rank, against numpy on whole matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lora import noise
from tiebreak.weights.adapters.lowrank import (
    EXACT,
    LowRank,
    Rank,
    approximated,
    difference,
    lost,
    shortened,
    stacked,
)
from tiny import full

SIZES = st.integers(1, 12)


def thin(seed: int, rows: int, columns: int, rank: int) -> LowRank:
    return LowRank(
        noise(seed, rows, rank).astype(float), noise(seed + 1, rank, columns).astype(float)
    )


def dense(factors: LowRank) -> np.ndarray:
    return factors.left @ factors.right


def best(matrix: np.ndarray, rank: int) -> np.ndarray:
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    found: np.ndarray = (u[:, :rank] * s[:rank]) @ v[:rank]
    return found


@given(st.integers(0, 99), SIZES, SIZES, SIZES, SIZES)
@settings(max_examples=60, deadline=None)
def test_shortening_is_the_svd_of_the_product(
    seed: int, rows: int, columns: int, rank: int, kept: int
) -> None:
    """Also where the factors are wider than the product."""
    factors = thin(seed, rows, columns, rank)
    whole = dense(factors)
    short = shortened(factors, Rank(kept))
    assert short.rank == min(kept, rank, rows, columns)
    np.testing.assert_allclose(dense(short), best(whole, kept), atol=1e-8 * np.linalg.norm(whole))
    apart = np.linalg.norm(whole - dense(short)) / np.linalg.norm(whole)
    assert difference(factors, short) == pytest.approx(apart, abs=1e-9)
    assert short.norm() == pytest.approx(np.linalg.norm(dense(short)))


@given(st.integers(0, 99), SIZES, SIZES, st.lists(SIZES, min_size=1, max_size=3))
@settings(max_examples=30, deadline=None)
def test_stacking_is_the_sum(seed: int, rows: int, columns: int, ranks: list[int]) -> None:
    parts = [thin(seed + at, rows, columns, rank) for at, rank in enumerate(ranks)]
    found = stacked(parts)
    assert found.rank == sum(ranks)
    np.testing.assert_allclose(dense(found), sum(map(dense, parts)), atol=1e-9)


def test_the_rank_that_holds_the_energy() -> None:
    values = np.array([3.0, 2.0, 1.0, 1e-20])
    total = 14.0
    assert Rank(None, 0.5).of(values, total) == 1  # 9 of 14
    assert Rank(None, 9 / 14).of(values, total) == 1
    assert Rank(None, 0.9).of(values, total) == 2
    assert Rank(None, 0.99).of(values, total) == 3
    assert Rank(None, 1.0).of(values, total) == 3  # what is 0 is never kept
    assert Rank(2, 0.99).of(values, total) == 2
    assert Rank().of(values, total) == 3


def test_both_factors_carry_the_same() -> None:
    """Half of the exponents of a 16-bit type for each."""
    short = shortened(LowRank(noise(1, 8, 2) * 1e6, noise(2, 2, 9) * 1e-6), Rank())
    sizes = [np.linalg.norm(short.left, axis=0), np.linalg.norm(short.right, axis=1)]
    np.testing.assert_allclose(*sizes)


def test_nothing_has_a_rank_of_1() -> None:
    nothing = shortened(LowRank(full(0, 4, 2).astype(float), noise(1, 2, 5).astype(float)), Rank(3))
    assert (nothing.rank, nothing.norm()) == (1, 0)
    assert difference(nothing, nothing) == 0


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_a_large_matrix_of_low_rank_is_found_exactly(kind: str) -> None:
    """By the range finder: both sides are longer than what is decomposed as a whole."""
    factors = thin(1, EXACT + 76, EXACT + 31, 5)
    matrix = dense(factors).astype(kind)
    for rank in (Rank(8), Rank(None, 0.999999)):
        found = approximated(matrix, rank)
        assert lost(matrix, found)[1] < (1e-6 if kind == "float32" else 1e-10)
    assert found.rank == 5


def test_a_large_matrix_that_falls_off_slowly() -> None:
    """The error is within a thousandth of the least that any matrix of the rank has."""
    size = EXACT + 100
    values = 1 / np.sqrt(np.arange(1, size + 1))
    outer, inner = (np.linalg.qr(noise(seed, size, size).astype(float))[0] for seed in (1, 2))
    matrix = (outer * values) @ inner
    norm, error = lost(matrix, approximated(matrix.astype(np.float32), Rank(20)))
    assert norm == pytest.approx(np.linalg.norm(values))
    least = np.linalg.norm(values[20:]) / np.linalg.norm(values)
    assert least <= error < 1.001 * least
    found = approximated(matrix, Rank(None, 0.4))
    assert np.sum(values[: found.rank] ** 2) >= 0.399 * norm**2
    assert np.sum(values[: found.rank - 1] ** 2) < 0.4 * norm**2
