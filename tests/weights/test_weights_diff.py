"""`tiebreak weights diff` of several models, directions of changes, and the page of a merge."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lora import noise
from tiebreak.cli.dispatch import run
from tiebreak.weights.directions import EXACT, LEADING, RANKS, directions
from tiebreak.weights.places import Place, place_of
from tiny import checkpoint, full

if TYPE_CHECKING:
    from pathlib import Path

    from tiny import Array

Q, K, NORM = "m.layers.0.q.weight", "m.layers.1.q.weight", "m.norm.weight"
BASE = {Q: noise(1, 8, 6), K: noise(2, 8, 6), NORM: full(1, 6)}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A moves Q by a change of rank 1, B goes the opposite way and moves K, C is half of A."""
    move, other = np.outer(noise(3, 8), noise(4, 6)), noise(5, 8, 6)
    versions: dict[str, dict[str, Array]] = {
        "base": {},
        "a": {Q: move},
        "b": {Q: -move, K: other},
        "c": {Q: move / 2},
    }
    for name, moved in versions.items():
        held = {n: v + moved.get(n, np.float32(0)) for n, v in BASE.items()}
        (tmp_path / name).write_bytes(checkpoint(held))
    return tmp_path


def diff(folder: Path, *names: str, options: str = "", status: int = 0) -> None:
    paths = [str(folder / name) for name in names]
    assert run(["weights", "diff", *paths, *options.split()]) == status


def facts(folder: Path, capsys: pytest.CaptureFixture[str], *names: str, options: str) -> Any:
    diff(folder, *names, options=f"{options} --json")
    return json.loads(capsys.readouterr().out)


