"""A checkpoint's folder as the checks see it, and what they find."""

from __future__ import annotations

import json
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tiebreak.weights.checkpoint import (
    BESIDE_ENDINGS,
    INDEX_ENDING,
    Index,
    Shard,
    open_shard,
    read_index,
)
from tiebreak.weights.errors import CheckpointError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.weights.safetensors import TensorInfo

_LARGEST: Final = 256 * 1024 * 1024  # bytes of JSON; the largest tokenizers have some 40 MB


class Finding(NamedTuple):
    """One thing that is wrong: in which file, what, and how to mend it."""

    file: str
    what: str
    fix: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.file}: {self.what}; {self.fix}"


class Folder:
    """The files of a folder, each read when it is first asked for.

    `unreadable` and `broken_json` collect the files that cannot be used; checks pass over them.
    """

    def __init__(self, path: str) -> None:
        """List the folder and read every header."""
        self.path = path
        self.unreadable: list[Finding] = []
        self.broken_json: list[Finding] = []
        self.shards: dict[str, Shard] = {}
        self._json: dict[str, Any] = {}
        try:
            self.names = sorted(os.listdir(path))
        except OSError as error:
            raise CheckpointError(
                f"{shown(path, 400)}: cannot be read: {error.strerror}"
            ) from error
        for name in self.names:
            if name.endswith(".safetensors"):
                self._open(name)

    def _open(self, name: str) -> None:
        try:
            self.shards[name] = open_shard(self.file(name))
            if name.endswith(BESIDE_ENDINGS):  # its tensors have the names of another file's
                self.shards.pop(name).view.release()
        except CheckpointError as error:
            what = str(error).removeprefix(f"{shown(self.file(name), 400)}: ")
            self.unreadable.append(Finding(name, what, "restore this file or write it again"))

    def close(self) -> None:
        """Give the files back."""
        for shard in self.shards.values():
            shard.view.release()

    def file(self, name: str) -> str:
        """The path of a file of the folder."""
        return os.path.join(self.path, name)

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file; an empty object where there is no such file, or it is none."""
        if name not in self._json:
            self._json[name] = self._read_json(name) if name in self.names else {}
        found: dict[str, Any] = self._json[name]
        return found

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            with open(self.file(name), "rb") as file:
                found = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError) as error:
            what = f"cannot be read as JSON: {shown(str(error))}"
            self.broken_json.append(Finding(name, what, "look for conflict markers and mend it"))
            return {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def indexes(self) -> list[Index]:
        """The indexes of shards; there may be one for each variant of a model."""
        found = []
        for name in self.names:
            if name.endswith(INDEX_ENDING):
                try:
                    found.append(read_index(self.file(name)))
                except CheckpointError as error:
                    what = str(error).removeprefix(f"{shown(self.file(name), 400)}: ")
                    self.broken_json.append(Finding(name, what, "write the index again"))
        return found

    @cached_property
    def tensors(self) -> dict[str, tuple[str, TensorInfo]]:
        """Every tensor, with its file; the first one of a name that occurs twice."""
        found: dict[str, tuple[str, TensorInfo]] = {}
        for file, tensor in self.entries():
            found.setdefault(tensor.name, (file, tensor))
        return found

    def entries(self) -> Iterator[tuple[str, TensorInfo]]:
        """Every tensor of every readable file."""
        for file, shard in self.shards.items():
            for tensor in shard.header.tensors:
                yield file, tensor

    def raw(self, name: str) -> memoryview:
        """A tensor's bytes."""
        file, tensor = self.tensors[name]
        start = self.shards[file].header.data_start
        return self.shards[file].view[start + tensor.start : start + tensor.end]
