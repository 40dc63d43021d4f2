"""Merging whole models by one method, as a command asks for it: no three-way rule, no conflicts.

The first model gives the order of the tensors, the shards, the metadata and the files beside them.
All models must have the same tensors with the same shapes. What is not floating point is copied
from the first model.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import File, Output, pooled, write_checkpoint, write_files
from tiebreak.weights.errors import shown
from tiebreak.weights.folders import beside, new_folder
from tiebreak.weights.importance import check_belongs
from tiebreak.weights.kernels import Side
from tiebreak.weights.methods import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiebreak.weights.checkpoint import Checkpoint, Shard
    from tiebreak.weights.methods import Method, Parameters


class Models(NamedTuple):
    """What is merged. `importances` are Fisher files, one for each side or none."""

    base: Checkpoint
    sides: Sequence[Checkpoint]
    importances: Sequence[Checkpoint] = ()


def merge_models(
    models: Models, method: Method, parameters: Parameters, threads: int = 0
) -> list[list[Output]]:
    """The tensors to write, for each shard of the first model. Nothing is computed yet."""
    first = models.sides[0]
    _check_same(first, [models.base, *models.sides] if method.needs_base else models.sides)
    names = [name for name in first.names if DTYPES[first.info(name).dtype].is_float]
    with pooled(threads) as each:
        for side, importance in zip(models.sides, models.importances, strict=False):
            check_belongs(importance, side, names, each)
        terms = {name: _terms(name, models, based=method.needs_base) for name in names}
        if method.survey is not None:
            parameters = method.survey(list(terms.values()), parameters, each)
    return [
        [_output(first, tensor.name, method, terms, parameters) for tensor in shard.header.tensors]
        for shard in first.layout
    ]


def write_models(
    path: str,
    first: Checkpoint,
    outputs: Sequence[Sequence[Output]],
    threads: int = 0,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write what `merge_models` gave, as a folder if the first model is one. Replaces nothing."""
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path)):
        raise InputError(f"{shown(path, 400)}: there is something already; name a new place")
    if is_folder(first):
        _write_folder(path, first.layout, outputs, threads, progress)
    else:
        write_checkpoint(path, outputs[0], first.layout[0].header.metadata, threads, progress)


def is_folder(first: Checkpoint) -> bool:
    """Whether the merged model is a folder."""
    return first.index is not None or os.path.isdir(first.path)


def _write_folder(
    path: str,
    layout: Sequence[Shard],
    outputs: Sequence[Sequence[Output]],
    threads: int,
    progress: Callable[[int], None] | None,
) -> None:
    source = os.path.dirname(layout[0].path)
    with new_folder(path, source, beside(source)) as folder:
        files = [
            File(os.path.join(folder, os.path.basename(shard.path)), own, shard.header.metadata)
            for own, shard in zip(outputs, layout, strict=True)
        ]
        write_files(files, threads, progress)


def _check_same(first: Checkpoint, inputs: Sequence[Checkpoint]) -> None:
    """Everything that can be refused is refused by the headers, before a byte is written."""
    for other in inputs:
        for one, two in ((first, other), (other, first)):
            for name in one.names:
                if name not in two:
                    has = f"tensor {shown(name)!r}, which {shown(one.path)} has"
                    raise InputError(f"{shown(two.path)}: lacks {has}")
        for name in first.names:
            _check_alike(first, other, name)


def _check_alike(first: Checkpoint, other: Checkpoint, name: str) -> None:
    one, two = first.info(name), other.info(name)
    alike = one.dtype == two.dtype or (DTYPES[one.dtype].is_float and DTYPES[two.dtype].is_float)
    if one.shape != two.shape or not alike:
        raise InputError(
            f"{shown(other.path)}: tensor {shown(name)!r} is {two.dtype} {list(two.shape)}, "
            f"in {shown(first.path)} it is {one.dtype} {list(one.shape)}"
        )


def _terms(name: str, models: Models, *, based: bool) -> Terms:
    info = models.sides[0].info(name)
    base = _side(models.base, name) if based else None
    sides, importances = (
        tuple(_side(one, name) for one in many) for many in (models.sides, models.importances)
    )
    return Terms(name, info.shape, info.dtype, base, sides, importances)


def _side(model: Checkpoint, name: str) -> Side:
    return Side(model.raw(name), model.info(name).dtype)


def _output(
    first: Checkpoint,
    name: str,
    method: Method,
    terms: dict[str, Terms],
    parameters: Parameters,
) -> Output:
    info = first.info(name)
    if name not in terms:
        return Output(name, info.dtype, info.shape, first.raw(name))
    return Output(name, info.dtype, info.shape, partial(method.prepare, terms[name], parameters))
