"""The nearest change of a lower rank: what it costs, and how near it is, against LAPACK.

`python benchmarks/lowrank_speed.py BASE MODEL --tensor NAME` takes one matrix of two checkpoints
and prints the processor time and the relative error of LAPACK's decomposition, of the exact one
that adapters are made with, and of the range finder.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np

from tiebreak.weights.adapters import lowrank
from tiebreak.weights.adapters.lowrank import LowRank, Rank, lost
from tiebreak.weights.blas import one_thread
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.kernels import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]


def main() -> None:
    """Read the matrix, and time every way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("model")
    parser.add_argument("--tensor", required=True)
    parser.add_argument("--ranks", type=int, nargs="+", default=[16, 64])
    asked = parser.parse_args()
    matrix = change(asked.base, asked.model, asked.tensor)
    print(f"{asked.tensor} {list(matrix.shape)}, one thread")
    for rank in asked.ranks:
        ways: dict[str, Callable[[int], LowRank]] = {
            "LAPACK": lambda rank: by_lapack(matrix, rank),
            "exact": lambda rank: lowrank.by_decomposition(matrix, Rank(rank)),
            "range finder": lambda rank: lowrank.by_chance(matrix.astype(np.float32), Rank(rank)),
        }
        for name, way in ways.items():
            with one_thread():
                begun = time.process_time()
                found = way(rank)
                seconds = time.process_time() - begun
            print(
                f"rank {rank:3d}  {name:12}  {seconds:6.2f} s  error {lost(matrix, found)[1]:.7f}"
            )


def change(base: str, model: str, name: str) -> Matrix:
    """What a model changed of one tensor."""
    with open_checkpoint(base) as one, open_checkpoint(model) as two:
        info = one.info(name)
        sides = (Side(c.raw(name), c.info(name).dtype) for c in (two, one))
        moved, origin = (side.values(0, info.elements) for side in sides)
        return (moved - origin).reshape(info.shape[0], -1)


def by_lapack(matrix: Matrix, rank: int) -> LowRank:
    """The decomposition as numpy has it."""
    u, values, v = np.linalg.svd(matrix, full_matrices=False)
    return LowRank(u[:, :rank] * values[:rank], v[:rank])


if __name__ == "__main__":
    main()
