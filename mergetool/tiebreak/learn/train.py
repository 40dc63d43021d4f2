"""From mined data to a model: vocabulary, arrays, networks, trees, calibration.

Each step leaves a file, and a step whose file is there is not done again, so an interrupted
training goes on. The networks of the folds can be trained elsewhere (`tiebreak.learn.fit` reads the
arrays alone) and put beside the others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.learn import assemble, fit, packed, tensors, vocabulary
from tiebreak.learn.examples import files, read_all
from tiebreak.learn.split import fold_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVERYTHING: Final = -1  # the fold that is none: the network that is shipped
PIECES: Final = 8192
DATA: Final = "data.npz"
VOCABULARY: Final = "vocabulary.json"
SMALL: Final = ("--width", "128", "--layers", "3", "--dropout", "0.3", "--hide", "0.4")
LARGE: Final = ("--width", "256", "--layers", "4", "--dropout", "0.2", "--hide", "0.25")
RATE: Final = "1e-3"
RATE_OF_LARGE: Final = "5e-4"


class Plan(NamedTuple):
    """What to train, and for how long."""

    recipe: tuple[str, ...] = SMALL
    seconds: float = 3600.0  # for each network, at the most; with `first` for each of its two parts
    passes: int = 3
    jobs: int = 2
    seed: int = 0
    first: Path | None = None  # data of ordinary commits, for one pass before


def train(data: Path, work: Path, model: Path, plan: Plan, say: Callable[[str], None]) -> None:
    """Train a model on a data folder; `work` keeps what a later run goes on from."""
    arrays = prepare(data, work, plan.jobs, say)
    folds = sorted({fold_of(hunk["repo"]) for hunk in packed.load(arrays).hunks})
    if len(folds) == 1:
        raise InputError(f"{data}: the repositories are all of one fold; mine some more")
    for fold in (*folds, EVERYTHING):
        run = work / "runs" / str(fold)
        if (run / "scores.npz").exists():
            say(f"network {fold}: there already")
            continue
        say(f"network {fold}: training")
        given = ["--fold", str(fold), *_arguments(plan)]
        if plan.first is not None:
            first = _first(plan.first, work, plan.jobs)
            begun = first.parent / str(fold)
            if not (begun / "scores.npz").exists():
                fit.main([str(first), "-o", str(begun), *given, "--passes", "1"])
            given += ["--start", str(begun / "model.pt")]
        fit.main([str(arrays), "-o", str(run), *given])
    say("trees and calibration")
    assemble.build(assemble.Parts(arrays, work / "runs", work / VOCABULARY), model, plan.jobs)


def prepare(data: Path, work: Path, jobs: int, say: Callable[[str], None]) -> Path:
    """The vocabulary and the arrays of a data folder; the path of the arrays."""
    work.mkdir(parents=True, exist_ok=True)
    pieces, arrays = work / VOCABULARY, work / DATA
    if not pieces.exists():
        say("vocabulary")
        texts = (text for one in read_all(data) for text in (one.base, one.ours, one.theirs))
        vocabulary.train(texts, PIECES, pieces)
    if not arrays.exists():
        say("arrays")
        tensors.pack(tensors.rows_of(files(data), pieces, jobs), arrays)
    return arrays


def _first(data: Path, work: Path, jobs: int) -> Path:
    """The arrays of ordinary commits, with the vocabulary and the strata of the real data."""
    arrays = work / "first" / str(data.resolve()).strip(os.sep).replace(os.sep, "+") / DATA
    if not arrays.exists():
        arrays.parent.mkdir(parents=True, exist_ok=True)
        strata = packed.load(work / DATA).strata
        tensors.pack(tensors.rows_of(files(data), work / VOCABULARY, jobs), arrays, strata)
    return arrays


def _arguments(plan: Plan) -> list[str]:
    return [
        *plan.recipe,
        *("--rate", RATE_OF_LARGE if plan.recipe == LARGE else RATE),
        *("--seconds", str(plan.seconds)),
        *("--passes", str(plan.passes)),
        *("--threads", str(plan.jobs)),
        *("--seed", str(plan.seed)),
    ]
