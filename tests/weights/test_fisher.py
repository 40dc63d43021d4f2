"""Fisher merging: known values of the formula, what must hold for any input, and the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiebreak.cli.dispatch import run
from tiebreak.errors import UsageError
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.importance import FISHER as KIND
from tiebreak.weights.importance import MODEL, content_of
from tiebreak.weights.kernels import Side
from tiebreak.weights.methods import METHODS, Terms, check, merge_tensor
from tiebreak.weights.values import decode, encode
from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Numbers = Sequence[float] | NDArray[np.float32] | NDArray[np.float64]

FISHER = METHODS["fisher"]


def side(values: Numbers, dtype: str = "F64") -> Side:
    return Side(memoryview(encode(np.asarray(values, np.float64), dtype)), dtype)


def values(
    models: Sequence[Numbers], fishers: Sequence[Numbers], dtype: str = "F64", **given: object
) -> list[float]:
    sides, importances = (tuple(side(x, dtype) for x in many) for many in (models, fishers))
    terms = Terms("w", (len(models[0]),), dtype, None, sides, importances)
    return decode(merge_tensor(FISHER, terms, check(FISHER, given, len(models))), dtype).tolist()


def normal(seed: int, size: int = 1000) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(size)


def positive(seed: int, size: int = 1000) -> NDArray[np.float64]:
    return np.exp(3 * normal(seed, size))


OFF = {"favor_target": False}
RAW = {"normalize_fishers": False}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (RAW, [2.5, 2]),
        ({}, [2.0, 2]),
        (RAW | OFF, [2.5, 0]),
        (OFF, [2.0, 1.0]),
    ],
)
def test_the_worked_example(given: dict[str, object], expected: list[float]) -> None:
    found = values([[1, 2], [3, -2]], [[1, 0], [3, 0]], **given)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_equal_fishers_are_linear_bit_by_bit(dtype: str) -> None:
    models, fisher = [normal(1), normal(2)], positive(3)
    linear = METHODS["linear"]
    terms = Terms("w", (1000,), dtype, None, tuple(side(model, dtype) for model in models))
    average = merge_tensor(linear, terms, check(linear, {}, 2))
    assert values(models, [fisher, fisher], dtype) == decode(average, dtype).tolist()


def test_equal_models_are_that_model_whatever_their_fishers_say() -> None:
    model = normal(1)
    other = model.copy()
    other[0] += 1
    found = values([model, other], [positive(2), positive(3)])
    assert found[1:] == model[1:].tolist()


def test_all_weight_on_one_model_gives_it_where_its_fisher_says_anything() -> None:
    models, fishers = [normal(1), normal(2)], [positive(3), positive(4)]
    assert values(models, fishers, weight=[0, 1]) == pytest.approx(models[1].tolist(), rel=1e-14)
    assert values(models, fishers, weight=[1, 0]) == pytest.approx(models[0].tolist(), rel=1e-14)
    fishers[1][7] = 0
    assert values(models, fishers, weight=[0, 1])[7] == models[0][7]


def test_the_scale_of_a_fisher_does_not_matter_when_it_is_normalized() -> None:
    models, fishers = [normal(1), normal(2)], [positive(3) + 1, positive(4) + 1]
    scaled = [1e4 * fishers[0], fishers[1]]
    found = values(models, fishers)
    assert values(models, scaled) == pytest.approx(found, rel=1e-12)
    assert values(models, scaled, **RAW) != pytest.approx(found, rel=1e-3)


def test_the_result_lies_between_the_models() -> None:
    models, fishers = [normal(n) for n in range(3)], [positive(n) for n in range(3, 6)]
    found = np.array(values(models, fishers))
    assert (found >= np.min(models, 0)).all()
    assert (found <= np.max(models, 0)).all()


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
def test_without_a_target_the_order_does_not_matter(dtype: str) -> None:
    models, fishers = [normal(1), normal(2)], [positive(3), positive(4)]
    fishers[0][:100] = fishers[1][:100] = 0
    found = values(models, fishers, dtype, **OFF)
    assert values(models[::-1], fishers[::-1], dtype, **OFF) == found
    assert values(models[::-1], fishers[::-1], dtype) != values(models, fishers, dtype)


def test_the_norm_is_that_of_the_whole_model() -> None:
    """Splitting a tensor changes nothing."""
    models, fishers = [normal(1), normal(2)], [positive(3), positive(4)]

    def part(which: slice) -> Terms:
        sides, importances = (tuple(side(x[which]) for x in m) for m in (models, fishers))
        return Terms("w", (len(range(1000)[which]),), "F64", None, sides, importances)

    parts = [part(slice(300)), part(slice(300, None))]

    def every(function: object, count: int) -> list[object]:
        return [function(0, count)]  # type: ignore[operator]

    parameters = FISHER.survey(parts, check(FISHER, {}, 2), every)  # type: ignore[misc, arg-type]
    found = []
    for terms in parts:
        room = memoryview(bytearray(8 * terms.elements))
        FISHER.prepare(terms, parameters, every)(0, terms.elements, room)  # type: ignore[arg-type, operator]
        found += decode(room, "F64").tolist()
    assert found == pytest.approx(values(models, fishers), rel=1e-14)


def test_a_relative_floor_is_a_share_of_the_mean() -> None:
    models, fishers = [[0.0, 0.0], [1.0, 1.0]], [[0.0, 2e-9], [1e-9, 1e-9]]
    assert values(models, fishers, **RAW) == pytest.approx([1e-3, 1e-3], rel=2e-3)
    given = {"floor_mode": "relative", "fisher_floor": 1.0}
    assert values(models, fishers, **RAW, **given) == pytest.approx([0.5, 1 / 3])


def test_where_nothing_counts_it_is_the_first_model() -> None:
    nothing = [[0.0], [0.0]]
    assert values([[5.0], [7.0]], nothing) == [5]
    assert values([[5.0], [7.0]], nothing, fisher_floor=0) == [5]
    assert values([[5.0], [7.0]], nothing, **OFF) == [6]
    assert values([[5.0], [7.0]], nothing, floor_mode="relative", **OFF) == [6]


@pytest.mark.parametrize("bad", [-1e-30, float("nan"), float("inf")])
def test_a_fisher_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(UsageError, match="the Fisher of model 2 is negative or not finite"):
        values([[1.0], [2.0]], [[1.0], [bad]])


def test_weights_are_checked() -> None:
    with pytest.raises(UsageError, match="weights that are all 0"):
        values([[1.0], [2.0]], [[1.0], [1.0]], weight=0)
    with pytest.raises(UsageError, match="a number of at least 0"):
        values([[1.0], [2.0]], [[1.0], [1.0]], weight=[1, -1])


def test_nan_is_never_lost() -> None:
    assert np.isnan(values([[np.nan], [1.0]], [[0.0], [1.0]]))[0]


# Files --------------------------------------------------------------------------------------------

A = {"w": full(1, 2), "b": full(5, 3), "ids": full(1, 2, dtype="int64")}
B = {"w": full(3, 2), "b": full(5, 3), "ids": full(1, 2, dtype="int64")}
FISHERS = ({"w": full(1, 2), "b": full(1, 3)}, {"w": full(3, 2), "b": full(1, 3)})


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Folders `a` and `b`, each with a model and its Fisher."""
    for name, model, fisher in zip("ab", (A, B), FISHERS, strict=True):
        (tmp_path / name).mkdir()
        file = tmp_path / name / "model.safetensors"
        file.write_bytes(checkpoint(model))
        with open_checkpoint(str(file)) as found:
            metadata = {"format": "pt", MODEL: content_of(found)}
        (tmp_path / name / KIND.beside(file.name)).write_bytes(checkpoint(fisher, metadata))
    return tmp_path


