"""The methods that see matrices: against plain numpy, and where their result is known exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matrices import change, error, low_rank, merged, normal, orthonormal, peak_of

from tiebreak.cli.dispatch import run
from tiebreak.errors import InputError
from tiebreak.weights.methods import METHODS
from tiebreak.weights.methods.forms import form
from tiebreak.weights.spectrum import svd
from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matrices import Array

SPECTRAL = ("iso_c", "iso_cts", "tsv_m")
MATRICES = (*SPECTRAL, "wudi")
SHAPES = [(24, 9), (9, 24), (16, 16)]


# References: the papers' formulas with LAPACK's decomposition ----------------------------------


def polar(matrix: Array) -> Array:
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return left @ right


def iso_c(tasks: Sequence[Array]) -> Array:
    left, values, right = np.linalg.svd(np.sum(tasks, 0), full_matrices=False)
    return values.mean() * left @ right


def tsv_m(tasks: Sequence[Array]) -> Array:
    kept = min(tasks[0].shape) // len(tasks)
    found = [np.linalg.svd(task, full_matrices=False) for task in tasks]
    left = np.hstack([u[:, :kept] for u, _, _ in found])
    values = np.concatenate([s[:kept] for _, s, _ in found])
    right = np.vstack([v[:kept] for _, _, v in found])
    return polar(left) @ np.diag(values) @ polar(right)


def iso_cts(tasks: Sequence[Array]) -> Array:
    least = min(tasks[0].shape)
    own = round((least - int(0.8 * least)) / len(tasks))
    common = least - own * len(tasks)
    left, values, right = np.linalg.svd(np.sum(tasks, 0), full_matrices=False)
    lefts, sizes, rights = [left[:, :common]], [values[:common]], [right[:common]]
    outside = np.eye(len(left)) - left[:, :common] @ left[:, :common].T
    for task in tasks:
        u, s, v = np.linalg.svd(outside @ task, full_matrices=False)
        lefts.append(u[:, :own])
        sizes.append(s[:own])
        rights.append(v[:own])
    return np.concatenate(sizes).mean() * polar(np.hstack(lefts)) @ polar(np.vstack(rights))


REFERENCES: dict[str, Callable[[Sequence[Array]], Array]] = {
    "iso_c": iso_c,
    "iso_cts": iso_cts,
    "tsv_m": tsv_m,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("method", REFERENCES)
def test_the_formula_of_the_paper(method: str, number: int, shape: tuple[int, int]) -> None:
    tasks = [normal(seed, *shape) for seed in range(number)]
    assert error(change(method, tasks), REFERENCES[method](tasks)) < 1e-9


# Known results ----------------------------------------


def test_iso_c_makes_all_singular_values_equal() -> None:
    assert change("iso_c", [np.diag([4.0, 3, 2, 1])]) == pytest.approx(2.5 * np.eye(4), abs=1e-12)
    tasks = [normal(seed, 40, 30) for seed in range(3)]
    values = np.linalg.svd(change("iso_c", tasks), compute_uv=False)
    assert values == pytest.approx(np.full(30, values[0]), rel=1e-9)
    assert values.sum() == pytest.approx(np.linalg.svd(np.sum(tasks, 0), compute_uv=False).sum())


def test_iso_cts_makes_all_singular_values_equal() -> None:
    tasks = [normal(seed, 40, 30) for seed in range(3)]
    values = np.linalg.svd(change("iso_cts", tasks), compute_uv=False)
    assert values == pytest.approx(np.full(30, values[0]), rel=1e-9)


def test_iso_cts_of_common_directions_alone_is_iso_c() -> None:
    tasks = [normal(seed, 20, 12) for seed in range(3)]
    assert error(change("iso_cts", tasks, common=1.0), change("iso_c", tasks)) < 1e-9


def test_tsv_m_of_tasks_in_orthogonal_subspaces_is_their_sum() -> None:
    left, right = orthonormal(1, 20, 8), orthonormal(2, 8, 8)
    tasks = [
        left[:, part] @ np.diag(values) @ right[:, part].T
        for part, values in ((slice(4), [9.0, 5, 3, 1]), (slice(4, 8), [8.0, 4, 2, 1e-4]))
    ]
    assert error(change("tsv_m", tasks), np.sum(tasks, 0)) < 1e-9


@pytest.mark.parametrize("method", ["tsv_m", "wudi"])
@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_one_model_alone_is_that_model(method: str, dtype: str) -> None:
    base, model = normal(1, 12, 10), normal(2, 12, 10)
    stored = [merged("linear", base, [one], dtype=dtype) for one in (base, model)]
    assert (merged(method, stored[0], stored[1:], dtype=dtype) == stored[1]).all()


def test_tsv_m_of_equal_models_keeps_their_strongest_directions() -> None:
    task = normal(1, 12, 10)
    left, values, right = np.linalg.svd(task, full_matrices=False)
    expected = left[:, :5] @ np.diag(values[:5]) @ right[:5]
    assert error(change("tsv_m", [task, task]), expected) < 1e-9


def loss(change: Array, tasks: Sequence[Array]) -> float:
    """WUDI's, as the paper has it."""
    return sum(
        float(np.linalg.norm((change - task) @ task.T) ** 2 / np.linalg.norm(task) ** 2)
        for task in tasks
    )


