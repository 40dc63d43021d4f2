"""New folders of checkpoints: filled beside their place, then renamed."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tiebreak.errors import InputError
from tiebreak.weights.engine import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BESIDE: Final = (".json", ".txt", ".model", ".jinja")  # configuration and tokenizer files


def beside(folder: str) -> dict[str, str | bytes]:
    """The files of a folder that configure its checkpoint: where each is, by name."""
    found: dict[str, str | bytes] = {}
    for name in sorted(os.listdir(folder or os.curdir)):
        path = os.path.join(folder, name)
        if name.endswith(BESIDE) and os.path.isfile(path):
            found[name] = path
    return found


def changed(
    texts: Mapping[str, str | bytes], changes: Mapping[str, str | bytes | None]
) -> dict[str, str | bytes]:
    """The files with others in their place or besides; without those that are None."""
    both = {**texts, **changes}
    return {name: content for name, content in both.items() if content is not None}


@contextmanager
def new_folder(path: str, texts: Mapping[str, str | bytes]) -> Iterator[str]:
    """A folder to fill, which is at `path` when the ``with`` statement ends well, and else gone.

    `texts` are what else it has: copies of a file, or a content.
    """
    path = path.rstrip(os.sep) or path
    temporary = f"{path}.tiebreak-{os.getpid()}"
    try:
        os.mkdir(temporary)
    except OSError as error:
        raise InputError(f"{path}: cannot be made there: {error.strerror}") from error
    try:
        yield temporary
        finish(temporary, texts, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def finish(folder: str, texts: Mapping[str, str | bytes], path: str) -> None:
    """Add the other files, and give the folder its name."""
    for name, content in texts.items():
        if isinstance(content, str):
            shutil.copyfile(content, os.path.join(folder, name))
            continue
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    sync_folder(folder)
    os.rename(folder, path)
    sync_folder(os.path.dirname(os.path.abspath(path)))


def write_index(path: str, weight_map: Mapping[str, str], total: int) -> None:
    """An index of shards, as the Hugging Face Hub writes it."""
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(index, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
