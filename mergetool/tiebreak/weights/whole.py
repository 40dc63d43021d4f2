"""Merging whole models by one method, as a command asks for it: no three-way rule, no conflicts.

The first model gives the order of the tensors, the shards, the metadata and the files beside them.
All models must have the same tensors with the same shapes. What is not floating point is copied
from the first model.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.conflict import Tensor
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import File, Output, pooled, sync_folder, write_checkpoint, write_files
from tiebreak.weights.errors import shown
from tiebreak.weights.kernels import Side
from tiebreak.weights.methods import Terms
from tiebreak.weights.partial import PLAN, partial_folder
from tiebreak.weights.threeway import is_token_table
from tiebreak.weights.vocabulary.tables import Rows
from tiebreak.weights.writing import size

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.methods import Method, Parameters
    from tiebreak.weights.vocabulary.models import Tables
    from tiebreak.weights.writing import Meter

BESIDE: Final = (".json", ".txt", ".model", ".jinja")  # configuration and tokenizer files


def merge_models(  # noqa: PLR0913
    base: Checkpoint,
    models: Sequence[Checkpoint],
    method: Method,
    parameters: Parameters,
    threads: int = 0,
    *,
    tables: Tables | None = None,
) -> list[list[Output]]:
    """The tensors to write, for each shard of the first model. Nothing is computed yet.

    With `tables` those with a row for each token are put together by token.
    """
    first = models[0]
    by_token = tables.names if tables is not None else frozenset()
    inputs = [base, *models] if method.needs_base else list(models)
    _check_same(first, inputs, by_token)
    origin = base if method.needs_base else None
    terms = {
        name: _terms(name, origin, models, tables.union.first if name in by_token and tables else 0)
        for name in first.names
        if DTYPES[first.info(name).dtype].is_float
    }
    if method.survey is not None:
        with pooled(threads) as each:
            parameters = method.survey(list(terms.values()), parameters, each)

    def output(name: str) -> Output:
        merged = _output(first, name, method, terms, parameters)
        if tables is None or name not in by_token:
            return merged
        return tables.output(merged, [Tensor(model, name) for model in models])

    return [[output(tensor.name) for tensor in s.header.tensors] for s in first.layout]


class How(NamedTuple):
    """How to write. With a `plan`, a digest, what is finished stays, and is not written again.

    `meter` is called with the bytes to write, and what it gives with those that are written.
    """

    threads: int = 0
    meter: Meter | None = None
    plan: str = ""
    texts: Mapping[str, bytes] = {}  # files of the folder that are not copies of the first model's


def write_models(
    path: str, first: Checkpoint, outputs: Sequence[Sequence[Output]], how: How
) -> None:
    """Write what `merge_models` gave, as a folder if the first model is one. Replaces nothing."""
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path)):
        raise InputError(f"{shown(path, 400)}: there is something already; name a new place")
    if is_folder(first):
        shards = [
            File(os.path.basename(shard.path), tensors, shard.header.metadata)
            for shard, tensors in zip(first.layout, outputs, strict=True)
        ]
        write_folder(path.rstrip(os.sep) or path, shards, _beside(first) | dict(how.texts), how)
        return
    progress = how.meter(sum(map(size, outputs[0]))) if how.meter else None
    metadata = first.layout[0].header.metadata
    write_checkpoint(path, outputs[0], metadata, how.threads, progress)


def write_folder(
    path: str, shards: Sequence[File], beside: Mapping[str, str | bytes], how: How
) -> None:
    """A new folder with shards, by name, and other files: copies of a file, or a content."""
    if not how.plan:
        temporary = f"{path}.tiebreak-{os.getpid()}"
        os.mkdir(temporary)
        try:
            _fill(temporary, shards, how)
            _finish(temporary, beside, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return
    with partial_folder(path, how.plan) as partial:
        left = [shard for shard in shards if not partial.has(shard.path, shard.tensors)]
        parts = [shard._replace(path=partial.part(shard.path)) for shard in left]
        progress = how.meter(sum(size(o) for s in parts for o in s.tensors)) if how.meter else None
        write_files(parts, how.threads, progress, partial.finish)
        _finish(partial.folder, beside, path)
        os.unlink(os.path.join(path, PLAN))  # last: what has lost its plan cannot be gone on with


def _fill(folder: str, shards: Sequence[File], how: How) -> None:
    placed = [shard._replace(path=os.path.join(folder, shard.path)) for shard in shards]
    progress = how.meter(sum(size(o) for s in placed for o in s.tensors)) if how.meter else None
    write_files(placed, how.threads, progress)


def _finish(folder: str, beside: Mapping[str, str | bytes], path: str) -> None:
    """Add the other files, and give the folder its name."""
    for name, content in beside.items():
        if isinstance(content, str):
            shutil.copyfile(content, os.path.join(folder, name))
            continue
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    sync_folder(folder)
    os.rename(folder, path)
    sync_folder(os.path.dirname(os.path.abspath(path)))


def _beside(first: Checkpoint) -> dict[str, str | bytes]:
    """The configuration and tokenizer files of the first model."""
    folder = os.path.dirname(first.layout[0].path) or os.curdir
    files = {name: os.path.join(folder, name) for name in sorted(os.listdir(folder))}
    return {n: path for n, path in files.items() if n.endswith(BESIDE) and os.path.isfile(path)}


def index_text(first: Checkpoint, outputs: Sequence[Sequence[Output]]) -> dict[str, bytes]:
    """The first model's index with the total of what is written; nothing without one."""
    from tiebreak.weights.vocabulary.models import with_total

    if first.index is None:
        return {}
    with open(first.index.path, "rb") as file:
        return {os.path.basename(first.index.path): with_total(file.read(), outputs)}


