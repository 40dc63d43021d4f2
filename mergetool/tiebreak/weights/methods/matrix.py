"""What the methods that see a weight as a matrix share, and what they hold.

What is no matrix (`methods.forms`) becomes the mean of the task vectors, as the papers' codes have
it. A task vector is the model minus the base, times the model's weight. Of `Tasks` one is read at a
time, in float64; a model equal to the base is none of them. The result is the base plus lambda
times the matrix that the formula gives, rounded once to the stored type.

A thread holds one matrix with what is computed from it (`Method.copies`), and the bytes of the
tensor that it writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tiebreak.errors import InputError
from tiebreak.weights.blas import one_thread
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import shown
from tiebreak.weights.kernels import Run, host
from tiebreak.weights.methods.blocks import changes_of
from tiebreak.weights.methods.forms import Form, form
from tiebreak.weights.methods.method import Content, Parameters, Terms, combined, in_turn, number
from tiebreak.weights.methods.method import numbers as numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tiebreak.weights.kernels import Side
    from tiebreak.weights.spectrum import Matrix


class Tasks:
    """The task vectors of one matrix. Each access reads one anew, which is the caller's to keep."""

    __slots__ = ("_form", "_sides", "_start", "_terms", "_weights")

    def __init__(self, terms: Terms, parameters: Parameters, form: Form, place: int) -> None:
        """Of the matrix number `place` of a tensor."""
        self._terms, self._form, self._start = terms, form, place * form.size
        self._sides = terms.changed()
        self._weights = numbers_of(parameters, "weight")

    def __len__(self) -> int:
        return len(self._sides)

    def __iter__(self) -> Iterator[Matrix]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, task: int) -> Matrix:
        side = self._sides[task]
        found = np.empty(self._form.size)
        self._read(self._terms.sides[side], self._weights[side], found)
        if not np.isfinite(found).all():
            where = f"tensor {shown(self._terms.name)!r}"
            raise InputError(
                f"{where}: model {side + 1} or the base holds NaN or infinity, "
                "and a matrix with them cannot be decomposed"
            )
        return found.reshape(self._form.rows, self._form.columns)

    def total(self) -> Matrix:
        """Their sum."""
        found = self[0]
        for task in range(1, len(self)):
            found += self[task]
        return found

    def _read(self, side: Side, weight: float, found: Matrix) -> None:
        base, first = self._terms.known_base, self._start

        def read(start: int, stop: int) -> None:
            values = side.values(first + start, first + stop)
            found[start:stop] = (values - base.values(first + start, first + stop)) * weight

        in_turn(read, len(found))


def merged(terms: Terms, parameters: Parameters, formula: Callable[[Tasks], Matrix]) -> Content:
    """A tensor, by a formula where it is a matrix, and by the mean of its task vectors else."""
    base, changed, scale = terms.known_base, terms.changed(), number(parameters, "lambda")
    if not changed and base.dtype == terms.dtype:
        return base.data
    found = form(terms.name, terms.shape) if changed else None
    if found is None:
        weights = numbers_of(parameters, "weight")
        sides = [terms.sides[i]._replace(weight=weights[i] / len(changed)) for i in changed]
        return combined(terms, base, tuple(sides) or (base,), scale)
    width = DTYPES[terms.dtype].bits // 8
    room = memoryview(bytearray(terms.elements * width))
    for place in range(found.number):
        with one_thread():
            change = formula(Tasks(terms, parameters, found, place)).reshape(-1)
        stored(terms, base, scale, change, place * found.size, room)
        del change
    return room


def stored(  # noqa: PLR0913, PLR0917  (what, and where)
    terms: Terms, base: Side | None, scale: float, change: Matrix, first: int, room: memoryview
) -> None:
    """Write the base plus the scaled change, from element `first` on; without a base, no base."""
    width, whole = DTYPES[terms.dtype].bits // 8, np.ascontiguousarray(change)

    def write(start: int, stop: int) -> None:
        at, end = first + start, first + stop
        run = Run(room[at * width : end * width], terms.dtype, 0, stop - start)
        origin = None if base is None else base.part(at, end)
        host().combine(run, origin, (changes_of(whole[start:stop]),), scale)

    in_turn(write, len(whole))
