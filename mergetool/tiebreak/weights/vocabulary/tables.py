"""The tables with one row for each token, put together row by row.

The rows that mean the same everywhere are one block, which is merged like any tensor: by the
trivial rule, or by the recipe's method. Below it each row is copied from a model that has its
token. Rows without a token are padding and come from the first model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.weights.conflict import Blend, Copy, Stack, Tensor
from tiebreak.weights.errors import shown
from tiebreak.weights.vocabulary.union import VocabularyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.vocabulary.union import Row, Union


class Rows(Tensor):
    """Some rows of a tensor."""

    __slots__ = ("start", "stop")

    def __init__(self, checkpoint: Checkpoint, name: str, start: int, stop: int) -> None:
        """From row `start` up to `stop`."""
        super().__init__(checkpoint, name)
        self.start, self.stop = start, stop
        shape = (stop - start, *self.info.shape[1:])
        width = row_bytes(self)
        at = self.info.start
        self.info = self.info._replace(shape=shape, start=at + start * width, end=at + stop * width)

    def raw(self) -> memoryview:
        """Their bytes, where they lie."""
        width = self.info.nbytes // max(self.stop - self.start, 1)
        return self.checkpoint.raw(self.name)[self.start * width : self.stop * width]


def row_bytes(tensor: Tensor) -> int:
    """The size of a row. Raises `VocabularyError` for rows that end within a byte."""
    rows = tensor.info.shape[0]
    if rows and tensor.info.nbytes % rows:
        raise VocabularyError(f"{shown(tensor.name)}: rows of {tensor.info.dtype} end in a byte")
    return tensor.info.nbytes // rows if rows else 0


def block(union: Union, tensors: Sequence[Tensor]) -> list[Rows]:
    """The rows of each version that mean the same in all of them."""
    for tensor in tensors:
        if not tensor.info.shape or tensor.info.shape[0] < union.first:
            have = tensor.info.shape[:1] or "no"
            raise VocabularyError(
                f"{shown(tensor.name)} has {have} rows, for {union.first} tokens that were there"
            )
    return [Rows(tensor.checkpoint, tensor.name, 0, union.first) for tensor in tensors]


def stacked(union: Union, block: Copy | Blend, models: Sequence[Tensor]) -> Stack:
    """The whole table. Raises `VocabularyError` where two models have other rows for one token."""
    first, below = models[0], rows_below(union, models)
    shape = (union.first + sum(piece.tensor.info.shape[0] for piece in below), *_width(first))
    return Stack(first.name, first.info.dtype, shape, (block, *below))


def _width(tensor: Tensor) -> tuple[int, ...]:
    return tensor.info.shape[1:]


def rows_below(union: Union, models: Sequence[Tensor]) -> list[Copy]:
    """The rows after the block, each from the model that has its token."""
    rows = max(models[0].info.shape[0], union.end)
    places = dict(_places(union, models))
    pieces: list[Copy] = []
    number = union.first
    while number < rows:
        model, row = places.get(number) or _padding(number, models)
        count = 1
        while number + count < rows:
            following = places.get(number + count) or _padding(number + count, models)
            if following != (model, row + count):
                break
            count += 1
        source = models[model]
        pieces.append(Copy(Rows(source.checkpoint, source.name, row, row + count)))
        number += count
    return pieces


def _padding(number: int, models: Sequence[Tensor]) -> tuple[int, int]:
    """A row that no token has: of the first model that is so long."""
    for place, model in enumerate(models):
        if number < model.info.shape[0]:
            return place, number
    raise VocabularyError(f"{shown(models[0].name)}: no version has a row {number}")


def _places(union: Union, models: Sequence[Tensor]) -> Iterator[tuple[int, tuple[int, int]]]:
    """For each new id the model and the row that it comes from."""
    for added in union.rows:
        found = [(n, row) for n, row in enumerate(added.rows) if row is not None]
        for place, row in found:
            if row >= models[place].info.shape[0]:
                name = shown(models[place].name)
                raise VocabularyError(f"{name} has no row for {shown(repr(added.token))}")
        _check_alike(added, found, models)
        yield added.number, found[0]


def _check_alike(added: Row, found: Sequence[tuple[int, int]], models: Sequence[Tensor]) -> None:
    rows = [
        Rows(models[place].checkpoint, models[place].name, row, row + 1) for place, row in found
    ]
    if any(not rows[0].same(row) for row in rows[1:]):
        token = shown(repr(added.token))
        raise VocabularyError(f"{shown(models[0].name)}: both added {token}, with different rows")
