"""Merging whole models by one method, as a command asks for it: no three-way rule, no conflicts.

The first model gives the order of the tensors, the shards, the metadata and the files beside them.
All models must have the same tensors with the same shapes. What is not floating point is copied
from the first model.
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.adapters.names import FACTOR
from tiebreak.weights.conflict import Tensor
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import File, Output, pooled, write_checkpoint, write_files
from tiebreak.weights.errors import shown
from tiebreak.weights.importance import KINDS, check_belongs, is_transposed, one_lacks
from tiebreak.weights.inparts import write_in_parts
from tiebreak.weights.kernels import Side
from tiebreak.weights.layout import TOTAL
from tiebreak.weights.methods import Terms
from tiebreak.weights.newfolder import beside, changed, finish, new_folder
from tiebreak.weights.partial import PLAN, partial_folder
from tiebreak.weights.threeway import is_token_table
from tiebreak.weights.vocabulary.tables import Rows
from tiebreak.weights.writing import size

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.methods import Method, Parameters
    from tiebreak.weights.vocabulary.models import Tables
    from tiebreak.weights.writing import Meter


class Models(NamedTuple):
    """What is merged. `importances` are Fisher or Gram files, one for each side or none."""

    base: Checkpoint
    sides: Sequence[Checkpoint]
    importances: Sequence[Checkpoint] = ()


def merge_models(
    models: Models,
    method: Method,
    parameters: Parameters,
    threads: int = 0,
    tables: Tables | None = None,
) -> list[list[Output]]:
    """The tensors to write, for each shard of the first model. Nothing is computed yet.

    With `tables` those with a row for each token are put together by token.
    """
    first = models.sides[0]
    _check_no_adapters(models)
    by_token = tables.names if tables is not None else frozenset()
    based = method.is_based(parameters)
    inputs = [models.base, *models.sides] if based else models.sides
    _check_same(first, inputs, by_token)
    names = [name for name in first.names if DTYPES[first.info(name).dtype].is_float]
    rows = dict.fromkeys(by_token, tables.union.first if tables is not None else 0)
    with pooled(threads) as each:
        for side, importance in zip(models.sides, models.importances, strict=False):
            check_belongs(KINDS[method.importance], importance, side, names, each)
        _check_all_speak(models, method, names)
        terms = {name: _terms(name, models, rows.get(name, 0), based=based) for name in names}
        if method.survey is not None:
            parameters = method.survey(list(terms.values()), parameters, each)

    def output(name: str) -> Output:
        merged = _output(first, name, method, terms, parameters)
        if tables is None or name not in by_token:
            return merged
        return tables.output(merged, [Tensor(side, name) for side in models.sides])

    return [[output(tensor.name) for tensor in s.header.tensors] for s in first.layout]


class How(NamedTuple):
    """How to write. With a `plan`, a digest, what is finished stays, and is not written again.

    `meter` is called with the bytes to write, and what it gives with those that are written.
    """

    threads: int = 0
    meter: Meter | None = None
    plan: str = ""
    texts: Mapping[str, str | bytes | None] = {}  # besides the first model's, or instead: `beside`


_PLAINLY: Final = How()


def write_models(
    path: str, first: Checkpoint, outputs: Sequence[Sequence[Output]], how: How = _PLAINLY
) -> None:
    """Write what `merge_models` gave, as a folder if the first model is one. Replaces nothing."""
    check_free(path)
    if is_folder(first):
        shards = [
            File(os.path.basename(shard.path), tensors, shard.header.metadata)
            for shard, tensors in zip(first.layout, outputs, strict=True)
        ]
        texts = changed(beside(os.path.dirname(first.layout[0].path)), how.texts)
        write_folder(path.rstrip(os.sep) or path, shards, texts, how)
        return
    metadata = first.layout[0].header.metadata
    if how.plan:
        write_in_parts(File(path, outputs[0], metadata), how.plan, how.threads, how.meter)
        return
    progress = how.meter(sum(map(size, outputs[0]))) if how.meter else None
    write_checkpoint(path, outputs[0], metadata, how.threads, progress)


def check_free(path: str) -> None:
    """Raise `InputError` where something is already; an empty folder is nothing."""
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path)):
        raise InputError(f"{shown(path, 400)}: there is something already; name a new place")


def write_folder(
    path: str, shards: Sequence[File], texts: Mapping[str, str | bytes], how: How
) -> None:
    """A new folder with shards, by name, and other files: copies of a file, or a content."""
    if not how.plan:
        with new_folder(path, texts) as folder:
            _write([s._replace(path=os.path.join(folder, s.path)) for s in shards], how)
        return
    with partial_folder(path, how.plan) as partial:
        left = [shard for shard in shards if not partial.has(shard.path, shard.tensors)]
        parts = [shard._replace(path=partial.part(shard.path)) for shard in left]
        _write(parts, how, partial.finish)
        finish(partial.folder, texts, path)
        os.unlink(os.path.join(path, PLAN))  # last: what has lost its plan cannot be gone on with


def _write(files: Sequence[File], how: How, finished: Callable[[str], None] | None = None) -> None:
    total = sum(size(output) for file in files for output in file.tensors)
    write_files(files, how.threads, how.meter(total) if how.meter else None, finished)


def index_text(first: Checkpoint, outputs: Sequence[Sequence[Output]]) -> dict[str, bytes]:
    """The first model's index with the total and the places of what is written.

    Nothing without an index, or if it says so already.
    """
    from tiebreak.weights.settings_files import dump

    if first.index is None:
        return {}
    with open(first.index.path, "rb") as file:
        raw = file.read()
    found = json.loads(raw)
    metadata, total = found.get("metadata", {}), sum(size(o) for shard in outputs for o in shard)
    known = {"metadata": metadata | {TOTAL: total}} if TOTAL in metadata else {}
    after = found | known | {"weight_map": first.index.weight_map}
    return {} if after == found else {os.path.basename(first.index.path): dump(after, raw)}


def is_folder(first: Checkpoint) -> bool:
    """Whether the merged model is a folder."""
    return first.index is not None or os.path.isdir(first.path)


def _check_no_adapters(models: Models) -> None:
    """What an adapter changes is a product of two tensors, which must not be merged one by one."""
    for model in (models.base, *models.sides):
        if any(FACTOR.fullmatch(name) for name in model.names):
            what = "has factors of LoRA, whose products are what is to be merged"
            raise InputError(f"{shown(model.path)}: {what}: tiebreak weights adapters merge")


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


def _check_all_speak(models: Models, method: Method, names: Sequence[str]) -> None:
    """Of a tensor all files beside the models speak, or none."""
    for name in names if models.importances else ():
        reason = one_lacks(KINDS[method.importance], models.importances, name)
        if reason is not None:
            raise InputError(f"{shown(models.sides[0].path, 400)}: {reason}")


def _check_alike(first: Checkpoint, other: Checkpoint, name: str) -> None:
    one, two = first.info(name), other.info(name)
    alike = one.dtype == two.dtype or (DTYPES[one.dtype].is_float and DTYPES[two.dtype].is_float)
    if one.shape != two.shape or not alike:
        rows = "; --vocabulary union matches rows by token" if is_token_table(name) else ""
        raise InputError(
            f"{shown(other.path)}: tensor {shown(name)!r} is {two.dtype} {list(two.shape)}, "
            f"in {shown(first.path)} it is {one.dtype} {list(one.shape)}{rows}"
        )


def _terms(name: str, models: Models, rows: int = 0, *, based: bool) -> Terms:
    """What a method computes a tensor from; with `rows` only so many of them, from the first on."""
    info = models.sides[0].info(name)
    shape = (rows, *info.shape[1:]) if rows else info.shape
    base = _side(models.base, name, rows) if based else None
    known = [one for one in models.importances if name in one]
    sides, importances = (
        tuple(_side(one, name, rows) for one in many) for many in (models.sides, known)
    )
    transposed = any(is_transposed(one, name) for one in known)
    return Terms(name, shape, info.dtype, base, sides, importances, transposed)


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
    prepare = partial(method.prepare, terms[name], parameters)
    return Output(name, info.dtype, shape, prepare, whole=method.copies > 0)