def published_steps(tasks: Sequence[Array], steps: int) -> Array:
    """Adam from the sum, as the authors' code takes it."""
    rate, first, second = 1e-5, 0.9, 0.999
    found = np.sum(tasks, 0)
    mean, square = np.zeros_like(found), np.zeros_like(found)
    for step in range(1, steps + 1):
        slope = sum(2 * (found - t) @ (t.T @ t) / np.linalg.norm(t) ** 2 for t in tasks)
        mean = first * mean + (1 - first) * slope
        square = second * square + (1 - second) * slope**2
        size = np.sqrt(square / (1 - second**step)) + 1e-8
        found = found - rate * mean / (1 - first**step) / size
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_wudi_has_the_least_loss_there_is(shape: tuple[int, int]) -> None:
    tasks = [1e-3 * normal(seed, *shape) for seed in range(3)]
    found = change("wudi", tasks)
    sizes = [np.linalg.norm(task) for task in tasks]
    inputs = np.vstack([task / size for task, size in zip(tasks, sizes, strict=True)])
    wanted = np.hstack([t @ t.T / size for t, size in zip(tasks, sizes, strict=True)])
    least = np.linalg.lstsq(inputs, wanted.T, rcond=None)[0].T
    assert loss(found, tasks) <= loss(least, tasks) * (1 + 1e-9) + 1e-15 * loss(0 * least, tasks)


@pytest.mark.parametrize("steps", [300, 400, 3000])
def test_wudi_is_no_worse_than_the_published_steps(steps: int) -> None:
    """On task vectors of the size of real ones, the shared strong directions and all."""
    common = low_rank(9, 24, 16, 2)
    tasks = [1e-3 * (normal(seed, 24, 16) + common) for seed in range(4)]
    stepped, start = published_steps(tasks, steps), np.sum(tasks, 0)
    assert loss(stepped, tasks) < loss(start, tasks)  # they do lead somewhere
    assert loss(change("wudi", tasks), tasks) < loss(stepped, tasks)


def test_wudi_of_tasks_with_inputs_of_their_own_is_their_sum() -> None:
    right = orthonormal(2, 8, 8)
    tasks = [normal(seed, 20, 4) @ right[:, 4 * seed : 4 * seed + 4].T for seed in range(2)]
    assert error(change("wudi", tasks), np.sum(tasks, 0)) < 1e-6


def test_wudi_of_equal_models_is_that_model() -> None:
    for shape in SHAPES:
        task = normal(1, *shape)
        assert error(change("wudi", [task, task, task]), task) < 1e-5


def test_a_large_ridge_stays_at_the_sum() -> None:
    tasks = [normal(seed, 20, 14) for seed in range(3)]
    assert error(change("wudi", tasks, ridge=1e12), np.sum(tasks, 0)) < 1e-9


# What must hold for every method ----------------------------------------


@pytest.mark.parametrize("method", MATRICES)
def test_the_order_of_the_models_does_not_matter(method: str) -> None:
    tasks = [normal(seed, 20, 14) for seed in range(3)]
    found = change(method, tasks)
    assert error(change(method, tasks[::-1]), found) < 1e-9


@pytest.mark.parametrize("method", SPECTRAL)
def test_nothing_appears_where_no_model_changed_anything(method: str) -> None:
    """Of a low rank: the rows and columns that no task reaches stay the base's."""
    tasks = [low_rank(seed, 20, 14, 2) for seed in range(2)]
    found = change(method, tasks)
    assert np.linalg.matrix_rank(found) == 4
    reached = np.linalg.svd(np.hstack(tasks), full_matrices=False)[0][:, :4]
    assert error(reached @ reached.T @ found, found) < 1e-9


