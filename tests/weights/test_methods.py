"""The methods: known values of their formulas in float64, and what must hold for any input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest

from tiebreak.errors import UsageError
from tiebreak.weights.kernels import Side
from tiebreak.weights.methods import METHODS, Terms, check, merge_tensor, method_named
from tiebreak.weights.trim import kept, threshold
from tiebreak.weights.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tiebreak.weights.methods import Method, Parameters

    Numbers = Sequence[float] | NDArray[np.float32] | NDArray[np.float64]

T = TypeVar("T")

# The input of the specification's worked examples: three task vectors over a base of 0
GOLDEN = ([4, -3, 1, 0.5, -2], [1, 5, -2, 0.25, -4], [-6, 0.5, 3, 0.75, 1])
BASE = [0.0] * 5


def side(values: Numbers, dtype: str = "F64") -> Side:
    return Side(memoryview(encode(np.asarray(values, np.float64), dtype)), dtype)


def merged(
    method: str,
    base: Numbers,
    models: Sequence[Numbers],
    dtype: str = "F64",
    name: str = "model.layers.3.w",
    **given: object,
) -> bytes:
    terms = Terms(
        name, (len(models[0]),), dtype, side(base, dtype), tuple(side(m, dtype) for m in models)
    )
    chosen = method_named(method)
    return merge_tensor(chosen, terms, check(chosen, given, len(models)))


def values(
    method: str, base: Numbers, models: Sequence[Numbers], dtype: str = "F64", **given: object
) -> list[float]:
    return decode(merged(method, base, models, dtype, **given), dtype).tolist()


def normal(seed: int, size: int, scale: float = 1.0) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(size) * scale).astype(np.float32)


def test_linear_is_the_weighted_average() -> None:
    models = [[1, 2, -8], [3, -2, 0]]
    assert values("linear", [0] * 3, models, weight=[1, 3]) == [2.5, -1, -2]
    assert values("linear", [0] * 3, models, weight=[1, 3], normalize=False) == [10, -4, -8]


def test_task_arithmetic_adds_scaled_changes() -> None:
    assert values("task_arithmetic", [1, 1], [[2, 1], [1, 5]], **{"lambda": 0.5}) == [1.5, 3]
    assert values("task_arithmetic", [1, 1], [[2, 1], [1, 5]], weight=[1, -1]) == [2, -3]


def test_ties_of_the_worked_example() -> None:
    given = {"density": 0.6}
    assert values("ties", BASE, GOLDEN, **given) == [-6, 5, 3, 0, -3]
    assert values("ties", BASE, GOLDEN, normalize=False, **given) == [-6, 5, 3, 0, -6]


def test_ties_is_the_average_of_the_agreeing_models_by_weight() -> None:
    # 1 * 4 and 3 * 2 agree against 1 * -9: (4 + 6) / (1 + 3)
    assert values("ties", [0], [[4], [2], [-9]], weight=[1, 3, 1], density=1) == [2.5]


def test_ties_signs_of_equal_mass_follow_the_first_model() -> None:
    assert values("ties", [0, 0], [[2, -3], [-2, 3]], density=1) == [2, -3]
    assert values("ties", [0, 0], [[-2, 3], [2, -3]], density=1) == [-2, 3]


def test_ties_keeps_all_entries_as_large_as_the_threshold() -> None:
    assert values("ties", [0] * 5, [[1, -1, 1, 0.5, 3]], density=0.4) == [1, -1, 1, 0, 3]


def test_ties_never_counts_an_unchanged_entry_as_kept() -> None:
    assert values("ties", [0] * 4, [[0, 0, 0, 4], [0, 0, 8, 8]], density=0.75) == [0, 0, 8, 6]


def test_trimming_the_whole_model_uses_one_threshold() -> None:
    base = side([0.0] * 4)
    tensors = [
        Terms(name, (4,), "F64", base, (side(delta),))
        for name, delta in (("a", [1, 2, 3, 4]), ("b", [5, 6, 7, 8]))
    ]
    ties = METHODS["ties"]

    def kept_values(**given: object) -> list[list[float]]:
        parameters = ties.survey(tensors, check(ties, {"density": 0.5, **given}, 1), every)
        return [prepared(ties, terms, parameters) for terms in tensors]

    assert kept_values(scope="model") == [[0, 0, 0, 0], [5, 6, 7, 8]]
    assert kept_values(scope="tensor") == [[0, 0, 3, 4], [0, 0, 7, 8]]


def every(function: Callable[[int, int], T], count: int) -> list[T]:
    return [function(0, count)]


def prepared(method: Method, terms: Terms, parameters: Parameters) -> list[float]:
    content = method.prepare(terms, parameters, every)
    if isinstance(content, memoryview):
        return decode(content, terms.dtype).tolist()
    room = memoryview(bytearray(len(terms.sides[0].data)))
    content(0, terms.elements, room)
    return decode(room, terms.dtype).tolist()


@pytest.mark.parametrize("size", [7, 1000, 20_000, 600_000])
@pytest.mark.parametrize("density", [0.001, 0.2, 0.5, 0.999])
def test_the_threshold_is_the_exact_order_statistic(size: int, density: float) -> None:
    base, model = normal(1, size), normal(2, size, 1e-3) + normal(1, size)
    model[::7] = base[::7]
    deltas = np.abs(model.astype(np.float64) - base).astype(np.float32)
    wanted = np.sort(deltas)[size - kept(density, size)]
    found = threshold(side(base, "F32"), side(model, "F32"), size, density, every)
    assert found == max(1, int(wanted.view(np.uint32)))


def test_the_density_is_read_as_it_is_written() -> None:
    assert kept(0.29, 100) == 29  # 0.29 * 100 is 28.999999999999996
    assert kept(0.2, 3) == 1


def test_slerp_of_orthogonal_vectors() -> None:
    assert values("slerp", [0, 0], [[1, 0], [0, 2]]) == pytest.approx(
        [math.sqrt(0.5), math.sqrt(2)]
    )
    assert values("slerp", [0, 0], [[1, 0], [0, 2]], t=0) == pytest.approx([1, 0])
    assert values("slerp", [0, 0], [[1, 0], [0, 2]], t=1) == pytest.approx([0, 2], abs=1e-12)


def test_slerp_goes_straight_where_there_is_no_arc() -> None:
    assert values("slerp", [0, 0], [[0, 0], [2, 4]]) == [1, 2]
    assert values("slerp", [0, 0], [[1, 1], [3, 3]]) == [2, 2]
    assert values("slerp", [0, 0], [[1, 1], [-3, -3]]) == [-1, -1]


def test_dare_keeps_about_the_density_and_rescales() -> None:
    size = 100_000
    found = np.array(values("dare", [0.0] * size, [[1.0] * size], density=0.25))
    assert set(found) == {0.0, 4.0}
    assert abs((found > 0).mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / size)


def test_dare_without_rescaling_keeps_the_values() -> None:
    assert set(values("dare", [0.0] * 50, [[1.0] * 50], rescale=False)) == {0.0, 1.0}


def test_dare_of_everything_is_task_arithmetic() -> None:
    base, one, two = normal(1, 99), normal(2, 99), normal(3, 99)
    assert values("dare", base, [one, two], density=1) == values(
        "task_arithmetic", base, [one, two]
    )


def test_dare_depends_on_the_content_the_name_and_the_seed_alone() -> None:
    base, one = normal(1, 999), normal(2, 999)
    first = merged("dare", base, [one])
    assert merged("dare", base, [one]) == first
    assert merged("dare", base, [one], seed=1) != first
    assert merged("dare", base, [one], name="other") != first


def test_dare_drops_different_entries_of_equal_models() -> None:
    found = set(values("dare", [0.0] * 99, [[1.0] * 99] * 2))
    assert found == {0.0, 2.0, 4.0}


def test_dare_can_elect_signs() -> None:
    base, one, two = [0.0] * 400, [1.0] * 400, [-3.0] * 400
    found = set(values("dare", base, [one, two], elect="mass"))
    assert found == {0.0, 2.0, -6.0}  # never their sum


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.layers.2.w", [1, 1]),
        ("model.layers.0.w", [5, 7]),
        ("transformer.h.4.w", [5, 7]),
        ("model.layers.1.w", [3, 4]),
        ("lm_head.weight", [1, 1]),
        ("model.layers.10.w", [1, 1]),
    ],
)
def test_layer_swap(name: str, expected: list[float]) -> None:
    given = {"layers": "0, 4-6", "blend": "1"}
    assert values("layer_swap", [0, 0], [[1, 1], [5, 7]], name=name, **given) == expected


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_of_one_model_all_of_it_is_that_model(dtype: str) -> None:
    base, model = normal(1, 5000), normal(2, 5000)
    expected = encode(model, dtype)
    assert merged("ties", base, [model], dtype, density=1) == expected
    assert merged("task_arithmetic", base, [model], dtype) == expected
    assert merged("linear", base, [model], dtype) == expected


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_of_equal_models_the_average_is_the_model(method: str) -> None:
    model = normal(1, 5000)
    assert merged(method, model, [model, model], "BF16") == encode(model, "BF16")


def test_averages_keep_the_entries_that_are_equal() -> None:
    one = normal(1, 5000)
    models = [one, one.copy(), one.copy()]
    models[2][0] += 1
    found = merged("linear", one, models, "F32")
    assert found[4:] == encode(one, "F32")[4:]


@pytest.mark.parametrize("method", ["task_arithmetic", "ties", "dare"])
def test_scaled_to_nothing_the_result_is_the_base(method: str) -> None:
    base, models = normal(1, 5000), [normal(2, 5000), normal(3, 5000)]
    base[0] = -0.0
    assert merged(method, base, models, "BF16", **{"lambda": 0}) == encode(base, "BF16")


@pytest.mark.parametrize("method", ["task_arithmetic", "ties", "dare"])
def test_a_model_equal_to_the_base_changes_nothing(method: str) -> None:
    base, model = normal(1, 5000), normal(2, 5000)
    assert merged(method, base, [model, base]) == merged(method, base, [model])
    assert merged(method, base, [base, base], "BF16") == encode(base, "BF16")


@pytest.mark.parametrize("method", ["linear", "task_arithmetic", "ties", "dare", "slerp"])
@pytest.mark.parametrize("dtype", ["BF16", "F32"])
def test_swapping_two_models_gives_the_same_bytes(method: str, dtype: str) -> None:
    base, one, two = normal(1, 5000), normal(2, 5000), normal(3, 5000)
    assert merged(method, base, [one, two], dtype) == merged(method, base, [two, one], dtype)


def test_nan_is_never_lost() -> None:
    base, one, two = normal(1, 64), normal(2, 64), normal(3, 64)
    one[5] = np.nan
    for method in ("linear", "task_arithmetic", "ties", "slerp"):
        found = np.array(values(method, base, [one, two], "BF16"))
        assert np.isnan(found[5]), method


def test_mergekit_parity_in_float64() -> None:
    """Mergekit's published formulas, `normalize` and all, with a threshold without ties."""
    base, *models = (normal(seed, 501).astype(np.float64) for seed in range(4))
    weights, density, scale = np.array([0.3, 0.5, 0.9]), 0.4, 0.7
    deltas = np.array(models) - base
    masks = [np.argsort(-np.abs(d))[: int(density * d.size)] for d in deltas]
    trimmed = np.zeros_like(deltas)
    for row, mask, delta in zip(trimmed, masks, deltas, strict=True):
        row[mask] = delta[mask]
    weighted = trimmed * weights[:, None]
    sign = np.where(weighted.sum(0) >= 0, 1, -1)
    agree = np.sign(weighted) == sign
    divisor = (agree * weights[:, None]).sum(0)
    expected = base + scale * (weighted * agree).sum(0) / np.where(divisor == 0, 1, divisor)
    given = {"weight": weights.tolist(), "density": density, "lambda": scale}
    assert values("ties", base, models, **given) == pytest.approx(expected.tolist(), rel=1e-14)


