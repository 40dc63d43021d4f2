"""Two checkpoints side by side: against numpy, on the whole tensor at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.comparison import (
    CHANGED,
    DTYPE,
    ONLY_A,
    ONLY_B,
    SAME,
    SHAPE,
    Row,
    by_layer,
    compare,
    layer_of,
    total,
)
from tiebreak.weights.summary import summarise, summary_lines
from tiny import checkpoint, full

if TYPE_CHECKING:
    from pathlib import Path

    from tiny import Array

    Tensors = dict[str, Array]


def compared(folder: Path, a: Tensors, b: Tensors, base: Tensors | None = None) -> dict[str, Row]:
    paths = []
    for name, tensors in (("a", a), ("b", b), ("base", base)):
        if tensors is not None:
            (folder / name).write_bytes(checkpoint(tensors))
            paths.append(str(folder / name))
    found = [open_checkpoint(path) for path in paths]
    rows = compare(found[:2], found[2] if base is not None else None)
    for opened in found:
        opened.close()
    return {row.name: row for row in rows}


def noise(seed: int, size: int = 150_000) -> Array:
    """More than two blocks."""
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def test_the_measures(tmp_path: Path) -> None:
    a, b = noise(1), noise(2)
    b[::3] = a[::3]
    sums = compared(tmp_path, {"w": a}, {"w": b})["w"].sums
    assert sums is not None
    x, y = a.astype(np.float64), b.astype(np.float64)
    assert math.sqrt(sums.a) == pytest.approx(np.linalg.norm(x), rel=1e-12)
    assert math.sqrt(sums.b) == pytest.approx(np.linalg.norm(y), rel=1e-12)
    assert math.sqrt(sums.distance) == pytest.approx(np.linalg.norm(x - y), rel=1e-12)
    cosine = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
    assert sums.cosine == pytest.approx(cosine, rel=1e-12)
    assert sums.changed == np.count_nonzero(a != b)
    assert sums.changed_share == sums.changed / a.size
    assert sums.sign_agreement == np.mean(np.sign(a) == np.sign(b))


def test_with_a_base_the_changes_are_compared(tmp_path: Path) -> None:
    base = full(1, 8)
    a, b = base.copy(), base.copy()
    a[:4], b[2:6] = (2, 3, 4, 5), (9, -9, 9, 9)
    sums = compared(tmp_path, {"w": a}, {"w": b}, {"w": base})["w"].sums
    assert sums is not None
    assert (sums.moved, sums.agree) == (2, 1)  # both changed entries 2 and 3
    assert sums.product == 3 * 8 + 4 * -10
    assert (sums.a, sums.b) == (1 + 4 + 9 + 16, 64 + 100 + 64 + 64)
    assert sums.changed == 6


def test_what_the_base_lacks_is_all_change(tmp_path: Path) -> None:
    row = compared(tmp_path, {"w": full(2, 2)}, {"w": full(3, 2)}, {})["w"]
    assert row.sums is not None
    assert (row.sums.a, row.sums.b) == (8, 18)


def test_equal_tensors(tmp_path: Path) -> None:
    row = compared(tmp_path, {"w": noise(1)}, {"w": noise(1)}, {"w": noise(2)})["w"]
    assert row.kind == SAME
    assert row.sums is not None
    assert (row.sums.changed, row.sums.distance, row.sums.sign_agreement) == (0, 0, 1)
    assert row.sums.cosine == pytest.approx(1)


def test_bits_decide_what_changed(tmp_path: Path) -> None:
    """A zero with another sign is a change of the file, though not of the value."""
    row = compared(tmp_path, {"w": full(0.0, 4)}, {"w": full(-0.0, 4)})["w"]
    assert row.kind == CHANGED
    assert row.sums is not None
    assert (row.sums.changed, row.sums.distance) == (4, 0)
    assert (row.sums.cosine, row.sums.sign_agreement) == (None, None)


def test_what_cannot_be_paired(tmp_path: Path) -> None:
    a = {"x": full(1, 2), "s": full(1, 2), "d": full(1, 2)}
    b = {"s": full(1, 3), "d": full(1, 2, dtype="float16"), "y": full(1, 2)}
    rows = compared(tmp_path, a, b)
    kinds = {name: row.kind for name, row in rows.items()}
    assert kinds == {"x": ONLY_A, "s": SHAPE, "d": DTYPE, "y": ONLY_B}
    assert list(rows) == ["x", "s", "d", "y"]
    assert rows["s"].sums is None
    assert rows["d"].sums is not None
    assert (rows["d"].sums.changed, rows["d"].sums.distance) == (0, 0)  # the values are equal


def test_what_is_not_finite_is_counted_and_left_out(tmp_path: Path) -> None:
    a, b = full(3, 5), full(4, 5)
    a[0], b[1] = np.inf, np.nan
    sums = compared(tmp_path, {"w": a}, {"w": b})["w"].sums
    assert sums is not None
    assert (sums.elements, sums.nonfinite, sums.changed) == (5, 2, 5)
    assert (sums.a, sums.b, sums.distance, sums.moved) == (27, 48, 3, 3)


def test_layers_add_up(tmp_path: Path) -> None:
    names = ["m.layers.0.a.weight", "m.layers.1.a.weight", "m.layers.0.b.weight", "head.weight"]
    a = {name: noise(n, 10) for n, name in enumerate(names)}
    b = {name: noise(n + 9, 10) for n, name in enumerate(names)}
    rows = list(compared(tmp_path, a, b).values())
    layers = by_layer(rows)
    assert [layer.name for layer in layers] == ["m.layers.0", "m.layers.1", "head"]
    assert layers[0].sums == total([rows[0], rows[2]])
    assert total(rows).elements == 40


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("model.layers.12.mlp.up_proj.weight", "model.layers.12"),
        ("h.0.attn.0.bias", "h.0"),
        ("lm_head.weight", "lm_head"),
        ("weight", "weight"),
        ("", ""),
    ],
)
def test_the_layer_of_a_name(name: str, layer: str) -> None:
    assert layer_of(name) == layer


def test_a_summary_shows_every_change(tmp_path: Path) -> None:
    """The smallest one too, which no statistic shows."""
    values = noise(1)
    before = summarise(values.tobytes(), "F32")
    assert before.norm == pytest.approx(np.linalg.norm(values.astype(np.float64)))
    assert before.low == values.min()
    values[77] = np.nextafter(values[77], np.float32(9))
    assert summarise(values.tobytes(), "F32").digest != before.digest


def test_a_summary_is_of_the_content(tmp_path: Path) -> None:
    """Not of the order of the tensors or of the metadata."""
    lines = []
    for names in (("a", "b"), ("b", "a")):
        file = tmp_path / "m"
        file.write_bytes(checkpoint({n: full(ord(n), 2) for n in names}, {"x": "y", "k": "v"}))
        with open_checkpoint(str(file)) as found:
            lines.append(list(summary_lines(found)))
    assert lines[0] == lines[1]
    assert lines[0][0] == "# k: v"
    assert lines[0][2].startswith("a  F32 2  norm 137.2, mean 97, min 97, max 97  ")


def test_a_summary_of_what_has_no_statistics() -> None:
    assert summarise(b"", "F32").norm is None
    assert summarise(b"\0", "F4").norm is None
    found = summarise(np.array([np.nan, np.inf], np.float32).tobytes(), "F32")
    assert (found.nonfinite, found.norm) == (2, None)
