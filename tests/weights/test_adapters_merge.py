"""Adapters merged by what they change: `tiebreak weights adapters merge`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lora import CONFIG, PREFIX, WEIGHTS, change, changes, factors, noise, save_adapter
from tiebreak.cli.dispatch import run
from tiny import checkpoint, full, tensors

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repo
    from tiny import Array

Q, K, V = "layers.0.q_proj", "layers.0.k_proj", "layers.0.v_proj"
SIZES = {Q: (8, 6), V: (4, 6)}
MORE = {K: (5, 6), Q: (8, 6)}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Different modules, ranks and scales; one of them rank-stabilised."""
    return (
        save_adapter(tmp_path / "a", factors(10, SIZES, 3), alpha_pattern={"v_proj": 2}),
        save_adapter(tmp_path / "b", factors(20, MORE, 2), lora_alpha=5, use_rslora=True),
    )


def merge(*adapters: Path, options: str, status: int = 0) -> Path:
    out = adapters[0].parent / f"out{len(list(adapters[0].parent.glob('out*')))}"
    names = [str(path) for path in adapters]
    command = ["weights", "adapters", "merge", *names, "-o", str(out), *options.split()]
    assert run(command) == status
    return out


def deltas(pair: tuple[Path, Path]) -> tuple[dict[str, Array], dict[str, Array]]:
    a = factors(10, SIZES, 3)
    one = {Q: change(*a[Q], 6), V: change(*a[V], 2)}
    two = {name: change(*two, 5, rslora=True) for name, two in factors(20, MORE, 2).items()}
    return one, two


def combined(pair: tuple[Path, Path], first: float, second: float) -> dict[str, Array]:
    one, two = deltas(pair)
    return {n: first * one.get(n, 0) + second * two.get(n, 0) for n in {**one, **two}}


def close(found: dict[str, Array], expected: dict[str, Array], atol: float = 1e-5) -> None:
    assert set(found) == set(expected)
    for name, delta in expected.items():
        np.testing.assert_allclose(found[name], delta, atol=atol)


def test_cat_is_the_sum_with_all_ranks(pair: tuple[Path, Path]) -> None:
    out = merge(*pair, options="--method cat --weight 0.5 --weight -2")
    close(changes(out), combined(pair, 0.5, -2))
    config = json.loads((out / CONFIG).read_text())
    held = tensors((out / WEIGHTS).read_bytes())
    ranks = {n: len(held[f"{PREFIX}{n}.lora_A.weight"]) for n in (Q, K, V)}
    assert ranks == {Q: 5, K: 2, V: 3}
    assert config["target_modules"] == ["k_proj", "q_proj", "v_proj"]
    assert not config["use_rslora"]


def test_cat_keeps_the_bits_of_factors_that_count_the_same(tmp_path: Path) -> None:
    one, two = factors(10, SIZES, 4), factors(20, SIZES, 4)
    paths = [save_adapter(tmp_path / "a", one), save_adapter(tmp_path / "b", two)]
    out = merge(*paths, options="--method cat --weight 0.3")
    held = tensors((out / WEIGHTS).read_bytes())
    for name in SIZES:
        a = np.vstack([one[name][0], two[name][0]])
        b = np.hstack([one[name][1], two[name][1]])
        np.testing.assert_array_equal(held[f"{PREFIX}{name}.lora_A.weight"], a)
        np.testing.assert_array_equal(held[f"{PREFIX}{name}.lora_B.weight"], b)
    config = json.loads((out / CONFIG).read_text())
    assert (config["r"], config["lora_alpha"]) == (8, pytest.approx(0.3 * 6 / 4 * 8))


