"""Put a model together: network and trees, calibrated on scores that each gave out of fold.

    python -m tiebreak.learn.assemble DATA.npz RUNS -o MODEL --vocabulary VOCABULARY

RUNS holds the folders that `tiebreak.learn.fit` wrote: ``-1`` trained on everything, and others
each named for what was held out, ``0`` or ``1+3``, so that every fold is in one of them. Trees and
chooser are trained here. With ``--network OTHER`` the network is that of another model.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from tiebreak.errors import InputError
from tiebreak.learn import boosting, chooser, company, export, light, packed
from tiebreak.learn.calibrate import tables, trained
from tiebreak.learn.split import fold_of
from tiebreak.ranker.features import names
from tiebreak.ranker.model import CHOOSER, COMPANY, NETWORK, TREES, blended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.learn.packed import Packed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--network", type=Path, help="the model whose network is kept")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args(arguments)
    made = Parts(options.data, options.runs, options.vocabulary, options.network)
    build(made, options.output, options.threads)
    return 0


class Parts(NamedTuple):
    """What a model is made of."""

    arrays: Path
    runs: Path
    vocabulary: Path
    other: Path | None = None  # the model whose network is kept


def build(parts: Parts, model: Path, threads: int) -> None:
    """Train trees and chooser, calibrate, and write all files of a model."""
    data = packed.load(parts.arrays)
    model.mkdir(parents=True, exist_ok=True)
    np.save(model / TREES, boosting.flat(boosting.fit(data, threads)))
    if threads:
        torch.set_num_threads(threads)
    export.chooser_to_onnx(chooser.fit(data), model / CHOOSER)
    shutil.copyfile(parts.vocabulary, model / "vocabulary.json")
    saved = _network(parts.runs, model) if parts.other is None else _kept(parts.other, model, data)
    logits = boosting.out_of_fold(data, threads)
    first = blend(out_of_fold(data, parts.runs), chooser.out_of_fold(data), logits)
    scores = company.build(data, first, model / COMPANY, threads)
    text = export.about(
        saved,
        calibrations=tables(data, scores),
        trained=_with(saved, trained(data, scores)),
        **light.build(data, logits, model, threads),
    )
    (model / "about.json").write_bytes(text)


def _network(runs: Path, model: Path) -> dict[str, Any]:
    """Write the network that was trained on everything; what was saved beside it."""
    network, saved = export.load(runs / "-1" / "model.pt")
    export.to_onnx(network, model / NETWORK)
    return saved


def _kept(other: Path, model: Path, data: Packed) -> dict[str, Any]:
    """Copy the network of another model; what is told of it, with features and strata of today.

    Strata that the network does not know come after those that it does.
    """
    about = json.loads((other / "about.json").read_bytes())
    known = about["strata"][: about["shape"]["strata"]]
    if data.strata[: len(known)] != known:
        raise InputError(f"the strata of the data are others than those of {other}")
    shutil.copyfile(other / NETWORK, model / NETWORK)
    return {**about, "features": names(), "strata": data.strata}


def _with(saved: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """What a model learned from, and what a network that was kept had learned from before."""
    before = saved.get("trained", {})
    repositories = {*found["repositories"], *before.get("repositories", ())}
    hunks = {"network": before.get("network", before["hunks"])} if before else {}
    return {**found, **hunks, "repositories": sorted(repositories)}


def blend(by_network: Any, by_chooser: Any, logits: Any) -> Any:
    """The scores that the model gives, of all candidates."""
    return np.array(blended(list(by_network), list(by_chooser), list(logits)))


def out_of_fold(data: Packed, runs: Path) -> Any:
    """The networks' chances of every candidate, from the run that held its repository out."""
    folds = [fold_of(hunk["repo"]) for hunk in data.hunks]
    by_fold = dict[int, Any]()
    for run in runs.iterdir():
        if run.name != "-1":
            scores = _scores(run)
            if len(scores) != len(data.hunks):
                raise InputError(f"{run} judged other data: {len(scores)} hunks")
            by_fold |= dict.fromkeys(map(int, run.name.split("+")), scores)
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