def test_more_than_two_models_are_compared_in_pairs(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = facts(models, capsys, "a", "b", "c", options=f"--base {models / 'base'}")
    layer = found["layers"][0]
    assert {name: round(p["cosine"], 5) for name, p in layer["pairs"].items()} == {
        "A-B": -1,
        "A-C": 1,
        "B-C": -1,
    }
    assert layer["pairs"]["A-C"]["sign_agreement"] == 1
    matrices = found["matrices"]
    assert np.diag(matrices["cosine"]).tolist() == [1, 1, 1]
    assert np.diag(matrices["distance"]).tolist() == [0, 0, 0]
    assert matrices["cosine"][0][1] == matrices["cosine"][1][0] == found["total"]["cosine"]
    norm = found["total"]["pairs"]["A-C"]["norm_a"]
    assert matrices["distance"][0][2] == pytest.approx(norm / 2, rel=1e-6)
    assert found["total"]["norm_base"] == pytest.approx(
        np.sqrt(sum(np.sum(v.astype(float) ** 2) for v in BASE.values()))
    )


def test_the_table_of_several_models(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diff(models, "a", "b", "c", options=f"--base {models / 'base'}")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        *("layer", "tensors", "changed", "|A|", "|B|", "|C|", "cosines", "same", "signs")
    ]
    assert " -1 to 1 " in lines[1]
    places = [lines.index(t) for t in ("cosine", "share of entries with the same sign", "distance")]
    for place in places:
        assert lines[place + 1].split() == ["A", "B", "C"]
        assert [line.split()[0] for line in lines[place + 2 : place + 5]] == ["A", "B", "C"]


def test_what_not_all_models_have(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (models / "d").write_bytes(checkpoint({Q: BASE[Q], "x": full(1, 2)}))
    found = facts(models, capsys, "a", "b", "d", options="")
    kinds = {tensor["name"]: tensor["kind"] for tensor in found["tensors"]}
    assert kinds == {Q: "changed", K: "not in all", NORM: "not in all", "x": "not in all"}


def test_the_directions_of_changes(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = facts(models, capsys, "a", "b", options=f"--base {models / 'base'} --spectrum")
    tensors = {tensor["name"]: tensor.get("spectra") for tensor in found["tensors"]}
    assert tensors[NORM] is None
    assert tensors[Q]["A"]["stable_rank"] == pytest.approx(1, abs=1e-6)
    assert tensors[K]["A"]["stable_rank"] is None  # A did not move it
    values = np.linalg.svd(noise(5, 8, 6), compute_uv=False)
    np.testing.assert_allclose(tensors[K]["B"]["values"], values, rtol=1e-5)
    energy = np.cumsum(values**2) / np.sum(values**2)
    assert tensors[K]["B"]["ranks"] == list(RANKS)
    np.testing.assert_allclose(tensors[K]["B"]["energy"][:3], energy[[0, 1, 3]], rtol=1e-5)
    assert tensors[K]["B"]["energy"][-1] == pytest.approx(1)
    assert tensors[K]["B"]["exact"] is True
    without = facts(models, capsys, "a", "b", options="--spectrum")
    assert set(without["total"]["spectra"]) == {"A-B"}


def read(matrix: Array) -> Any:
    flat = matrix.astype(np.float64).ravel()
    return lambda start, stop: flat[start:stop]


@pytest.mark.parametrize("shape", [(40, 9), (9, 40), (EXACT + 90, EXACT), (EXACT, EXACT + 90)])
def test_small_matrices_are_exact(shape: tuple[int, int]) -> None:
    matrix = noise(1, *shape)
    found = directions(read(matrix), shape)
    assert found is not None
    assert found.exact
    values = np.linalg.svd(matrix.astype(float), compute_uv=False)
    np.testing.assert_allclose(found.values, values[:LEADING], rtol=1e-8)
    assert found.energy == pytest.approx(np.sum(values**2))


@pytest.mark.parametrize("scale", [1, 1e-25])
def test_of_large_matrices_the_leading_values_are_near_and_never_too_large(scale: float) -> None:
    """Of 25 strong directions among noise; changes can be as small as they like."""
    shape = EXACT + 80, EXACT + 130
    matrix = noise(1, *shape).astype(float) + 20 * noise(2, shape[0], 25) @ noise(3, 25, shape[1])
    found = directions(read(matrix * scale), shape)
    assert found is not None
    assert not found.exact
    values = np.linalg.svd(matrix * scale, compute_uv=False)
    np.testing.assert_allclose(found.values[:25], values[:25], rtol=1e-4)
    assert np.all(np.array(found.values) <= values[:LEADING] * (1 + 1e-5))
    assert found.energy == pytest.approx(np.sum(values**2))


@pytest.mark.parametrize("shape", [(4, 4), (EXACT + 80, EXACT + 81)])
def test_matrices_without_directions(shape: tuple[int, int]) -> None:
    nothing = directions(read(full(0, *shape)), shape)
    assert nothing is not None
    assert (nothing.energy, nothing.stable_rank, nothing.shares((1,))) == (0, None, [1])
    broken = full(0, *shape)
    broken[2, 3] = np.nan
    assert directions(read(broken), shape) is None


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("model.layers.3.mlp.up.weight", Place("model.layers", 3, "mlp.up.weight")),
        ("h.11.experts.7.w", Place("h", 11, "experts.*.w")),
        ("model.embed_tokens.weight", None),
        ("0.weight", None),
        ("layers.0", None),
    ],
)
def test_the_place_of_a_name(name: str, place: Place | None) -> None:
    assert place_of(name) == place


def test_the_page_shows_directions_and_pairs(models: Path) -> None:
    page = models / "page.html"
    diff(models, "a", "b", "c", options=f"--base {models / 'base'} --spectrum --html {page}")
    text = page.read_text()
    for said in (
        "<title>A and B: -",  # the table of pairs
        "<title>C, m.layers.0: ",  # how far C moved
        "<title>q.weight, layer 1: none</title>",  # nobody but B moved K: no cosine
        "Stable rank in m.layers, B",
        "Share of the energy by number of directions, C",
    ):
        assert said in text, said
    assert "<title>q.weight, 1: 1</title>" in text  # all of what A did to Q is one direction


def test_a_merge_reports_what_it_did(models: Path) -> None:
    page, out = models / "page.html", models / "out"
    names = [str(models / name) for name in ("base", "a", "b")]
    options = ["--method", "linear", "--html", str(page)]
    assert run(["weights", "merge", *names, "-o", str(out), *options]) == 0
    text = page.read_text()
    assert "<h1>Merged by linear</h1>" in text
    assert f"C is <code>{out}</code>" in text
    moved = re.findall(r"<title>(.), m.layers.0: ([^<]*)</title>", text)[:3]
    assert [letter for letter, _ in moved] == ["A", "B", "C"]
    assert float(moved[0][1]) == pytest.approx(float(moved[1][1]))
    assert float(moved[2][1]) < 1e-6  # A and B cancel out there


@pytest.mark.parametrize(
    ("names", "options", "line"),
    [
        (("a",), "", "diff compares 2 to 26 models, 1 are named"),
        (("a", "b"), "--html no/folder/page.html", "no/folder/page.html: there is no folder"),
        (("a", "b"), "--html {}/sub/x", "there is no folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    names: tuple[str, ...],
    options: str,
    line: str,
    models: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    diff(models, *names, options=options.format(models), status=2)
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
