"""Methods over vectors and over entries: the papers' formulas in plain float64, and invariants."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine import models as models  # noqa: PLC0414  (a fixture)
from test_engine import tiebreak_merge

import tiebreak.weights.kernels as chosen
from tiebreak.errors import UsageError
from tiebreak.weights import engine
from tiebreak.weights.gram import cut
from tiebreak.weights.kernels import Side, portable
from tiebreak.weights.methods import METHODS, Terms, check, merge_tensor, method_named
from tiebreak.weights.methods.method import in_turn
from tiebreak.weights.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# How each is called; the ones that one model is enough for, and their plainest parameters
GIVEN: dict[str, dict[str, Any]] = {
    "nuslerp": {},
    "multislerp": {},
    "karcher": {},
    "model_stock": {},
    "della": {},
    "breadcrumbs": {},
    "sce": {"select_topk": 0.4},
    "nearswap": {"t": 0.1},
    "arcee_fusion": {},
    "magmax": {},
    "ram": {"r": 0.1},
    "emr": {},
    "pcb": {"density": 0.4},
}
ONE = {
    "multislerp": {},
    "karcher": {},
    "della": {"density": 1},
    "breadcrumbs": {"density": 1},
    "sce": {},
    "magmax": {},
    "ram": {"epsilon": 0},
    "emr": {},
    "passthrough": {},
}
BASED = [name for name in GIVEN if name not in {"karcher", "nearswap", "arcee_fusion"}]


def side(values: Array, dtype: str) -> Side:
    return Side(memoryview(encode(np.asarray(values, np.float64), dtype)), dtype)


def raw(
    method: str, base: Any, models: Sequence[Any], dtype: str = "F64", **given: object
) -> bytes:
    first = np.asarray(models[0], np.float64)
    sides = tuple(side(model, dtype) for model in models)
    terms = Terms("layers.0.w", first.shape, dtype, side(base, dtype), sides)
    named = method_named(method)
    return merge_tensor(named, terms, check(named, given, len(models)))


def merged(method: str, base: Any, models: Sequence[Any], **given: object) -> Array:
    shape = np.asarray(models[0]).shape
    return np.asarray(decode(raw(method, base, models, **given), "F64")).reshape(shape)


def normal(seed: int, *shape: int) -> Array:
    """Exact in float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32).astype(np.float64)


def three(*shape: int) -> tuple[Array, list[Array]]:
    base = normal(0, *shape)
    return base, [base + normal(seed, *shape) / 8 for seed in (1, 2, 3)]


def close(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


# Arcs and directions ------------------------------------------------------------------------------


def arc(x: Array, y: Array, t: float) -> Array:
    angle = math.acos(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))
    return (math.sin((1 - t) * angle) * x + math.sin(t * angle) * y) / math.sin(angle)


def test_nuslerp_goes_along_the_arc_between_the_changes() -> None:
    base, (one, two, _) = three(40)
    expected = base + arc(one - base, two - base, 0.75)
    close(merged("nuslerp", base, [one, two], weight=[1, 3]), expected)
    close(merged("nuslerp", base, [one, two], weight=[1, 3], around="zero"), arc(one, two, 0.75))


@pytest.mark.parametrize("shape", [(5, 7), (5, 3, 2)])
def test_nuslerp_of_rows_and_columns(shape: tuple[int, ...]) -> None:
    base, (one, two, _) = three(*shape)
    origin, x, y = (value.reshape(5, -1) for value in (base, one - base, two - base))
    rows = [o + arc(a, b, 0.5) for o, a, b in zip(origin, x, y, strict=True)]
    columns = [o + arc(a, b, 0.5) for o, a, b in zip(origin.T, x.T, y.T, strict=True)]
    close(merged("nuslerp", base, [one, two], along="row").reshape(5, -1), np.array(rows))
    close(merged("nuslerp", base, [one, two], along="column").reshape(5, -1).T, np.array(columns))


def test_nuslerp_of_one_dimension_is_of_one_vector() -> None:
    base, (one, two, _) = three(30)
    for along in ("row", "column"):
        assert raw("nuslerp", base, [one, two], along=along) == raw("nuslerp", base, [one, two])