@pytest.mark.parametrize(
    ("method", "given", "sides", "words"),
    [
        ("ties", {"denisty": 0.2}, 2, "no parameter 'denisty'; did you mean density?"),
        ("ties", {"density": 0}, 2, "density: expected a number from 1e-09 to 1, got 0"),
        ("ties", {"density": 1.5}, 2, "got 1.5"),
        ("ties", {"density": True}, 2, "got True"),
        ("ties", {"scope": "layer"}, 2, "expected one of tensor, model"),
        ("ties", {"normalize": 1}, 2, "expected true or false"),
        ("linear", {"weight": [1, 2]}, 3, "2 numbers for 3 models"),
        ("linear", {"weight": float("nan")}, 2, "got nan"),
        ("linear", {"weight": float("inf")}, 2, "got inf"),
        ("slerp", {}, 3, "slerp merges 2 models, 3 are given"),
        ("layer_swap", {}, 2, "needs the parameter layers"),
        ("layer_swap", {"layers": "a-b"}, 2, "expected layers such as"),
    ],
)
def test_parameters_are_checked(
    method: str, given: dict[str, object], sides: int, words: str
) -> None:
    with pytest.raises(UsageError) as raised:
        check(METHODS[method], given, sides)
    assert words in str(raised.value)


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean task_arithmetic"):
        method_named("task-arithmetic")
