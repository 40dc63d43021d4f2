"""What training reads: examples as arrays of small integers, in one file of a few megabytes.

Hunk `h` has the sub-conflicts ``first[h]:first[h + 1]``, none if its tokens merge. Sub-conflict `s`
has two pairs of sequences: of ours beside base in the columns ``starts[2 * s]:starts[2 * s + 1]``,
and of theirs beside base in the columns from there to ``starts[2 * s + 2]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# The part that a hunk is for; `DEVELOP` is cut from the repositories for training, to stop in time.
TRAIN: Final = 0
DEVELOP: Final = 1
CALIBRATION: Final = 2
REPORT: Final = 3


class Arrays(NamedTuple):
    """Hunks, their sub-conflicts, and the columns of those."""

    digests: NDArray[np.bytes_]  # (hunks,)
    parts: NDArray[np.uint8]  # (hunks,)
    labelled: NDArray[np.bool_]  # (hunks,): labels, or the clean merge, give what people wrote
    first: NDArray[np.int64]  # (hunks + 1,)
    choices: NDArray[np.uint8]  # (sub-conflicts, 9): the lowest label with the same text
    targets: NDArray[np.uint8]  # (sub-conflicts,): the choice that people took, or OTHER
    starts: NDArray[np.int64]  # (2 * sub-conflicts + 1,)
    side: NDArray[np.uint16]  # (columns,): pieces
    base: NDArray[np.uint16]  # (columns,)
    edits: NDArray[np.uint8]  # (columns,)
    pieces: NDArray[np.int64]  # (): the size of the vocabulary


def save(path: Path, arrays: Arrays) -> None:
    """Write the arrays, compressed."""
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays._asdict())


def load(path: Path) -> Arrays:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return Arrays(*(stored[name] for name in Arrays._fields))