@pytest.mark.parametrize("factor", [3.0, -3.0, 0.0])
def test_nuslerp_goes_straight_where_there_is_no_arc(factor: float) -> None:
    base, change = normal(0, 30), normal(1, 30)
    found = merged("nuslerp", base, [base + change, base + factor * change], weight=[1, 3])
    np.testing.assert_allclose(found, base + (0.25 + 0.75 * factor) * change, rtol=1e-6, atol=1e-6)


def test_nuslerp_of_whole_models_is_slerp() -> None:
    base, (one, two, _) = three(99)
    found = merged("nuslerp", base, [one, two], weight=[0.7, 0.3], around="zero")
    two = one + 8 * (two - base)  # an angle that SLERP takes for one
    found = merged("nuslerp", base, [one, two], weight=[0.7, 0.3], around="zero")
    close(found, merged("slerp", base, [one, two], t=0.3))


def test_multislerp_is_the_mean_direction_with_the_mean_length() -> None:
    base, models = three(50)
    weights = np.array([1.0, 2.0, 5.0]) / 8
    changes = [model - base for model in models]
    lengths = [np.linalg.norm(change) for change in changes]
    mean = sum(w * c / n for w, c, n in zip(weights, changes, lengths, strict=True))
    expected = base + mean / np.linalg.norm(mean) * (weights @ lengths)
    close(merged("multislerp", base, models, weight=[1, 2, 5]), expected)
    close(
        merged("multislerp", base, models, weight=[2, 4, 10], normalize=False),
        base + 16 * (expected - base),
    )


def test_multislerp_of_opposites_is_their_sum() -> None:
    assert merged("multislerp", [0, 0], [[2, 4], [-1, -2]]).tolist() == [0.5, 1]


def karcher(vectors: Sequence[Array], weights: Array) -> Array:
    """Gradient steps on the sphere, far beyond ten."""
    units = [vector / np.linalg.norm(vector) for vector in vectors]
    mean = sum(w * u for w, u in zip(weights, units, strict=True))
    mean /= np.linalg.norm(mean)
    for _ in range(200):
        step = np.zeros_like(mean)
        for weight, unit in zip(weights, units, strict=True):
            angle = math.acos(mean @ unit)
            step += weight * angle / math.sin(angle) * (unit - math.cos(angle) * mean)
        size = float(np.linalg.norm(step))
        if size < 1e-14:
            break
        mean = math.cos(size) * mean + math.sin(size) * step / size
    return mean * (weights @ [np.linalg.norm(vector) for vector in vectors])


