"""Vocabularies of whole models that are merged by a method: any number of them, no conflicts.

The first model gives the configuration; tokens that the others added come after its own.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.engine import Output
from tiebreak.weights.errors import shown
from tiebreak.weights.settings_files import ABSENT, dump, merge_json
from tiebreak.weights.threeway import is_token_table
from tiebreak.weights.verifying.folder import Folder
from tiebreak.weights.verifying.vocabulary import row_count
from tiebreak.weights.vocabulary import files
from tiebreak.weights.vocabulary.tables import rows_below
from tiebreak.weights.vocabulary.union import VocabularyError, join
from tiebreak.weights.writing import stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.conflict import Tensor
    from tiebreak.weights.vocabulary.union import Union

_TEXTS: Final = tuple(n for n in files.FILES if n not in {files.CONFIG, "generation_config.json"})


class Tables(NamedTuple):
    """The tensors with a row for each token, the tokens, and the files that name them."""

    names: frozenset[str]
    union: Union
    texts: dict[str, bytes]

    def output(self, block: Output, models: Sequence[Tensor]) -> Output:
        """The whole table, below the block that means the same in every model."""
        try:
            below = [piece.tensor for piece in rows_below(self.union, models)]
        except VocabularyError as error:
            raise InputError(str(error)) from error
        pieces = [block]
        for rows in below:
            if rows.info.dtype != block.dtype:
                name = shown(block.name)
                raise InputError(f"{name}: rows are copied, and the models differ in their types")
            pieces.append(Output(rows.name, block.dtype, rows.info.shape, rows.raw()))
        count = sum(piece.shape[0] for piece in pieces)
        shape = (count, *block.shape[1:])
        return Output(block.name, block.dtype, shape, stack(pieces))


def check_vocabularies(paths: Sequence[str]) -> None:
    """Raise `InputError` where models have two tokens under one id, as far as files tell."""
    with ExitStack() as opened:
        base, *models = (opened.enter_context(closing(Folder(path))) for path in paths)
        union = _joined(base, models)
        for number, moved in enumerate(union.moved, 1):
            if moved:
                old = min(moved)
                raise InputError(
                    f"id {old} stands for another token in model {number} than in one before it;"
                    " --vocabulary union matches rows by token"
                )


def tables_of(paths: Sequence[str], base: Checkpoint, models: Sequence[Checkpoint]) -> Tables:
    """What joins the vocabularies of folders, the base's first."""
    with ExitStack() as opened:
        origin, *folders = (opened.enter_context(closing(Folder(path))) for path in paths)
        union = _joined(origin, folders)
        counts = [row_count(folder) for folder in (origin, *folders)]
        names = frozenset(
            name
            for name in models[0].names
            if is_token_table(name) and _rows(name, (base, *models)) == counts
        )
        if names:
            _check_explained(union, counts)
        if not union.grew or not names:
            return Tables(frozenset(), union, {})
        rows = max(models[0].info(next(iter(names))).shape[0], union.end)
        return Tables(names, union, _texts(union, origin, folders, rows))


def _joined(base: Folder, models: Sequence[Folder]) -> Union:
    try:
        return join(base, models)
    except VocabularyError as error:
        hint = "--vocabulary ignore merges rows as they stand"
        raise InputError(f"vocabularies: {error}; {hint}") from error


def _rows(name: str, checkpoints: Sequence[Checkpoint]) -> list[int | None]:
    held = [c.info(name).shape if name in c else () for c in checkpoints]
    return [shape[0] if shape else None for shape in held]


def _check_explained(union: Union, counts: Sequence[int | None]) -> None:
    """A model with more rows than the base has tokens for them: rows without any are unread."""
    before = counts[0] or 0
    for number, count in enumerate(counts[1:]):
        if (count or 0) > before and all(row.rows[number] is None for row in union.rows):
            more = (count or 0) - before
            raise InputError(f"model {number + 1} has {more} rows more, and no tokens for them")


def _texts(union: Union, base: Folder, models: Sequence[Folder], rows: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name in _TEXTS:
        before = _content(base, name)
        value = ABSENT
        for number, (model, moved) in enumerate(zip(models, union.moved, strict=True), 1):
            own = _content(model, name)
            own = own if own is ABSENT else files.renumbered(name, own, moved)
            merged = merge_json(before, value if number > 1 else own, own)
            if merged.conflicts:
                where, why = merged.conflicts[0]
                raise InputError(f"{name}: {where}: {why} (model {number} and one before it)")
            value = merged.value
        if value is not ABSENT:
            found[name] = dump(value, _raw(models[0], name))
    config = _content(models[0], files.CONFIG)
    if config is not ABSENT:
        found[files.CONFIG] = dump(files.sized(config, rows), _raw(models[0], files.CONFIG))
    return found


def _content(folder: Folder, name: str) -> Any:
    return folder.json(name) if name in folder.names else ABSENT


def _raw(folder: Folder, name: str) -> bytes | None:
    if name not in folder.names:
        return None
    with open(folder.file(name), "rb") as file:
        return file.read()
