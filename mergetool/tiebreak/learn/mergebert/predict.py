"""``python -m tiebreak.learn.mergebert.predict OUT.npz RESULT/best.pt -o FILE``: ranked labellings.

One JSON line a hunk: its digest and at most five labellings, best first, each with the logarithm of
its probability. A hunk that merges cleanly has one, with no labels: the published model answers it
without asking the network and has no probability for it. Here it is the share of such merges that
were right where the model was trained.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from tiebreak.learn.mergebert import arrays as stored
from tiebreak.learn.mergebert.batches import Loader, rows_of
from tiebreak.learn.mergebert.beam import Labelling, most_probable
from tiebreak.learn.mergebert.model import LABELS, MergeBert, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tiebreak.learn.mergebert.arrays import Arrays

WIDTH = 5  # suggestions for a hunk
COLUMNS = 131_072  # of a batch
EVERY_PART = (stored.TRAIN, stored.DEVELOP, stored.CALIBRATION, stored.REPORT)
HELD_OUT = EVERY_PART[1:]


class Trained(NamedTuple):
    """A network, and how often a clean token merge was right where it was trained."""

    model: MergeBert
    clean: float


def device() -> torch.device:
    """The accelerator, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@torch.inference_mode()
def logarithms(model: MergeBert, loader: Loader, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The logarithms of the nine labels' probabilities, (rows, 9)."""
    model.eval()
    found = np.zeros((len(rows), LABELS), np.float32)
    place = {int(row): index for index, row in enumerate(rows)}
    for part in loader.rows_by_size(rows, COLUMNS, None):
        batch = loader.batch(part)
        with torch.autocast(loader.device.type, torch.bfloat16, loader.device.type == "cuda"):
            scores = model(batch.pieces, batch.edits)
        known = scores.log_softmax(1).cpu().numpy()
        found[[place[int(row)] for row in part]] = known
    return found


def options(choices: NDArray[np.uint8], known: NDArray[np.float32]) -> dict[int, float]:
    """The logarithm of each choice's probability: labels that give the same text are added up."""
    found: dict[int, float] = {}
    for choice, value in zip(choices.tolist(), known.tolist(), strict=True):
        found[choice] = float(np.logaddexp(found[choice], value)) if choice in found else value
    return found


def write(path: Path, trained: Trained, arrays: Arrays, parts: tuple[int, ...]) -> None:
    """Rank the labellings of the hunks for `parts`."""
    rows = rows_of(arrays, parts, labelled=False)
    known = np.zeros((len(arrays.targets), LABELS), np.float32)
    known[rows] = logarithms(trained.model, Loader(arrays, device()), rows)
    with path.open("w", encoding="utf-8") as file:
        for hunk in np.flatnonzero(np.isin(arrays.parts, parts)):
            subs = range(arrays.first[hunk], arrays.first[hunk + 1])
            found = most_probable([options(arrays.choices[s], known[s]) for s in subs], WIDTH)
            ranked = found if subs else [Labelling((), math.log(trained.clean))]
            record = {"digest": arrays.digests[hunk].decode(), "ranked": ranked}
            file.write(json.dumps(record) + "\n")


def restored(path: Path, arrays: Arrays) -> Trained:
    """What training kept, on the device. Ends the program if it has another vocabulary."""
    kept: dict[str, Any] = torch.load(path, map_location=device(), weights_only=True)
    shape = Shape(*kept["shape"])
    if shape.pieces != arrays.pieces:
        raise SystemExit(
            f"{path} knows {shape.pieces} pieces, the arrays have {arrays.pieces}: "
            "prepare them with --vocabulary, the one that it was trained with"
        )
    model = MergeBert(shape).to(device())
    model.load_state_dict(kept["model"])
    return Trained(model, kept["clean"])


def main() -> None:
    """Rank the labellings of all hunks in the arrays with a trained model."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("arrays", type=Path)
    parser.add_argument("model", type=Path, help="best.pt of a folder that training wrote")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--train-too", action="store_true", help="also the hunks trained on")
    given = parser.parse_args()
    parts = EVERY_PART if given.train_too else HELD_OUT
    arrays = stored.load(given.arrays)
    write(given.output, restored(given.model, arrays), arrays, parts)


if __name__ == "__main__":
    main()