@pytest.mark.parametrize("around", ["zero", "base"])
def test_the_karcher_mean_is_where_the_pulls_cancel_out(around: str) -> None:
    base, models = three(20)
    models = [model * size for model, size in zip(models, (1, 2, 5), strict=True)]
    models[2][:10] *= -1
    origin = base if around == "base" else 0.0
    expected = origin + karcher([m - origin for m in models], np.array([0.2, 0.3, 0.5]))
    found = merged(
        "karcher", base, models, weight=[2, 3, 5], around=around, max_iter=200, tol=1e-14
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_the_karcher_mean_of_two_is_halfway_along_the_arc() -> None:
    one, two = normal(1, 20), normal(2, 20)
    two *= np.linalg.norm(one) / np.linalg.norm(two)
    found = merged("karcher", one, [one, two])
    np.testing.assert_allclose(found, arc(one, two, 0.5), rtol=1e-9, atol=1e-9)


def test_the_karcher_mean_without_directions() -> None:
    assert merged("karcher", [0, 0], [[0, 0], [2, 4]]).tolist() == pytest.approx([1, 2])
    assert merged("karcher", [0, 0], [[0, 0], [0, 0]]).tolist() == [0, 0]
    # opposites: the first model's direction, with the mean length
    found = merged("karcher", [0, 0], [[3, 4], [-6, -8]])
    assert found.tolist() == pytest.approx([4.5, 6])


def test_model_stock_of_the_worked_example() -> None:
    found = merged("model_stock", [0, 0], [[1, 0], [1, 1]])
    assert found.tolist() == pytest.approx([0.82843, 0.41421], abs=1e-5)


@pytest.mark.parametrize("along", ["tensor", "row"])
def test_model_stock_by_its_formula(along: str) -> None:
    base = normal(0, 6, 9)
    common = normal(9, 6, 9)
    models = [base + common + normal(seed, 6, 9) for seed in (1, 2, 3)]
    cuts = [np.s_[:]] if along == "tensor" else [np.s_[i] for i in range(6)]
    expected = base.copy()
    for place in cuts:
        changes = [(model - base)[place].ravel() for model in models]
        pairs = [(changes[i], changes[j]) for i in range(3) for j in range(i)]
        cosine = np.mean([x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in pairs])
        cosine = max(0.0, float(cosine))
        share = 3 * cosine / (1 + 2 * cosine)
        expected[place] += share * (np.mean(models, axis=0) - base)[place]
    close(merged("model_stock", base, models, along=along), expected)


def test_model_stock_stays_where_changes_disagree() -> None:
    base = normal(0, 9)
    for other in (-1.0, 0.0):  # opposite, and no change
        assert raw("model_stock", base, [base + 1, base + other]) == encode(base, "F64")


# Trimming and chance ------------------------------------------------------------------------------


@pytest.mark.parametrize("elect", ["none", "mass"])
@pytest.mark.parametrize("normalize", [True, False])
def test_breadcrumbs_by_sorting(elect: str, normalize: bool) -> None:  # noqa: FBT001
    base, models = three(501)
    weights, density, gamma = np.array([0.5, 1.0, 2.0]), 0.6, 0.05
    changes = np.array(models) - base
    for change in changes:
        ascending = np.abs(change).argsort()
        target, top = int(density * 501), int(gamma * 501)
        change[ascending[: 501 - target - top]] = 0
        change[ascending[501 - top :]] = 0
    terms = changes * weights[:, None]
    if elect == "mass":
        agree = np.sign(terms) == np.where(terms.sum(axis=0) >= 0, 1, -1)
        terms, mass = terms * agree, (agree * weights[:, None]).sum(axis=0)
    else:
        mass = np.full(501, weights.sum())
    total = terms.sum(axis=0) / (np.where(mass == 0, 1, mass) if normalize else 1)
    found = merged(
        "breadcrumbs", base, models, weight=weights.tolist(), density=density, gamma=gamma,
        normalize=normalize, elect=elect, **{"lambda": 0.7},
    )  # fmt: skip
    close(found, base + 0.7 * total)


def test_breadcrumbs_of_large_tensors_are_those_of_small_ones() -> None:
    """Selecting by histograms gives what sorting does."""
    change = normal(1, 40_000)
    ascending = np.abs(change).argsort(kind="stable")
    expected = np.zeros(40_000)
    kept = ascending[40_000 - 4_000 - 20_000 : 40_000 - 4_000]
    expected[kept] = change[kept]
    found = merged("breadcrumbs", np.zeros(40_000), [change], density=0.5, gamma=0.1)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("values", "density", "gamma", "expected"),
    [
        ([1, -2, 3, -4, 5], 0.4, 0.2, [0, 0, 3, -4, 0]),
        ([1, -2, 3, -4, 5], 0.8, 0.4, [1, -2, 3, -4, 0]),  # gamma makes room for the density
        ([1, -2, 3, -4, 5], 1.0, 0.4, [1, -2, 3, -4, 5]),
        ([1, -2, 3, -4, 5], 0.4, 0.1, [0, 0, 0, -4, 5]),  # a tenth of five is none
        ([3, -3, 3, 1, 5], 0.4, 0.2, [3, -3, 3, 0, 0]),  # all as large as the largest kept
        ([0, 0, 0, 0, 5], 0.4, 0.2, [0, 0, 0, 0, 5]),  # nothing else changed
        ([7], 0.5, 0.9, [7]),
    ],
)
def test_what_breadcrumbs_keep(
    values: list[float], density: float, gamma: float, expected: list[float]
) -> None:
    found = merged("breadcrumbs", [0] * len(values), [values], density=density, gamma=gamma)
    assert found.tolist() == expected