@pytest.mark.parametrize("method", MATRICES)
def test_models_equal_to_the_base_take_no_part(method: str) -> None:
    base, models = normal(9, 10, 8), [normal(seed, 10, 8) for seed in range(2)]
    base[0, 0] = -0.0
    found = merged(method, base, [*models, base])
    assert (found == merged(method, base, models)).all()
    nothing = merged(method, base, [base, base])
    assert nothing.tobytes() == base.tobytes()


@pytest.mark.parametrize("method", MATRICES)
def test_scaled_to_nothing_the_result_is_the_base(method: str) -> None:
    base, models = normal(9, 10, 8), [normal(seed, 10, 8) for seed in range(2)]
    assert merged(method, base, models, {"lambda": 0.0}).tobytes() == base.tobytes()


@pytest.mark.parametrize("method", MATRICES)
def test_weights_and_lambda_scale_the_changes(method: str) -> None:
    tasks = [normal(seed, 10, 8) for seed in range(2)]
    base, models = normal(9, 10, 8), [2 * tasks[0], -tasks[1]]
    found = merged(method, base, [base + task for task in tasks], {"weight": [2, -1], "lambda": 3})
    assert error(found - base, 3 * change(method, models)) < 1e-9


@pytest.mark.parametrize("method", MATRICES)
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("model.norm.weight", (12,)),
        ("model.embed_tokens.weight", (12, 4)),
        ("lm_head.weight", (12, 4)),
        ("transformer.wpe.weight", (12, 4)),
        ("vision_model.embeddings.position_embedding.weight", (12, 4)),
    ],
)
def test_other_tensors_take_the_mean_of_the_changes(
    method: str, name: str, shape: tuple[int, ...]
) -> None:
    tasks = [normal(seed, *shape) for seed in range(3)]
    assert error(change(method, tasks, name=name), np.mean(tasks, 0)) < 1e-12


@pytest.mark.parametrize("method", MATRICES)
def test_stacked_experts_are_merged_one_by_one(method: str) -> None:
    tasks = [normal(seed, 3, 10, 8) for seed in range(2)]
    found = change(method, tasks, name="model.layers.0.mlp.experts.gate_up_proj")
    for expert in range(3):
        assert (found[expert] == change(method, [task[expert] for task in tasks])).all()


@pytest.mark.parametrize("method", MATRICES)
def test_kernels_of_convolutions_are_flattened(method: str) -> None:
    tasks = [normal(seed, 6, 4, 3, 3) for seed in range(2)]
    found = change(method, tasks, name="layer1.0.conv1.weight")
    flat = change(method, [task.reshape(6, 36) for task in tasks])
    assert (found.reshape(6, 36) == flat).all()


def test_what_is_a_matrix() -> None:
    assert form("a.experts.w", (2, 3, 4)) == (2, 3, 4)
    assert form("a.conv.weight", (2, 3, 4)) == (1, 2, 12)
    assert form("h.0.mlp.c_fc.weight", (3, 4)) == (1, 3, 4)
    assert form("h.0.mlp.c_fc.weight", (0, 4)) is None
    assert form("patch_embed.proj.weight", (8, 3, 2, 2)) == (1, 8, 12)


@pytest.mark.parametrize("method", MATRICES)
def test_numbers_that_are_none_are_refused(method: str) -> None:
    tasks = [normal(seed, 10, 8) for seed in range(2)]
    tasks[1][3, 3] = np.nan
    with pytest.raises(InputError, match=r"up_proj.weight': model 2 or the base holds NaN"):
        change(method, tasks)


# The decomposition ----------------------------------------


def test_small_singular_values_are_as_good_as_large_ones() -> None:
    """Twelve decades, where the squares alone would leave eight."""
    left, right = orthonormal(1, 60, 13), orthonormal(2, 40, 13)
    wanted = 10.0 ** -np.arange(13)
    found = svd((left * wanted) @ right.T)
    assert found.values == pytest.approx(wanted, rel=1e-3)
    assert found.left.T @ found.left == pytest.approx(np.eye(13), abs=1e-6)
    assert found.right.T @ found.right == pytest.approx(np.eye(13), abs=1e-10)
    assert (
        np.abs((found.left * found.values) @ found.right.T - (left * wanted) @ right.T).max()
        < 1e-14
    )


def test_the_rank_is_the_usual_one() -> None:
    for seed in range(20):
        matrix = low_rank(seed, 30, 20, seed)
        assert len(svd(matrix).values) == np.linalg.matrix_rank(matrix) == seed


# Whole models ----------------------------------------