def is_folder(first: Checkpoint) -> bool:
    """Whether the merged model is a folder."""
    return first.index is not None or os.path.isdir(first.path)


def _check_same(first: Checkpoint, inputs: Sequence[Checkpoint], by_token: Collection[str]) -> None:
    """Everything that can be refused is refused by the headers, before a byte is written."""
    for other in inputs:
        for one, two in ((first, other), (other, first)):
            for name in one.names:
                if name not in two:
                    has = f"tensor {shown(name)!r}, which {shown(one.path)} has"
                    raise InputError(f"{shown(two.path)}: lacks {has}")
        for name in first.names:
            if name not in by_token:
                _check_alike(first, other, name)


def _check_alike(first: Checkpoint, other: Checkpoint, name: str) -> None:
    one, two = first.info(name), other.info(name)
    alike = one.dtype == two.dtype or (DTYPES[one.dtype].is_float and DTYPES[two.dtype].is_float)
    if one.shape != two.shape or not alike:
        rows = "; --vocabulary union matches rows by token" if is_token_table(name) else ""
        raise InputError(
            f"{shown(other.path)}: tensor {shown(name)!r} is {two.dtype} {list(two.shape)}, "
            f"in {shown(first.path)} it is {one.dtype} {list(one.shape)}{rows}"
        )


def _terms(
    name: str, base: Checkpoint | None, models: Sequence[Checkpoint], rows: int = 0
) -> Terms:
    """What a method computes a tensor from; with `rows` only so many of them, from the first on."""
    info = models[0].info(name)
    shape = (rows, *info.shape[1:]) if rows else info.shape
    sides = tuple(_side(model, name, rows) for model in models)
    return Terms(name, shape, info.dtype, None if base is None else _side(base, name, rows), sides)


def _side(model: Checkpoint, name: str, rows: int = 0) -> Side:
    if not rows:
        return Side(model.raw(name), model.info(name).dtype)
    return Side(Rows(model, name, 0, rows).raw(), model.info(name).dtype)


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
    shape = terms[name].shape
    return Output(name, info.dtype, shape, partial(method.prepare, terms[name], parameters))
