"""In which files the merged tensors go.

Those of the donor, where the output has its tensors: then what did not change is the same in both.
Else, or where a size is asked for, files of at most so many bytes, named as on the Hugging Face
Hub.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from tiebreak.errors import UsageError
from tiebreak.weights.checkpoint import INDEX_ENDING, SINGLE
from tiebreak.weights.engine import File
from tiebreak.weights.writing import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.engine import Output

LARGEST: Final = 5_000_000_000  # bytes, mergekit's default
INDEX: Final = "model" + INDEX_ENDING

_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "G": 10**9, "T": 10**12}
_METADATA: Final = {"format": "pt"}


def shard_size(text: str) -> int:
    """Bytes from a text such as 5B, 300M, 2GB. Raises `UsageError`."""
    plain = text.strip().upper()
    plain = plain[:-1] if plain[-2:-1] in {"K", "M", "G", "T"} and plain.endswith("B") else plain
    number, unit = (plain[:-1], plain[-1:]) if plain[-1:] in _UNITS else (plain, "")
    if number.isdecimal() and int(number):
        return int(number) * _UNITS[unit]
    raise UsageError(f"{text}: expected a number of bytes, such as 5B (5,000,000,000), 300M, 2GB")


def files_of(outputs: Sequence[Output], donor: Checkpoint, largest: int | None) -> list[File]:
    """The files of the output, by name."""
    if largest is None and _same_names(outputs, donor):
        return _as_donor(outputs, donor)
    shards: list[list[Output]] = [[]]
    room = limit = largest or LARGEST
    for output in outputs:
        if shards[-1] and size(output) > room:
            shards.append([])
            room = limit
        shards[-1].append(output)
        room -= size(output)
    count = len(shards)
    if count == 1:
        return [File(SINGLE, shards[0], _METADATA)]
    return [
        File(f"model-{number:05d}-of-{count:05d}.safetensors", held, _METADATA)
        for number, held in enumerate(shards, 1)
    ]


def _same_names(outputs: Sequence[Output], donor: Checkpoint) -> bool:
    return {output.name for output in outputs} == set(donor.names)


def _as_donor(outputs: Sequence[Output], donor: Checkpoint) -> list[File]:
    by_name = {output.name: output for output in outputs}
    files = []
    for shard in donor.layout:
        name = os.path.basename(shard.path) if donor.index is not None else SINGLE
        held = [by_name[tensor.name] for tensor in shard.header.tensors]
        files.append(File(name, held, shard.header.metadata or _METADATA))
    return files


def index_of(files: Sequence[File]) -> dict[str, str | bytes]:
    """The index of shards, by its name; nothing for a single file."""
    if len(files) == 1:
        return {}
    places = {output.name: file.path for file in files for output in file.tensors}
    total = sum(size(output) for file in files for output in file.tensors)
    content = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    return {INDEX: (json.dumps(content, indent=2) + "\n").encode()}
