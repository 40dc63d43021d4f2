"""A checkpoint as one mapping from names to bytes, however many files it is in.

`open_checkpoint` takes a safetensors file, an index of shards, or a folder that holds one of them
(a Hugging Face model, a PEFT adapter). What a file is follows from its content, never from its
name. Files are mapped, not read: a tensor costs memory when it is looked at. Pickled checkpoints
are refused, because loading one runs whatever program it holds.
"""

from __future__ import annotations

import json
import mmap
import os
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, Self

from tiebreak.weights.errors import CheckpointError, shown
from tiebreak.weights.safetensors import LONGEST_HEADER, read_header

if TYPE_CHECKING:
    from types import TracebackType

    from tiebreak.weights.safetensors import Header, TensorInfo

SINGLE: Final = "model.safetensors"
INDEX_ENDING: Final = ".safetensors.index.json"
FISHER_ENDING: Final = ".fisher.safetensors"
GRAM_ENDING: Final = ".gram.safetensors"
BESIDE_ENDINGS: Final = (FISHER_ENDING, GRAM_ENDING)  # of what speaks of another checkpoint

_ENDING: Final = ".safetensors"
_PICKLE: Final = (
    "a pickled checkpoint, which can run any program when it is loaded; "
    "tiebreak weights convert makes safetensors of it"
)
_OTHERS: Final = (  # what else is called a checkpoint, by its first bytes
    (b"PK\x03\x04", _PICKLE),  # torch.save since 1.6: a zip archive around a pickle
    (b"\x80\x02", _PICKLE),
    (b"\x80\x03", _PICKLE),
    (b"\x80\x04", _PICKLE),
    (b"\x80\x05", _PICKLE),
    (b"GGUF", "a GGUF file, made from a checkpoint; merge that and convert it again"),
    (b"\x89HDF", "an HDF5 file; only safetensors is read"),
    (b"\x93NUMPY", "a numpy array; only safetensors is read"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch its content with: git lfs pull"),
)


class Shard(NamedTuple):
    """One mapped file."""

    path: str
    header: Header
    view: memoryview


class Index(NamedTuple):
    """An index of shards: which file holds which tensor, and what else it says."""

    path: str
    weight_map: dict[str, str]
    metadata: dict[str, object]


class Checkpoint:
    """The tensors of a checkpoint. Use it in a ``with`` statement, or `close` it.

    `names` lists the tensors in the order of the files; `layout` holds the files, in the order of
    their names; `index` is None for a single file.
    """

    __slots__ = ("_places", "index", "layout", "metadata", "names", "path")

    path: str
    layout: tuple[Shard, ...]
    index: Index | None
    metadata: dict[str, str] | None
    names: tuple[str, ...]

    def __init__(self, path: str, layout: tuple[Shard, ...], index: Index | None) -> None:
        """Raises `CheckpointError` when the shards do not hold what the index says."""
        self.path, self.layout, self.index = path, layout, index
        self.metadata = layout[0].header.metadata if layout else None
        self._places: dict[str, tuple[Shard, TensorInfo]] = {}
        for shard in layout:
            for tensor in shard.header.tensors:
                if tensor.name in self._places:
                    _refuse(path, f"tensor {shown(tensor.name)!r} is in two shards; {_VERIFY}")
                self._places[tensor.name] = shard, tensor
        self.names = tuple(self._places)
        self._check_index()

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __len__(self) -> int:
        return len(self.names)

    def info(self, name: str) -> TensorInfo:
        """The header's entry. Offsets count within the tensor's own file."""
        return self._places[name][1]

    def shard(self, name: str) -> Shard:
        """The file that holds the tensor."""
        return self._places[name][0]

    def raw(self, name: str) -> memoryview:
        """The tensor's bytes, where they lie: nothing is read before it is looked at."""
        shard, tensor = self._places[name]
        start = shard.header.data_start
        return shard.view[start + tensor.start : start + tensor.end]

    def close(self) -> None:
        """Give the files back. Views that are still held keep their file until they go."""
        self._places.clear()
        for shard in self.layout:
            shard.view.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check_index(self) -> None:
        """An index that disagrees with its shards would lose tensors in whatever is written."""
        if self.index is None:
            return
        for name, file in self.index.weight_map.items():
            place = self._places.get(name)
            if place is None or os.path.basename(place[0].path) != os.path.basename(file):
                _refuse(self.path, f"{shown(file)} does not hold {shown(name)!r}; {_VERIFY}")
        for name in self.names:
            if name not in self.index.weight_map:
                _refuse(self.path, f"the index does not name tensor {shown(name)!r}; {_VERIFY}")


_VERIFY: Final = "tiebreak weights verify FOLDER says more"


def open_checkpoint(path: str) -> Checkpoint:
    """Open a safetensors file, an index of shards, or a folder with one of them."""
    file = find_checkpoint(path) if os.path.isdir(path) else path
    head = _head(file)
    if is_index(head):
        index = read_index(file)
        folder = os.path.dirname(file)
        names = sorted(set(index.weight_map.values()))
        return Checkpoint(path, tuple(open_shard(os.path.join(folder, n)) for n in names), index)
    return Checkpoint(path, (open_shard(file),), None)


def find_checkpoint(folder: str) -> str:
    """The file of a folder to open: its index, or its only safetensors file.

    With several, ``model.safetensors`` and then its index win, as in transformers. A Fisher file
    (`tiebreak.weights.importance`) belongs to one, and is none itself.
    """
    files = sorted(os.listdir(folder))
    indexes = [name for name in files if name.endswith(INDEX_ENDING)]
    shards = {
        shard
        for name in indexes
        for shard in read_index(os.path.join(folder, name)).weight_map.values()
    }
    singles = [name for name in files if _is_single(name) and name not in shards]
    found = singles + indexes
    for name in (SINGLE, "model" + INDEX_ENDING, *(found if len(found) == 1 else ())):
        if name in found:
            return os.path.join(folder, name)
    if found:
        _refuse(folder, f"holds several checkpoints, name one: {', '.join(map(shown, found))}")
    pickles = [n for n in files if n.endswith((".bin", ".pt", ".pth", ".ckpt"))]
    if pickles:
        _refuse(folder, f"holds no safetensors; {shown(pickles[0])} looks like {_PICKLE}")
    raise CheckpointError(f"{shown(folder, 400)}: holds no safetensors file")


def _is_single(name: str) -> bool:
    return name.endswith(_ENDING) and not name.endswith(BESIDE_ENDINGS)


def open_shard(path: str) -> Shard:
    """Map one safetensors file and check its header."""
    head = _head(path)
    for magic, what in _OTHERS:
        if head.startswith(magic) and not _begins_with_header(head):
            _refuse(path, f"this is {what}")
    if not head:
        _refuse(path, "the file is empty")
    try:
        with open(path, "rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # ValueError: it has become empty
        _refuse(path, f"cannot be mapped: {shown(str(error))}")
    return Shard(path, read_header(view, path), view)


def _begins_with_header(head: bytes) -> bool:
    """Whether these are a length and a brace: a header of 896 bytes begins as a pickle does."""
    return head[5:9] == b"\0\0\0{"


def is_index(head: bytes) -> bool:
    """Whether a file that begins so is JSON.

    A safetensors file begins with a length, whose last bytes are zero, as none are in JSON.
    """
    return b"\0" not in head[:8] and head.lstrip()[:1] == b"{"


def read_index(path: str) -> Index:
    """Read and check an index of shards."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(LONGEST_HEADER))
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror}")
    except (ValueError, RecursionError) as error:
        _refuse(path, f"not proper JSON: {shown(str(error))}")
    weight_map = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(weight_map, dict) or not all(map(_is_plain, weight_map.values())):
        _refuse(path, "expected an index of shards: a weight_map from tensors to files beside it")
    metadata = found.get("metadata", {})
    return Index(path, weight_map, metadata if isinstance(metadata, dict) else {})


def _is_plain(name: object) -> bool:
    """A file beside the index: a checkpoint must not make us read anywhere else."""
    return isinstance(name, str) and name not in {"", ".", ".."} and os.path.basename(name) == name


def _head(path: str) -> bytes:
    if os.path.exists(path) and not os.path.isfile(path):
        _refuse(path, "not a regular file, which alone can be mapped")
    try:
        with open(path, "rb") as file:
            return file.read(64)
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror}")


def _refuse(path: str, reason: str) -> NoReturn:
    raise CheckpointError(f"{shown(path, 400)}: {reason}")