def merge(models: Path, end: str = "") -> int:
    names = [str(models / name) + end for name in "aab"]
    out = str(models / "out.safetensors") if end else str(models / "out")
    options = ["--method", "fisher", "--set", "normalize_fishers=false"]
    return run(["weights", "merge", *names, "-o", out, *options])


@pytest.mark.parametrize("end", ["", "/model.safetensors"])
def test_the_command_finds_the_fisher_beside_each_model(models: Path, end: str) -> None:
    assert merge(models, end) == 0
    out = models / ("out.safetensors" if end else "out/model.safetensors")
    found = tensors(out.read_bytes())
    assert {name: array.tolist() for name, array in found.items()} == {
        "w": [2.5, 2.5],
        "b": [5, 5, 5],
        "ids": [1, 1],
    }


def refusal(models: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert merge(models) == 2
    assert not (models / "out").exists()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_missing_fisher_is_one_line(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (models / "b/model.fisher.safetensors").unlink()
    error = refusal(models, capsys)
    assert "b/model.fisher.safetensors: there is no such file" in error
    assert "tiebreak weights fisher" in error


def test_the_fisher_of_another_version_is_refused(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (models / "b/model.safetensors").write_bytes(checkpoint(B | {"w": full(4, 2)}))
    assert "the Fisher is of another version of the model" in refusal(models, capsys)


@pytest.mark.parametrize(
    ("fisher", "words"),
    [
        ({"w": full(1, 2)}, "the Fisher lacks tensor 'b'"),
        (FISHERS[0] | {"w": full(1, 3)}, "the Fisher of tensor 'w' is F32 [3], expected [2]"),
        (FISHERS[0] | {"w": full(1, 2, dtype="uint8")}, "is U8 [2]"),
        (FISHERS[0] | {"w": full(-1, 2)}, "negative or not finite"),
    ],
)
def test_a_fisher_that_does_not_fit_is_refused(
    models: Path,
    capsys: pytest.CaptureFixture[str],
    fisher: dict[str, NDArray[np.float32]],
    words: str,
) -> None:
    (models / "a/model.fisher.safetensors").write_bytes(checkpoint(fisher))
    assert words in refusal(models, capsys)


def test_the_content_of_a_model_does_not_depend_on_its_files(models: Path) -> None:
    (models / "again.safetensors").write_bytes(checkpoint(dict(reversed(A.items()))))
    names = ("a", "again.safetensors", "b")
    contents = []
    for name in names:
        with open_checkpoint(str(models / name)) as found:
            contents.append(content_of(found))
    assert contents[0] == contents[1] != contents[2]


def test_a_fisher_is_no_second_checkpoint_of_its_folder(models: Path) -> None:
    for name in ("model.safetensors", "model.fisher.safetensors"):
        (models / "a" / name).rename(models / "a" / f"adapter_{name}")
    with open_checkpoint(str(models / "a")) as found:
        assert found.names == tuple(A)
    assert run(["weights", "verify", str(models / "b")]) == 0