def test_della_keeps_the_larger_likelier_and_makes_up_for_it() -> None:
    """In each row; the chances are the paper's, so every kept value says what it was divided by."""
    rows, width = 3000, 5
    change = np.tile([1.0, -2, 3, -4, 5], (rows, 1))
    found = merged("della", change * 0, [change], density=0.6, epsilon=0.2)
    for place, chance in enumerate((0.4, 0.5, 0.6, 0.7, 0.8)):
        column = found[:, place]
        assert set(column[column != 0]) == {change[0, place] / chance}
        spread = math.sqrt(chance * (1 - chance) / rows)
        assert abs((column != 0).mean() - chance) < 5 * spread
    assert width == change.shape[1]


def test_della_gives_equal_magnitudes_the_same_chance() -> None:
    found = merged("della", [0.0] * 400, [[1.0, -1.0] * 200], density=0.5, epsilon=0.2)
    assert set(np.abs(found)) == {0.0, 2.0}
    single = merged(
        "della", np.zeros((400, 1)), [np.arange(1.0, 401).reshape(400, 1)], density=0.25
    )
    kept = single.ravel() != 0
    assert np.allclose(single.ravel()[kept], 4 * np.arange(1.0, 401)[kept])


def test_della_rescaled_by_the_sum_of_magnitudes() -> None:
    change = normal(1, 60, 50)
    found = merged("della", change * 0, [change], rescale="l1")
    assert np.abs(found).sum() == pytest.approx(np.abs(change).sum(), rel=1e-12)
    plain = merged("della", change * 0, [change], rescale="none")
    assert set(plain[plain != 0]) <= set(change.ravel())
    assert ((found != 0) == (plain != 0)).all()


def test_della_elects_or_adds_up() -> None:
    base, (one, two, _) = three(300)
    alone = [merged("della", base, [m], normalize=False) - base for m in (one, two)]
    agree = np.sign(alone) == np.where(sum(alone) >= 0, 1, -1)
    both = (np.array(alone) * agree).sum(axis=0)
    found = merged("della", base, [one, two], normalize=False)
    np.testing.assert_allclose(found, base + both, atol=1e-12)
    count = np.maximum(agree.sum(axis=0), 1)
    np.testing.assert_allclose(merged("della", base, [one, two]), base + both / count, atol=1e-12)
    linear = merged("della", base, [one, two], elect="none", normalize=False)
    np.testing.assert_allclose(linear, base + sum(alone), atol=1e-12)


def test_rows_beyond_a_stretch_and_stretches_beyond_a_row_are_the_same() -> None:
    """However a tensor is cut, an entry is dropped or not."""
    for shape in ((3, 300_000), (1, 700_000), (700_000,)):
        change = normal(1, *shape)
        found = merged("della", change * 0, [change], density=0.5, epsilon=0.1)
        kept = (found != 0).mean()
        assert abs(kept - 0.5) < 0.004
        ratio = change.ravel()[found.ravel() != 0] / found.ravel()[found.ravel() != 0]
        assert 0.4 - 1e-9 <= ratio.min() < 0.41
        assert 0.59 < ratio.max() <= 0.6 + 1e-9


# Entry by entry -----------------------------------------------------------------------------------

GOLDEN = np.array([[4, -3, 1, 0.5, -2], [1, 5, -2, 0.25, -4], [-6, 0.5, 3, 0.75, 1]])


def test_sce_of_the_worked_example() -> None:
    # variances 17.6, 10.7, 4.2, 0.04, 4.2: three are asked for, and the third is a tie
    left = GOLDEN * [1, 1, 1, 0, 1]
    weights = (left**2).mean(axis=1) / (left**2).mean(axis=1).sum()
    agree = np.sign(left) == np.where(left.sum(axis=0) >= 0, 1, -1)
    mass = (agree * weights[:, None]).sum(axis=0)
    expected = (left * agree * weights[:, None]).sum(axis=0) / np.where(mass == 0, 1, mass)
    close(merged("sce", [0] * 5, list(GOLDEN), select_topk=0.6), expected)


