"""How much a merge holds in memory at most, besides the program and the mapped input files.

Most methods hold a stretch for each thread. Those that need whole matrices (`Method.copies`) hold
in each thread so many copies of one in float64 and the bytes of the tensor that it writes; at worst
the threads have the largest tensors at the same time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.weights.methods.forms import form
from tiebreak.weights.methods.method import CHUNK
from tiebreak.weights.writing import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.engine import Output
    from tiebreak.weights.methods.method import Method

DOUBLE: Final = 8  # bytes


def most_held(
    method: Method, outputs: Iterable[Output], importances: Sequence[Checkpoint], threads: int
) -> int:
    """The bytes that so many threads hold at most, where the method needs whole matrices; else 0.

    `importances` are the files beside the models, if the method asked for them.
    """
    if not method.copies:
        return 0
    matrices = ((_matrix(method, one, importances), size(one)) for one in outputs if one.whole)
    needed = sorted(
        method.copies * DOUBLE * elements + own for elements, own in matrices if elements
    )
    return sum(needed[-threads:]) + threads * CHUNK * DOUBLE


def _matrix(method: Method, output: Output, importances: Sequence[Checkpoint]) -> int:
    """The elements of the largest matrix that a tensor needs; 0 where it is merged in stretches."""
    found = form(output.name, output.shape)
    if found is None or (method.importance and output.name not in importances[0]):
        return 0
    inputs = importances[0].info(output.name).shape[-1] if method.importance else found.columns
    return max(found.size, inputs * inputs) if method.squares else found.size