SIZE = 256
LAYERS = 3


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    """A base and two models with three square matrices each, and what is no matrix."""
    paths = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        held = {
            f"layers.{n}.weight": rng.standard_normal((SIZE, SIZE)).astype(np.float32)
            for n in range(LAYERS)
        }
        held |= {"norm.weight": rng.standard_normal(9).astype(np.float32)}
        path = tmp_path / f"{seed}.safetensors"
        path.write_bytes(checkpoint(held | {"ids": full(seed, 2, dtype="int64")}))
        paths.append(str(path))
    return paths


def merge(models: list[str], method: str, out: Path, *options: str) -> bytes:
    assert run(["weights", "merge", *models, "-o", str(out), "--method", method, *options]) == 0
    return out.read_bytes()


@pytest.mark.parametrize("method", MATRICES)
def test_any_number_of_threads_gives_the_same_bytes(
    models: list[str], method: str, tmp_path: Path
) -> None:
    found = {merge(models, method, tmp_path / n, "--threads", n) for n in ("1", "4")}
    assert len(found) == 1
    read = tensors(found.pop())
    assert read["ids"].tolist() == [1, 1]
    first = [tensors((tmp_path / f"{n}.safetensors").read_bytes()) for n in range(3)]
    name = "layers.2.weight"
    base, *sides = (one[name].astype(np.float64) for one in first)
    assert error(read[name], merged(method, base, sides)) < 1e-6


@pytest.mark.parametrize("method", MATRICES)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_thread_holds_one_matrix_with_its_copies(
    models: list[str], method: str, threads: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merge(models, method, tmp_path / "first")  # what is imported and read once
    capsys.readouterr()
    peak = peak_of(lambda: merge(models, method, tmp_path / "out", "--threads", str(threads)))
    copies = METHODS[method].copies
    assert peak < threads * copies * SIZE * SIZE * 8 + (1 << 20)
    assert peak > copies / 2 * SIZE * SIZE * 8  # the number says something
    first = capsys.readouterr().err.splitlines()[0]
    assert first == said(method, threads, copies * SIZE * SIZE * 8 + SIZE * SIZE * 4)


def said(method: str, threads: int, tensor: int) -> str:
    """What is printed, with a stretch of 4 MiB for each thread."""
    most, least = (f"{n * (tensor + (1 << 22)) / 1e6:.1f} MB" for n in (threads, 1))
    if threads == 1:
        return f"{method}: holds at most {most} in memory"
    return f"{method}: {threads} threads hold at most {most}; with --threads 1 at most {least}"


def test_what_is_held_is_of_the_largest_matrices_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Threads that find no matrix hold none; of experts one at a time; of WUDI inputs x inputs."""
    shapes = {
        "layers.0.weight": (100, 400),
        "layers.1.weight": (400, 100),
        "layers.2.mlp.experts.weight": (4, 100, 100),
        "lm_head.weight": (9000, 400),
        "norm.weight": (400,),
    }
    paths = []
    for seed in range(3):
        held = {name: normal(seed, *shape).astype(np.float32) for name, shape in shapes.items()}
        (tmp_path / f"{seed}").write_bytes(checkpoint(held))
        paths.append(str(tmp_path / f"{seed}"))
    stored, stretch = 4 * 40_000, 1 << 22
    for method, largest in (("iso_c", 40_000), ("wudi", 400 * 400)):
        merge(paths, method, tmp_path / f"one {method}", "--threads", "1")
        held = METHODS[method].copies * 8 * largest + stored + stretch
        assert f"at most {held / 1e6:.1f} MB in memory\n" in capsys.readouterr().err
        merge(paths, method, tmp_path / f"many {method}", "--threads", "64")
        assert "64 threads hold at most " in capsys.readouterr().err
    merge(paths, "ties", tmp_path / "ties")
    assert "at most" not in capsys.readouterr().err


def test_a_matrix_that_cannot_be_decomposed_leaves_nothing(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = {"layers.0.weight": full(np.inf, 2, 2)}
    paths = [tmp_path / name for name in ("a", "b")]
    for path, held in zip(paths, (bad, {"layers.0.weight": full(1, 2, 2)}), strict=True):
        path.write_bytes(checkpoint(held))
    command = ["weights", "merge", *map(str, [paths[1], *paths]), "-o", str(tmp_path / "out")]
    assert run([*command, "--method", "iso_c"]) == 2
    planned, error_line = capsys.readouterr().err.splitlines()
    assert planned.startswith("iso_c: ")
    assert "tensor 'layers.0.weight': model 1 or the base holds NaN or infinity" in error_line
    assert not (tmp_path / "out").exists()