def test_sce_by_sorting_variances() -> None:
    base, models = three(40_000)
    models[1] = models[1] + (models[1] - base)
    changes = np.array(models) - base
    spread = changes.std(axis=0).astype(np.float32)
    least = np.sort(spread)[40_000 - 8_000]
    left = np.where(spread >= least, changes, 0)
    weights = (left**2).mean(axis=1)
    weights /= weights.sum()
    agree = np.sign(left) == np.where(left.sum(axis=0) >= 0, 1, -1)
    mass = (agree * weights[:, None]).sum(axis=0)
    total = (left * agree * weights[:, None]).sum(axis=0) / np.where(mass == 0, 1, mass)
    close(merged("sce", base, models, select_topk=0.2), base + total)


def test_sce_keeps_what_all_models_changed_alike() -> None:
    found = merged("sce", [0, 0, 0, 0], [[1, 2, 0, 4], [1, 1, 3, -5]], select_topk=0.3)
    assert found[0] == 1
    assert found[1] == 0


def test_sce_weighs_small_changes_as_large_ones() -> None:
    large = merged("sce", [0, 0], [[1, 2], [3, 1]])
    small = merged("sce", [0, 0], [[2**-20, 2**-19], [3 * 2**-20, 2**-20]])
    assert (small * 2**20).tolist() == large.tolist()


def test_nearswap_moves_no_entry_by_more_than_t() -> None:
    assert merged("nearswap", [0, 0, 0], [[0.5, -3, 1]], t=1).tolist() == [0.5, -1, 1]
    assert merged("nearswap", [9, 9], [[0, 0], [0.5, -3]], t=1).tolist() == [0.5, -1]
    assert raw("nearswap", [9, 9], [[-0.0, 0], [-0.0, 0]], t=1) == encode(
        np.array([-0.0, 0]), "F64"
    )


@pytest.mark.parametrize("shape", [(30, 20), (300, 200), (4, 5, 6), (600,)])
def test_arcee_fusion_by_sorting(shape: tuple[int, ...]) -> None:
    base, (model, *_) = three(*shape)

    def softmax(values: Array) -> Array:
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True) + 1e-8)

    one, other = softmax(model), softmax(base)
    divergence = (one * np.log(one / other)).sum(axis=-1, keepdims=True)
    importance = (np.abs(model - base) * divergence).astype(np.float32)
    ascending = np.sort(importance, axis=None)
    first, median, third = (ascending[int(q * (base.size - 1))] for q in (0.25, 0.5, 0.75))
    chosen = importance >= median + 1.5 * (third - first)
    assert 0 < chosen.sum() < 0.2 * base.size
    expected = np.where(chosen, model, base)
    close(merged("arcee_fusion", base, [model]), expected)
    assert raw("arcee_fusion", base * 9, [base, model]) == raw("arcee_fusion", base, [model])


def test_magmax_takes_the_largest_change() -> None:
    assert merged("magmax", [0] * 5, list(GOLDEN)).tolist() == [-6, 5, 3, 0.75, -4]
    found = merged("magmax", [1] * 5, list(GOLDEN + 1), **{"lambda": 0.5})
    assert found.tolist() == [-2, 3.5, 2.5, 1.375, -1]
    assert merged("magmax", [0], [[-2], [2]]).tolist() == [-2]


def test_ram_averages_what_is_shared() -> None:
    changes = [[8, 4, 0, 1e-6, 2], [0, 2, 0, 0, 3], [0, 0, 0, 0, 4]]
    assert merged("ram", [0] * 5, changes).tolist() == [8, 3, 0, 0, 3]
    # shared / alone: model 1 has 2 / 1, model 2 has 2 / 0, model 3 1 / 0; alpha is the most
    found = merged("ram", [0] * 5, changes, r=0.5, alpha=1.0)
    assert found.tolist() == [12, 3, 0, 0, 3]
    found = merged("ram", [0] * 3, [[8, 8, 4], [0, 0, 2]], r=0.5, alpha=1.0)
    assert found.tolist() == [10, 10, 3]