def test_svd_is_the_nearest_of_a_lower_rank(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = merge(*pair, options="--method svd --rank 2 --weight 1 --weight 3 --json")
    expected = {}
    lost = {}
    for name, delta in combined(pair, 1, 3).items():
        u, s, v = np.linalg.svd(delta, full_matrices=False)
        expected[name] = (u[:, :2] * s[:2]) @ v[:2]
        lost[name] = np.linalg.norm(s[2:]) / np.linalg.norm(s)
    close(changes(out), expected)
    report = json.loads(capsys.readouterr().out)
    assert {m["name"]: m["rank"] for m in report["modules"]} == {Q: 2, V: 2, K: 2}
    for module in report["modules"]:
        assert module["error"] == pytest.approx(lost[module["name"]], abs=1e-6)


def test_without_a_rank_it_is_the_largest(pair: tuple[Path, Path]) -> None:
    out = merge(*pair, options="--method svd")
    assert json.loads((out / CONFIG).read_text())["r"] == 3


def test_the_rank_can_follow_from_the_energy(tmp_path: Path) -> None:
    """Four directions of falling strength; each module gets the rank it needs."""
    a = np.eye(4, 6, dtype="float32")
    strong, weak = (np.diag(s).astype("float32") for s in ([8, 4, 2, 1], [8, 1, 0.1, 0.1]))
    path = save_adapter(tmp_path / "a", {Q: (a, strong), V: (a, weak)}, lora_alpha=4)
    out = merge(path, options="--method svd --energy 0.98")
    ranks = {name: np.linalg.matrix_rank(delta) for name, delta in changes(out).items()}
    assert ranks == {Q: 3, V: 1}
    auto = merge(path, options="--method svd --rank auto")
    assert {n: np.linalg.matrix_rank(d) for n, d in changes(auto).items()} == {Q: 4, V: 2}


def test_linear_is_the_average_of_the_changes_not_of_the_factors(pair: tuple[Path, Path]) -> None:
    """A module that an adapter lacks counts as one that it does not change."""
    out = merge(*pair, options="--method linear --weight 1 --weight 3 --rank 8")
    close(changes(out), combined(pair, 0.25, 0.75))


def by_hand(method: str, one: Array, two: Array) -> Array:
    """With all signs elected by mass, everything of both kept: plain numpy."""
    if method == "ties":
        sign = np.where(one + two > 0, 1, -1)
        agree = [np.where(d * sign > 0, d, 0) for d in (one, two)]
        return sum(agree) / np.maximum(sum(d != 0 for d in agree), 1)  # type: ignore[no-any-return]
    kept = [np.where(np.abs(d) >= np.sort(np.abs(d), axis=None)[-(d.size // 2)], d, 0)
            for d in (one, two)]  # fmt: skip
    return sum(kept)  # type: ignore[return-value]


@pytest.mark.parametrize(("method", "density"), [("ties", 1), ("magnitude_prune", 0.5)])
def test_other_methods_see_the_changes_entry_by_entry(
    method: str, density: float, tmp_path: Path
) -> None:
    one, two = factors(10, SIZES, 3), factors(20, SIZES, 2)
    paths = [save_adapter(tmp_path / "a", one), save_adapter(tmp_path / "b", two)]
    out = merge(*paths, options=f"--method {method} --density {density} --rank 8")
    expected = {n: by_hand(method, change(*one[n]), change(*two[n])) for n in SIZES}
    close(changes(out), expected)


def test_knots_is_ties_of_the_parts_of_one_decomposition(tmp_path: Path) -> None:
    """Against whole matrices; the signs of singular vectors do not matter."""
    one, two = factors(10, SIZES, 2), factors(20, SIZES, 1)
    paths = [save_adapter(tmp_path / "a", one), save_adapter(tmp_path / "b", two)]
    expected = {}
    for name in SIZES:
        both = np.hstack([change(*one[name]), change(*two[name])])
        u, s, v = np.linalg.svd(both, full_matrices=False)
        parts = np.split(v[:3], 2, axis=1)
        expected[name] = (u[:, :3] * s[:3]) @ by_hand("ties", *parts)
    close(changes(merge(*paths, options="--method knots --density 1 --rank 8")), expected)
    twice = [paths[0], paths[0]]
    same = {name: change(*pair) for name, pair in one.items()}
    close(changes(merge(*twice, options="--method knots --density 1")), same)
    based = merge(*twice, options=f"--method knots --density 1 --rank 8 --base {paths[1]}")
    close(changes(based), same)


def test_a_density_of_1_drops_nothing_by_chance(pair: tuple[Path, Path]) -> None:
    out = merge(*pair, options="--method dare --density 1 --rank 8")
    close(changes(out), combined(pair, 1, 1))


def test_what_the_adapters_were_trained_on_from_counts_once(tmp_path: Path) -> None:
    """Base + (a - base) + (b - base); in other methods too."""
    sets = [factors(seed, SIZES, 2) for seed in (10, 20, 30)]
    base, *paths = (save_adapter(tmp_path / n, s) for n, s in zip("xab", sets, strict=True))
    origin, one, two = ({n: change(*p) for n, p in s.items()} for s in sets)
    expected = {n: one[n] + two[n] - origin[n] for n in SIZES}
    for method in ("cat", "svd --rank 8", "task_arithmetic --rank 8", "dare --density 1 --rank 8"):
        out = merge(*paths, options=f"--base {base} --method {method}")
        close(changes(out), expected)


def test_a_module_that_only_the_base_adapter_has(tmp_path: Path) -> None:
    """Both undid it, each as a change of its own; an average is of the adapters as they are."""
    base = save_adapter(tmp_path / "x", factors(1, SIZES, 2))
    paths = [save_adapter(tmp_path / n, factors(9, {Q: (8, 6)}, 2)) for n in "ab"]
    whole = change(*factors(1, SIZES, 2)[V])
    for method, left in (("cat", -whole), ("svd", -whole), ("linear", 0 * whole)):
        out = merge(*paths, options=f"--base {base} --method {method}")
        np.testing.assert_allclose(changes(out)[V], left, atol=1e-5)


def test_other_files_of_the_folder_do_not_matter(pair: tuple[Path, Path]) -> None:
    (pair[0] / "optimizer.safetensors").write_bytes(checkpoint({"x": full(1, 2)}))
    (pair[0] / "tokenizer.json").write_text("{}")
    out = merge(*pair, options="--method cat")
    assert {p.name for p in out.iterdir()} == {CONFIG, WEIGHTS, "tokenizer.json"}


@pytest.mark.parametrize(
    "method", ["cat", "svd --rank 2", "ties --density 0.3", "dare --density 0.4"]
)
def test_the_same_bytes_for_any_number_of_threads(method: str, pair: tuple[Path, Path]) -> None:
    one, four = (merge(*pair, options=f"--method {method} --threads {n}") for n in (1, 4))
    assert (one / WEIGHTS).read_bytes() == (four / WEIGHTS).read_bytes()
    assert (one / CONFIG).read_bytes() == (four / CONFIG).read_bytes()


def test_convolutions_and_embeddings_keep_their_form(tmp_path: Path) -> None:
    held = [
        {
            f"{PREFIX}conv.lora_A.weight": noise(seed, 2, 3, 3, 3),
            f"{PREFIX}conv.lora_B.weight": noise(seed + 1, 8, 2, 1, 1),
            f"{PREFIX}embed_tokens.lora_embedding_A": noise(seed + 2, 2, 10),
            f"{PREFIX}embed_tokens.lora_embedding_B": noise(seed + 3, 6, 2),
        }
        for seed in (1, 11)
    ]
    paths = []
    for name, more in zip("ab", held, strict=True):
        paths.append(save_adapter(tmp_path / name, factors(10, SIZES, 2)))
        (paths[-1] / WEIGHTS).write_bytes(checkpoint(more))
    found = tensors((merge(*paths, options="--method svd --rank 4") / WEIGHTS).read_bytes())
    assert {n: a.shape for n, a in found.items()} == {
        f"{PREFIX}conv.lora_A.weight": (4, 3, 3, 3),
        f"{PREFIX}conv.lora_B.weight": (8, 4, 1, 1),
        f"{PREFIX}embed_tokens.lora_embedding_A": (4, 10),
        f"{PREFIX}embed_tokens.lora_embedding_B": (6, 4),
    }
    for a, b in (("conv.lora_A.weight", "conv.lora_B.weight"),
                 ("embed_tokens.lora_embedding_A", "embed_tokens.lora_embedding_B")):  # fmt: skip
        names = (f"{PREFIX}{a}", f"{PREFIX}{b}")
        expected = sum(change(one[names[0]], one[names[1]], 6) for one in held)
        np.testing.assert_allclose(change(*(found[n] for n in names), 4), expected, atol=1e-5)


def wholes(tmp_path: Path, *values: float | None, rule: str, status: int = 0) -> Array | None:
    paths = []
    for at, value in enumerate(values):
        more = {} if value is None else {f"{PREFIX}score.weight": full(value, 3)}
        saved = None if value is None else ["score"]
        pairs = factors(at, SIZES, 2)
        paths.append(save_adapter(tmp_path / f"{at}", pairs, more, modules_to_save=saved))
    out = merge(*paths, options=f"--method cat {rule}", status=status)
    if status:
        return None
    assert json.loads((out / CONFIG).read_text())["modules_to_save"] == ["score"]
    return tensors((out / WEIGHTS).read_bytes())[f"{PREFIX}score.weight"]


@pytest.mark.parametrize(
    ("values", "rule", "expected"),
    [
        ((1, 1), "", 1),
        ((None, 4), "", 4),
        ((1, 2), "--whole first", 1),
        ((1, 2), "--whole average --weight 1 --weight 3", 1.75),
    ],
)
def test_tensors_that_are_stored_as_a_whole(
    values: tuple[float | None, ...], rule: str, expected: float, tmp_path: Path
) -> None:
    np.testing.assert_array_equal(wholes(tmp_path, *values, rule=rule), full(expected, 3))


def test_whole_tensors_that_differ_are_nobodys_guess(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wholes(tmp_path, 1, 2, rule="", status=2) is None
    assert "--whole first or average says what becomes of it" in capsys.readouterr().err


def test_names_that_are_the_end_of_others(tmp_path: Path) -> None:
    """PEFT takes the first pattern that a module's name ends in."""
    sizes = {"proj": (4, 4), "attn.proj": (4, 4), "mlp.attn.proj": (4, 4)}
    ranks = dict(zip(sizes, (1, 2, 2), strict=True))
    pairs = {n: factors(9, {n: s}, ranks[n])[n] for n, s in sizes.items()}
    path = save_adapter(tmp_path / "a", pairs, rank_pattern={"attn.proj": 2, "proj": 1})
    out = merge(path, options="--method cat")
    config = json.loads((out / CONFIG).read_text())
    for name, rank in ranks.items():
        ends = [p for p in config["rank_pattern"] if f".{name}".endswith(f".{p}")]
        assert (config["rank_pattern"][ends[0]] if ends else config["r"]) == rank


def test_modules_are_named_in_full_where_the_settings_chose_layers(tmp_path: Path) -> None:
    path = save_adapter(tmp_path / "a", factors(1, SIZES, 2), layers_to_transform=[0])
    config = json.loads((merge(path, options="--method cat") / CONFIG).read_text())
    assert (config["target_modules"], config["layers_to_transform"]) == ([Q, V], None)


def edit(path: Path, **config: Any) -> Path:
    settings = json.loads((path / CONFIG).read_text())
    (path / CONFIG).write_text(json.dumps(settings | config))
    return path


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("--method cat --rank 3", "cat keeps all of the ranks; svd is the same with a lower one"),
        ("--method svd --rank none", "--rank none: expected a whole number from 1 on, or auto"),
        ("--method svd --rank 0", "--rank 0: expected a whole number"),
        ("--method tie", "there is no method 'tie'; did you mean ties?"),
        ("--method fisher", "there is no method 'fisher'"),
        ("--method ties --set scope=model", "ties: the scope of adapters is the tensor"),
        (
            "--method linear --weight 1 --weight -1",
            "linear: weights that sum to 0 cannot be divided by",
        ),
        ("--method cat --weight 1 --weight 2 --weight 3", "cat: weight: 3 numbers for 2 models"),
    ],
)
def test_a_wrong_request_is_one_line(
    options: str, line: str, pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = merge(*pair, options=options, status=2)
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_what_does_not_fit_is_one_line(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = save_adapter(tmp_path / "c", factors(1, {Q: (8, 7)}, 2))
    based = save_adapter(tmp_path / "d", factors(1, SIZES, 2), base_model_name_or_path="else")
    turned = save_adapter(tmp_path / "e", factors(1, SIZES, 2), fan_in_fan_out=True)
    held = save_adapter(
        tmp_path / "f", factors(1, {V: (4, 6)}, 2), {f"{PREFIX}{Q}.weight": full(1, 8, 6)}
    )
    for path, line in (
        (other, f"{Q} is weight [8, 7], in {pair[0]} weight [8, 6]"),
        (based, f"was trained for else, {pair[0]} for some/model; --any-base merges them"),
        (turned, "fan_in_fan_out differs; the weights are stored differently"),
        (held, "is stored as a whole, another adapter has factors for it"),
    ):
        merge(pair[0], path, options="--method svd", status=2)
        error = capsys.readouterr().err
        assert line in error
        assert error.count("\n") == 1
    merge(pair[0], based, options="--method svd --any-base")
    assert not list(tmp_path.glob("*tiebreak*"))


def test_nothing_is_replaced(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    command = ["weights", "adapters", "merge", str(pair[0]), "-o", str(pair[1]), "--method", "cat"]
    assert run(command) == 2
    assert "there is something already; name a new place" in capsys.readouterr().err
    assert changes(pair[1])


def test_adapters_of_commits(repo: Repo, tmp_path: Path) -> None:
    path = save_adapter(tmp_path / "a", factors(10, SIZES, 2))
    for name in (CONFIG, WEIGHTS):
        repo.commit({f"a/{name}": (path / name).read_bytes()})
    done = repo.tiebreak(
        "weights", "adapters", "merge", "HEAD:a", "HEAD:a", "-o", "out", "--method", "cat"
    )
    assert done.returncode == 0, done.stderr.decode()
    expected = {name: 2 * delta for name, delta in changes(path).items()}
    close(changes(repo.path / "out"), expected)


def test_the_methods_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "adapters", "merge", "--methods"]) == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    names = [line.partition(":")[0] for line in heads]
    assert {"cat", "svd", "linear", "ties", "dare", "magnitude_prune"} <= set(names)
    assert "fisher" not in names


def test_merging_models_refuses_factors(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Averaging A with A and B with B would be no average of what they change."""
    a, b = map(str, pair)
    command = ["weights", "merge", a, a, b, "-o", str(tmp_path / "x"), "--method", "linear"]
    assert run(command) == 2
    assert "tiebreak weights adapters merge" in capsys.readouterr().err
