"""PCB-Merging: the worked example, the formula in plain numpy, and what must hold for any input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matrices import change, error, merged, normal, peak_of

from tiebreak.cli.dispatch import run
from tiebreak.errors import UsageError
from tiebreak.weights.methods import METHODS, check
from tiny import checkpoint, tensors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matrices import Array

GOLDEN = [
    np.array(task) for task in ([4, -3, 1, 0.5, -2], [1, 5, -2, 0.25, -4], [-6, 0.5, 3, 0.75, 1.0])
]


def reference(tasks: Sequence[Array], density: float = 0.1, winsor: float = 0.01) -> Array:
    """The formula with sorted copies of everything."""
    elements = tasks[0].size
    cropped = math.floor(winsor * elements)
    normal = []
    for task in tasks:
        ascending = np.sort(np.abs(task))
        low, high = ascending[cropped], ascending[elements - 1 - cropped]
        normal.append(np.sign(task) * (np.clip(np.abs(task), low, high) - low) / (high - low))
    total, mass = np.zeros(elements), np.zeros(elements)
    for task, own in zip(tasks, normal, strict=True):
        scores = np.exp(len(tasks) * own**2) * sum(np.tanh(own * other) for other in normal)
        cut = max(0.0, np.sort(scores)[math.floor(round((1 - density) * elements, 6))])
        strengths = (np.maximum(scores, cut) - cut) / (scores.max() - cut)
        total += strengths * task
        mass += strengths
    return np.divide(total, mass, out=np.zeros(elements), where=mass > 0)


def heavy(seed: int, size: int = 3000) -> Array:
    """Changes as fine-tuning makes them: a few are much larger than the others."""
    return np.random.default_rng(seed).standard_t(3, size)


def test_the_worked_example() -> None:
    found = change("pcb", GOLDEN, density=0.6, winsor=0.0)
    assert found == pytest.approx([4, 5, 3, 0.75, -3.599662], rel=1e-6)
    thrice = change("pcb", [GOLDEN[0]] * 3, density=0.6, winsor=0.0)
    assert thrice == pytest.approx([4, -3, 0, 0, 0], rel=1e-6)


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("density", [0.05, 0.1, 0.6])
@pytest.mark.parametrize("winsor", [0.0, 0.01])
def test_the_formula_in_plain_numpy(number: int, density: float, winsor: float) -> None:
    tasks = [1e-3 * heavy(seed) for seed in range(number)]
    found = change("pcb", tasks, density=density, winsor=winsor)
    wanted = reference(tasks, density, winsor)
    assert np.count_nonzero(wanted)
    assert error(found, wanted) < 1e-4  # ranks are of float32


def test_weights_and_lambda_scale_what_is_merged() -> None:
    tasks = [heavy(seed) for seed in range(2)]
    found = change("pcb", tasks, **{"lambda": 3.0})
    assert error(found, 3 * change("pcb", tasks)) < 1e-12
    assert error(change("pcb", tasks, weight=3.0), found) < 1e-12
    first = change("pcb", tasks, weight=[1.0, 0.0])
    second = change("pcb", tasks, weight=[0.0, 1.0])
    assert error(first + second, change("pcb", tasks)) < 1e-12


def test_scaled_to_nothing_the_result_is_the_base() -> None:
    base, models = heavy(9), [heavy(seed) for seed in range(2)]
    assert merged("pcb", base, models, {"lambda": 0.0}).tobytes() == base.tobytes()


def test_one_model_alone_keeps_its_largest_changes() -> None:
    task = heavy(1)
    found = change("pcb", [task], density=0.1)
    kept = found != 0
    assert error(found[kept], task[kept]) < 1e-12
    assert np.abs(task[kept]).min() > np.abs(task[~kept]).max()
    assert 200 < kept.sum() <= 300


def test_one_model_with_all_its_changes_is_that_model() -> None:
    base, model = normal(1, 30, 20), normal(2, 30, 20)
    model[3, 3] = base[3, 3]  # its least change is none
    found = merged("pcb", base, [model], {"density": 1.0, "winsor": 0.0}, dtype="F32")
    assert (found == merged("linear", base, [model], dtype="F32")).all()


def test_what_the_others_contradict_is_dropped() -> None:
    """Two agree on the first half; on the second they are against each other."""
    task = heavy(1, 1000)
    task[0] = 0.0  # the least of all has no score
    against = np.where(np.arange(1000) < 500, task, -task)
    found = change("pcb", [task, against], density=1.0, winsor=0.0)
    assert error(found[:500], task[:500]) < 1e-12
    assert not found[500:].any()


def test_the_result_lies_between_the_changes() -> None:
    tasks = [heavy(seed) for seed in range(3)]
    found, least, most = change("pcb", tasks), np.min(tasks, 0), np.max(tasks, 0)
    slack = 1e-12 * np.abs(tasks).max()
    assert (found >= np.minimum(least, 0) - slack).all()
    assert (found <= np.maximum(most, 0) + slack).all()


def test_the_scale_of_a_model_does_not_decide_what_it_keeps() -> None:
    """With changes of the other model that count nothing, so that those of the first are seen."""
    tasks = [heavy(seed) for seed in range(2)]
    found = change("pcb", tasks, weight=[1.0, 0.0])
    scaled = change("pcb", [tasks[0], 1024 * tasks[1]], weight=[1.0, 0.0])
    assert error(scaled, found) < 1e-9


def test_changes_that_are_all_as_large_are_all_kept() -> None:
    signs = np.sign(heavy(1))
    assert (change("pcb", [signs, signs]) == signs).all()


@pytest.mark.parametrize("density", [0.0, 1.1])
def test_a_density_that_is_none_is_refused(density: float) -> None:
    with pytest.raises(UsageError, match="density: expected a number from"):
        change("pcb", GOLDEN, density=density)


def test_so_many_models_that_scores_overflow_are_refused() -> None:
    assert check(METHODS["pcb"], {}, 128)
    with pytest.raises(UsageError, match="pcb merges at least 1 models, 129 are given"):
        check(METHODS["pcb"], {}, 129)
    tasks = [heavy(seed, 200) for seed in range(128)]
    found = change("pcb", tasks, winsor=0.0)
    assert np.isfinite(found).all()
    assert found.any()


# Whole models ----------------------------------------

SHAPES = {"first": (300, 20), "second": (5000,), "third": (40, 40)}


def write(folder: Path, models: Sequence[dict[str, Array]]) -> list[str]:
    paths = [folder / f"{number}.safetensors" for number in range(len(models))]
    for path, held in zip(paths, models, strict=True):
        path.write_bytes(checkpoint(held))
    return list(map(str, paths))


def merge(paths: list[str], out: Path, *options: str) -> dict[str, Array]:
    assert run(["weights", "merge", *paths, "-o", str(out), "--method", "pcb", *options]) == 0
    return tensors(out.read_bytes())


def test_entries_compete_in_the_whole_model(tmp_path: Path) -> None:
    """Tensors that hardly changed lose all they have, and one that did not change still counts."""
    sizes = {"first": 1.0, "second": 1e-3, "third": 0.0}
    base = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    tasks = [
        {
            name: (sizes[name] * heavy(seed, math.prod(shape))).reshape(shape).astype(np.float32)
            for name, shape in SHAPES.items()
        }
        for seed in range(2)
    ]
    found = merge(write(tmp_path, [base, *tasks]), tmp_path / "out")
    flat = [np.concatenate([task[name].ravel() for name in SHAPES]) for task in tasks]
    wanted = reference([task.astype(np.float64) for task in flat])
    assert error(np.concatenate([found[name].ravel() for name in SHAPES]), wanted) < 1e-4
    assert not found["second"].any()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_thread_holds_a_stretch(tmp_path: Path, threads: int) -> None:
    """Models of 16 MB need for each thread hardly more than models of 4 MB."""

    def peak(size: int, threads: int) -> int:
        rng = np.random.default_rng(size)
        paths = write(tmp_path, [{"w": rng.standard_normal(size, np.float32)} for _ in range(3)])
        return peak_of(lambda: merge_only(paths, tmp_path / f"out{size}", threads))

    alone = peak(1 << 20, 1)
    assert peak(1 << 22, threads) < 1.3 * threads * alone


def merge_only(paths: list[str], out: Path, threads: int) -> None:
    """Without reading what is written."""
    given = ["--method", "pcb", "--threads", str(threads)]
    assert run(["weights", "merge", *paths, "-o", str(out), *given]) == 0