def test_passthrough() -> None:
    model = normal(1, 9)
    assert raw("passthrough", model * 0, [model], "BF16") == encode(model, "BF16")
    assert merged("passthrough", model * 0, [model], scale=-2).tolist() == (-2 * model).tolist()


# All of them --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GIVEN)
def test_of_models_that_are_the_base_it_is_the_base(name: str) -> None:
    base = normal(1, 30, 20)
    base[0, 0] = -0.0
    found = raw(name, base, [base, base], "BF16", **GIVEN[name])
    assert found == encode(base, "BF16")


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("dtype", ["BF16", "F32"])
def test_of_one_model_all_of_it_is_that_model(name: str, dtype: str) -> None:
    base, model = normal(1, 30, 20), normal(2, 30, 20)
    assert raw(name, base, [model], dtype, **ONE[name]) == encode(model, dtype)


@pytest.mark.parametrize("name", [*BASED, "karcher"])
def test_swapping_two_models_gives_the_same_bytes(name: str) -> None:
    base, (one, two, _) = three(40, 30)
    found = [raw(name, base, pair, "F32", **GIVEN[name]) for pair in ([one, two], [two, one])]
    assert found[0] == found[1]


@pytest.mark.parametrize("name", sorted({*BASED, "karcher"} - {"nuslerp"}))
def test_the_order_of_three_models_is_rounding(name: str) -> None:
    base, models = three(40, 30)
    one, other = (merged(name, base, order, **GIVEN[name]) for order in (models, models[::-1]))
    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_never_lost(name: str, value: float) -> None:
    base, (one, two, _) = three(8, 8)
    base[2, 5] = one[2, 5] = value  # the change is not a number either way
    for pair in ([one, two], [two, one]):
        found = merged(name, base, pair, **GIVEN[name])
        if name not in {"nearswap", "arcee_fusion"}:  # which may keep the first's number
            assert not np.isfinite(found[2, 5])
        if name != "model_stock":  # without an angle there is no merged vector
            assert np.isfinite(found).sum() >= found.size - 1


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("shape", [(0,), (0, 4), (3, 0), (), (1,), (1, 1)])
def test_the_smallest_tensors(name: str, shape: tuple[int, ...]) -> None:
    base, (one, two, _) = three(*shape)
    found = merged(name, base, [one, two], **GIVEN[name])
    assert found.shape == shape
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3"])
def test_the_kernels_do_not_show(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    base, (one, two, _) = three(300, 70)
    usual = raw(name, base, [one, two], dtype, **GIVEN[name])
    monkeypatch.setattr(chosen, "_ON", [portable])
    assert raw(name, base, [one, two], dtype, **GIVEN[name]) == usual


@given(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from(["tensor", "row", "column"]), st.data()
)
def test_any_stretch_of_rows_or_columns(rows: int, columns: int, along: str, data: Any) -> None:
    start = data.draw(st.integers(0, rows * columns - 1))
    stop = data.draw(st.integers(start + 1, rows * columns))
    where, numbers = cut((rows, columns), along), np.arange(rows * columns).reshape(rows, columns)
    vectors = {"tensor": 0 * numbers, "row": numbers // columns, "column": numbers % columns}[along]
    ours, values = vectors.ravel()[start:stop], np.arange(1.0, stop - start + 1)
    found, first = where.sums(values, start), where.first(start)
    assert len(found) == where.spans(start, stop)
    expected = np.bincount(ours, values, where.number)
    assert np.array_equal(np.pad(found, (first, where.number - first - len(found))), expected)
    of_each = np.arange(5.0, 5.0 + where.number)
    assert np.array_equal(where.spread(of_each, start, stop), of_each[ours])


def test_a_single_column_is_the_whole_tensor() -> None:
    base, pair = normal(1, 5, 1), [normal(2, 5, 1), normal(3, 5, 1)]
    found = raw("nuslerp", base, pair, "F32", along="column")
    assert found == raw("nuslerp", base, pair, "F32", along="tensor")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(GIVEN)),
    st.tuples(st.integers(1, 12), st.integers(1, 40)),
    st.sampled_from([{}, {"along": "row"}, {"along": "column"}, {"rescale": "l1"}]),
    st.lists(st.integers(0, 480), max_size=4),
    st.integers(0, 9),
)
def test_any_stretch_has_the_bytes_that_it_has_in_the_whole(
    name: str, shape: tuple[int, int], more: dict[str, str], cuts: list[int], seed: int
) -> None:
    method = METHODS[name]
    known = {key: value for key, value in more.items() if key in method.parameters}
    if name == "model_stock" and known.get("along") == "column":
        known = {}
    base = normal(seed, *shape)
    sides = tuple(side(base + normal(seed + other, *shape), "BF16") for other in (1, 2))
    terms = Terms("w", shape, "BF16", side(base, "F32"), sides)
    parameters = check(method, GIVEN[name] | known, 2)
    if method.survey is not None:
        parameters = dict(method.survey([terms], parameters, in_turn))
    content = method.prepare(terms, parameters, in_turn)
    assert not isinstance(content, memoryview)
    whole, pieces = bytearray(2 * terms.elements), bytearray(2 * terms.elements)
    content(0, terms.elements, memoryview(whole))
    places = sorted({0, terms.elements, *(cut for cut in cuts if cut < terms.elements)})
    for start, stop in pairwise(places):
        content(start, stop, memoryview(pieces)[2 * start : 2 * stop])
    assert pieces == whole


