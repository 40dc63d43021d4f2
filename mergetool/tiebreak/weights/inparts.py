"""One large file that is finished later: written in parts, which are then put together.

What is whole of it is not computed again, as of a folder (`tiebreak.weights.partial`). It costs
room and writing for the file a second time, so it is done where it is asked for only.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.engine import File, write_checkpoint, write_files
from tiebreak.weights.partial import partial_folder
from tiebreak.weights.writing import size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.weights.engine import Output
    from tiebreak.weights.writing import Meter

PART: Final = 1 << 30  # bytes, if no tensor is larger


def write_in_parts(file: File, plan: str, threads: int = 0, meter: Meter | None = None) -> None:
    """Write a checkpoint of one file; interrupted, the parts that are whole stay beside it."""
    with partial_folder(file.path, plan) as partial:
        files = [
            File(f"{number}.safetensors", part, None)
            for number, part in enumerate(_parts(file.tensors))
        ]
        left = [one for one in files if not partial.has(one.path, one.tensors)]
        writing = [one._replace(path=partial.part(one.path)) for one in left]
        total = sum(size(output) for one in left for output in one.tensors)
        write_files(writing, threads, meter(total) if meter else None, partial.finish)
        _join(file, partial.folder, files, threads)
        shutil.rmtree(partial.folder)


def _parts(outputs: Sequence[Output]) -> Iterator[list[Output]]:
    part: list[Output] = []
    held = 0
    for output in outputs:
        if part and held + size(output) > PART:
            yield part
            part, held = [], 0
        part.append(output)
        held += size(output)
    yield part


def _join(file: File, folder: str, parts: Sequence[File], threads: int) -> None:
    with ExitStack() as stack:
        whole = []
        for part in parts:
            found = stack.enter_context(open_checkpoint(os.path.join(folder, part.path)))
            whole += [output._replace(content=found.raw(output.name)) for output in part.tensors]
        write_checkpoint(file.path, whole, file.metadata, threads)
        whole.clear()
