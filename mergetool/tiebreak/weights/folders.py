"""Folders of checkpoints, written beside their place and renamed."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tiebreak.errors import InputError
from tiebreak.weights.engine import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BESIDE: Final = (".json", ".txt", ".model", ".jinja")  # configuration and tokenizer files


def beside(folder: str) -> list[str]:
    """The files of a folder that configure its checkpoint."""
    return [
        name
        for name in sorted(os.listdir(folder or os.curdir))
        if name.endswith(BESIDE) and os.path.isfile(os.path.join(folder, name))
    ]


@contextmanager
def new_folder(path: str, source: str, copied: Sequence[str]) -> Iterator[str]:
    """A folder to fill, which is at `path` when the ``with`` statement ends well, and else gone.

    The files named by `copied` are copied into it from the folder `source`.
    """
    path = path.rstrip(os.sep) or path
    temporary = f"{path}.tiebreak-{os.getpid()}"
    try:
        os.mkdir(temporary)
    except OSError as error:
        raise InputError(f"{path}: cannot be made there: {error.strerror}") from error
    try:
        yield temporary
        for name in copied:
            shutil.copyfile(os.path.join(source, name), os.path.join(temporary, name))
        sync_folder(temporary)
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(os.path.dirname(os.path.abspath(path)))


def write_index(path: str, weight_map: Mapping[str, str], total: int) -> None:
    """An index of shards, as the Hugging Face Hub writes it."""
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(index, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