OPTIONS = {
    "nuslerp": ["--set", "along=row"],
    "model_stock": ["--set", "along=row"],
    "della": ["--set", "rescale=l1"],
    "sce": ["--set", "select_topk=0.4"],
    "nearswap": ["--set", "t=0.1"],
    "ram": ["--set", "r=0.1"],
}


@pytest.mark.parametrize("name", GIVEN)
def test_any_number_of_threads_gives_the_same_bytes(
    models: list[str], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set()
    for large, threads in ((engine.LARGE, 1), (1 << 20, 4)):
        monkeypatch.setattr(engine, "LARGE", large)
        out = tmp_path / f"out{threads}.safetensors"
        given = ["--method", name, "--threads", str(threads), *OPTIONS.get(name, [])]
        assert tiebreak_merge(models, out, *given) == 0
        found.add(out.read_bytes())
    assert len(found) == 1


def test_seen_from_zero_the_base_is_not_looked_at(models: list[str], tmp_path: Path) -> None:
    """It may be of another architecture."""
    inputs = [str(tmp_path / "other.safetensors"), *models[1:]]
    (tmp_path / "other.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    for number, name in enumerate(("nuslerp", "multislerp", "karcher")):
        given = ["--method", name, "--set", "around=zero"]
        assert tiebreak_merge(inputs, tmp_path / f"out{number}.safetensors", *given) == 0
    assert tiebreak_merge(inputs, tmp_path / "out.safetensors", "--method", "nuslerp") == 2


@pytest.mark.parametrize(
    ("method", "given", "sides", "words"),
    [
        ("della", {"density": 0.9}, 2, "have to be between 0 and 1, got 0.9 and 0.15"),
        ("della", {"density": [0.5, 0.1]}, 2, "got 0.1 and 0.15"),
        ("della", {"elect": "none", "weight": [1, -1]}, 2, "sum to 0"),
        ("nuslerp", {"weight": [1, -1]}, 2, "sum to 0"),
        ("nuslerp", {}, 3, "merges 2 models"),
        ("karcher", {"weight": [0, 0]}, 2, "all 0"),
        ("model_stock", {}, 1, "at least 2 models"),
        ("nearswap", {}, 2, "needs the parameter t"),
        ("passthrough", {}, 2, "merges 1 model"),
    ],
)
def test_parameters_that_do_not_go_together(
    method: str, given: dict[str, object], sides: int, words: str
) -> None:
    with pytest.raises(UsageError) as raised:
        check(METHODS[method], given, sides)
    assert words in str(raised.value)
