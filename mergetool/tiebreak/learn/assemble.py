"""Put a model together: network and trees, calibrated on scores that each gave out of fold.

    python -m tiebreak.learn.assemble DATA.npz RUNS -o MODEL

RUNS holds the folders that `tiebreak.learn.fit` wrote: ``-1`` trained on everything, ``0`` to ``4``
with that fold held out. The trees are trained here.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tiebreak.learn import boosting, company, export, light, packed
from tiebreak.learn.calibrate import tables, trained
from tiebreak.learn.split import fold_of
from tiebreak.ranker.model import COMPANY, TREES, blended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.learn.packed import Packed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args(arguments)
    build(options.data, options.runs, options.output, options.vocabulary, options.threads)
    return 0


def build(arrays: Path, runs: Path, model: Path, vocabulary: Path, threads: int) -> None:
    """Train the trees, calibrate, and write all files of a model."""
    data = packed.load(arrays)
    rows = [boosting.rows(data), boosting.rows(data, hide=True)]
    model.mkdir(parents=True, exist_ok=True)
    trees = boosting.fit(rows, data.right, threads)
    np.save(model / TREES, boosting.flat(trees))
    shutil.copyfile(vocabulary, model / "vocabulary.json")
    network, saved = export.load(runs / "-1" / "model.pt")
    export.to_onnx(network, model / "network.onnx")
    logits = boosting.out_of_fold(data, rows, threads)
    first = blend(out_of_fold(data, runs), logits)
    scores = company.build(data, first, model / COMPANY, threads)
    text = export.about(
        saved,
        calibrations=tables(data, scores),
        trained=trained(data, scores),
        **light.build(data, logits, model, threads),
    )
    (model / "about.json").write_bytes(text)


def blend(chances: Any, logits: Any) -> Any:
    """The scores that the model gives, of all candidates."""
    return np.array(blended(list(chances), list(logits)))


def out_of_fold(data: Packed, runs: Path) -> Any:
    """The networks' chances of every candidate, from the run that held its repository out."""
    folds = [fold_of(hunk["repo"]) for hunk in data.hunks]
    by_fold = {fold: _scores(runs / str(fold)) for fold in sorted(set(folds))}
    parts = [
        np.exp(by_fold[fold][index, 1 : 1 + count].astype(np.float64))
        for index, (fold, count) in enumerate(zip(folds, data.counts, strict=True))
    ]
    return np.concatenate(parts)


def _scores(run: Path) -> Any:
    with np.load(run / "scores.npz") as arrays:
        return arrays["scores"]


if __name__ == "__main__":
    sys.exit(main())
