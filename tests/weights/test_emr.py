"""EMR-Merging: the worked example, and what must hold for any input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matrices import change, error, merged, normal, peak_of

from tiebreak.cli.dispatch import run
from tiebreak.errors import UsageError
from tiebreak.weights import engine
from tiny import checkpoint

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = [
    np.array(task) for task in ([4, -3, 1, 0.5, -2], [1, 5, -2, 0.25, -4], [-6, 0.5, 3, 0.75, 1.0])
]
UNIFIED = [-6, 5, 3, 0.75, -4]
MASKS = ([0, 0, 1, 1, 1], [0, 1, 0, 1, 1], [1, 1, 1, 1, 0])
RESCALERS = (1.354839, 1.256410, 0.762712)


def test_the_unified_vector_of_the_worked_example() -> None:
    assert change("emr", GOLDEN).tolist() == UNIFIED
    assert change("emr", GOLDEN, **{"lambda": 0.5}).tolist() == [x / 2 for x in UNIFIED]


@pytest.mark.parametrize("task", [1, 2, 3])
def test_each_tasks_model_of_the_worked_example(task: int) -> None:
    expected = RESCALERS[task - 1] * np.array(MASKS[task - 1]) * UNIFIED
    assert change("emr", GOLDEN, task=task) == pytest.approx(expected, rel=1e-6)


def test_equal_models_are_that_model_for_every_task() -> None:
    base, model = normal(1, 999), normal(2, 999)
    for task in (0, 1, 2):
        assert error(merged("emr", base, [model, model], {"task": task}), model) < 1e-12


def test_the_order_of_the_models_does_not_matter() -> None:
    tasks = [normal(seed, 999) for seed in range(2)]
    assert (change("emr", tasks) == change("emr", tasks[::-1])).all()
    assert (change("emr", tasks, task=1) == change("emr", tasks[::-1], task=2)).all()


def test_a_model_keeps_the_size_of_its_changes() -> None:
    tasks = [normal(seed, 999) for seed in range(3)]
    for task, own in enumerate(tasks, 1):
        found = change("emr", tasks, task=task)
        assert np.abs(found).sum() == pytest.approx(np.abs(own).sum())


@pytest.mark.parametrize(("task", "words"), [(3, "task 3 of 2 models"), (0.5, "a whole number")])
def test_a_task_that_is_none_is_refused(task: float, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        change("emr", GOLDEN[:2], task=task)


def test_nan_is_never_lost() -> None:
    tasks = [normal(seed, 9) for seed in range(2)]
    tasks[0][3] = np.nan
    for task in (0, 1, 2):
        assert np.isnan(change("emr", tasks, task=task)[3])


# Whole models ----------------------------------------


def written(folder: Path, elements: int) -> list[str]:
    """A base and two models of one tensor with so many elements."""
    paths = [folder / f"{seed}-{elements}.safetensors" for seed in range(3)]
    for seed, path in enumerate(paths):
        values = np.random.default_rng(seed).standard_normal(elements, np.float32)
        path.write_bytes(checkpoint({"w": values}))
    return list(map(str, paths))


def merge(paths: list[str], out: Path, *options: str) -> None:
    assert run(["weights", "merge", *paths, "-o", str(out), "--method", "emr", *options]) == 0


@pytest.mark.parametrize("task", ["0", "2"])
def test_any_number_of_threads_gives_the_same_bytes(
    tmp_path: Path, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = written(tmp_path, 600_000)
    found = set()
    for threads, large in (("1", engine.LARGE), ("4", 1 << 20)):
        monkeypatch.setattr(engine, "LARGE", large)  # so that threads share the tensor
        merge(paths, tmp_path / threads, "--set", f"task={task}", "--threads", threads)
        found.add((tmp_path / threads).read_bytes())
    assert len(found) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_a_thread_holds_a_stretch(tmp_path: Path, threads: int) -> None:
    """Models of 16 MB need for each thread hardly more than models of 4 MB."""

    def peak(elements: int, threads: int) -> int:
        given = ["--set", "task=1", "--threads", str(threads)]
        paths = written(tmp_path, elements)
        return peak_of(lambda: merge(paths, tmp_path / f"out{elements}", *given))

    alone = peak(1 << 20, 1)
    assert peak(1 << 22, threads) < 1.3 * threads * alone
