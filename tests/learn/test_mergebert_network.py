"""MergeBERT's arrays and network, from arrays to ranked labellings, with torch and numpy only."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tiebreak.learn.mergebert import arrays as stored
from tiebreak.learn.mergebert import train
from tiebreak.learn.mergebert.alignment import (
    DELETED,
    EQUAL,
    INSERTED,
    PAD,
    REPLACED,
    Column,
    columns,
    shortened,
)
from tiebreak.learn.mergebert.arrays import Arrays
from tiebreak.learn.mergebert.batches import Loader
from tiebreak.learn.mergebert.predict import options
from tiebreak.learn.mergebert.primitives import OTHER

CPU = torch.device("cpu")


def test_columns_lay_a_side_beside_base() -> None:
    assert columns([1, 7, 8, 3], [1, 2, 3, 4]) == [
        Column(1, 1, EQUAL),
        Column(7, 2, REPLACED),
        Column(8, PAD, INSERTED),
        Column(3, 3, EQUAL),
        Column(PAD, 4, DELETED),
    ]


def test_long_alignments_keep_both_ends() -> None:
    found = columns(range(1, 10), range(1, 10))
    assert [column.side for column in shortened(found, 5)] == [1, 2, 7, 8, 9]


@pytest.fixture
def arrays() -> Arrays:
    """Twelve hunks of one sub-conflict, resolved to the side that has piece 5; and a clean one.

    The last two sub-conflicts have no label that people took.
    """
    rng = np.random.default_rng(3)
    marked = rng.integers(0, 2, 12)
    sizes = rng.integers(2, 6, 24)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    side = rng.integers(6, 20, starts[-1])
    side[starts[:-1]] = 1
    for number, which in enumerate(marked):
        side[starts[2 * number + which] + 1] = 5
    targets = np.where(np.arange(12) < 10, marked, OTHER)
    return Arrays(
        digests=np.array([f"hunk{number}" for number in range(13)], np.bytes_),
        parts=np.array([stored.TRAIN] * 8 + [stored.DEVELOP] * 2 + [stored.CALIBRATION] * 3, "u1"),
        labelled=np.array([True] * 10 + [False] * 2 + [True]),
        first=np.array([*range(13), 12], np.int64),
        choices=np.tile(np.arange(9, dtype=np.uint8), (12, 1)),
        targets=targets.astype(np.uint8),
        starts=starts.astype(np.int64),
        side=side.astype(np.uint16),
        base=side.astype(np.uint16),
        edits=np.full(len(side), EQUAL, np.uint8),
        pieces=np.array(20, np.int64),
    )


def test_arrays_are_read_back(arrays: Arrays, tmp_path: Path) -> None:
    stored.save(tmp_path / "arrays.npz", arrays)
    for there, back in zip(arrays, stored.load(tmp_path / "arrays.npz"), strict=True):
        assert np.array_equal(there, back)


def test_swapping_the_sides_twice_changes_nothing(arrays: Arrays) -> None:
    batch = Loader(arrays, CPU).batch(np.arange(10))
    everything = torch.ones(10, dtype=torch.bool)
    once = batch.swapped(everything)
    assert torch.equal(once.pieces[:, 0], batch.pieces[:, 2])
    assert torch.equal(once.edits[:, 0], batch.edits[:, 1])
    assert torch.equal(once.right[:, 0], batch.right[:, 1])
    for there, back in zip(batch, once.swapped(everything), strict=True):
        assert torch.equal(there, back)


def test_every_row_is_in_one_batch(arrays: Arrays) -> None:
    loader, rows = Loader(arrays, CPU), np.arange(12)
    for chance in (None, np.random.default_rng(1)):
        found = list(loader.rows_by_size(rows, 60, chance))
        assert sorted(np.concatenate(found).tolist()) == rows.tolist()
        assert len(found) > 1


def test_labels_of_the_same_text_are_added_up() -> None:
    known = np.log(np.array([0.5, 0.2, 0.3], np.float32))
    found = options(np.array([0, 1, 0], np.uint8), known)
    assert np.allclose(np.exp([found[0], found[1]]), [0.8, 0.2])


def test_training_needs_torch_and_numpy_only_and_goes_on_where_it_was(
    arrays: Arrays,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stored.save(tmp_path / "arrays.npz", arrays)
    for other in ("tokenizers", "pyarrow", "pygit2", "click", "transformers"):
        (tmp_path / f"{other}.py").write_text("raise AssertionError('imported')")
    given = ["arrays.npz", "-o", "result", "--width", "16", "--layers", "1", "--heads", "2"]
    given += ["--epochs", "3", "--swap"]
    program = [sys.executable, "-m", "tiebreak.learn.mergebert.train", *given]
    subprocess.run(program, check=True, cwd=tmp_path, capture_output=True)
    (tmp_path / "result" / "predictions.jsonl").unlink()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train", *given])
    train.main()  # nothing is left to do but to rank
    assert "going on after epoch 3" in capsys.readouterr().out
    lines = (tmp_path / "result" / "predictions.jsonl").read_text().splitlines()
    ranked = {found["digest"]: found["ranked"] for found in map(json.loads, lines)}
    assert list(ranked) == [f"hunk{number}" for number in range(8, 13)]
    assert [len(found) for found in ranked.values()] == [5, 5, 5, 5, 1]
    assert [labels for labels, _ in ranked["hunk12"]] == [[]]
