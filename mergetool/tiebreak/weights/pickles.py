"""Pickled checkpoints as safetensors, loaded so that nothing in them runs.

`torch.load` with ``weights_only`` builds tensors and plain containers and refuses everything else;
files in the zip format are mapped. No other module of tiebreak reads a pickle, and this one is
reached only by ``tiebreak weights convert``.
"""

from __future__ import annotations

import os
import pickle
import re
import warnings
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from tiebreak.errors import UsageError
from tiebreak.weights.checkpoint import is_index, read_index
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import File, Output, write_checkpoint, write_files
from tiebreak.weights.errors import CheckpointError, shown
from tiebreak.weights.newfolder import beside, new_folder, write_index

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from tiebreak.weights.methods.method import Each

    Progress = Callable[[int], None]

SAFE: Final = (2, 10)  # before it, CVE-2025-32434 and CVE-2026-24747 get around weights_only
ENDINGS: Final = (".bin", ".pt", ".pth", ".ckpt")

_INDEX: Final = re.compile(r"(.+)\.(?:bin|pt|pth)\.index\.json")
_TRAINING: Final = re.compile(r"(?:optimizer|scheduler|scaler|training_args|rng_state.*)\.\w+")
_INSIDE: Final = ("state_dict", "model_state_dict", "model", "module")  # as trainers nest it
_ZIP: Final = b"PK\x03\x04"
_PICKLES: Final = (_ZIP, b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_GLOBAL: Final = re.compile(r"(?:GLOBAL|global:?) (?:GLOBAL )?([\w.]+)")
_NAMED: Final = 3  # of a list


class Converted(NamedTuple):
    """What a file holds: the tensors to write, what they are tied to, and what there is to say."""

    tensors: dict[str, Tensor]
    tied: dict[str, str]
    remarks: list[str]


def convert(source: str, output: str, progress: Progress | None = None) -> list[str]:
    """Convert a file, an index of shards, or a folder with one; gives what there is to say of it.

    The output is a file or a folder as the source is, and must not exist.
    """
    _check_torch()
    if os.path.lexists(output):
        _refuse(output, "there is something already; name a new place")
    file = _find(source) if os.path.isdir(source) else source
    if os.path.isdir(source) or _is_index(file):
        return _convert_folder(file, output, progress)
    found = load(file)
    write_checkpoint(output, _outputs(found), _metadata(found), progress=progress)
    return found.remarks


def sources(source: str) -> list[str]:
    """The files that hold the tensors of a file, an index, or a folder."""
    file = _find(source) if os.path.isdir(source) else source
    if not _is_index(file):
        return [file]
    names = sorted(set(read_index(file).weight_map.values()))
    return [os.path.join(os.path.dirname(file), name) for name in names]


def _is_index(file: str) -> bool:
    return _INDEX.fullmatch(os.path.basename(file)) is not None


def _check_torch() -> None:
    import torch

    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < SAFE:
        wanted = ".".join(map(str, SAFE))
        msg = f"torch {torch.__version__} is not safe for unknown pickles; {wanted} or newer is"
        raise UsageError(msg)


def _find(folder: str) -> str:
    """The index of a folder, or its only checkpoint."""
    names = [name for name in sorted(os.listdir(folder)) if not _TRAINING.fullmatch(name)]
    indexes = [name for name in names if _INDEX.fullmatch(name)]
    found = indexes or [name for name in names if name.endswith(ENDINGS)]
    if not found:
        _refuse(folder, f"holds no pickled checkpoint ({', '.join(ENDINGS)})")
    if len(found) > 1:
        _refuse(folder, f"holds several checkpoints, name one: {_listed(found)}")
    return os.path.join(folder, found[0])


def _convert_folder(file: str, output: str, progress: Progress | None) -> list[str]:
    """Shard by shard, with the configuration files beside them."""
    remarks: list[str] = []
    weight_map: dict[str, str] = {}
    total = 0
    folder = os.path.dirname(file)
    texts = {name: text for name, text in beside(folder).items() if not _is_index(name)}
    with new_folder(output, texts) as new:
        for shard in sources(file):
            name = _renamed(shard)
            found = load(shard)
            for tensor in found.tensors:
                if weight_map.setdefault(tensor, name) != name:
                    _refuse(file, f"tensor {shown(tensor)!r} is in two shards")
            outputs = _outputs(found)
            write_files([File(os.path.join(new, name), outputs, _metadata(found))], 0, progress)
            total += sum(tensor.nbytes for tensor in found.tensors.values())
            remarks += found.remarks
        if _is_index(file):
            single = _renamed(file.removesuffix(".index.json"))
            write_index(os.path.join(new, f"{single}.index.json"), weight_map, total)
    return remarks


def _renamed(file: str) -> str:
    """``pytorch_model-00001-of-00002.bin`` is ``model-00001-of-00002.safetensors``."""
    name = os.path.splitext(os.path.basename(file))[0]
    return name.removeprefix("pytorch_") + ".safetensors"


def load(path: str) -> Converted:
    """The tensors of one file. Raises `CheckpointError` for what is not only tensors."""
    import torch

    try:
        with open(path, "rb") as file:
            head = file.read(64)
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror}")
    if not head.startswith(_PICKLES):
        what = "an index" if is_index(head) else "no pickled checkpoint"
        _refuse(path, f"this is {what}; converted are {', '.join(ENDINGS)} of torch.save")
    try:
        with warnings.catch_warnings(action="ignore"):  # what it warns of it refuses next
            found = torch.load(
                path, map_location="cpu", weights_only=True, mmap=head.startswith(_ZIP) or None
            )
    except pickle.UnpicklingError as error:
        _refuse(path, _unsafe(str(error)))
    except Exception as error:  # noqa: BLE001  (damaged bytes make torch raise anything)
        _refuse(path, f"torch cannot load it: {shown(' '.join(str(error).split()), 200)}")
    return _converted(path, found)


def _unsafe(message: str) -> str:
    named = _GLOBAL.search(message)
    if named is None:
        return f"refused, it is not only tensors: {shown(' '.join(message.split()), 200)}"
    return f"refused, loading it would run or build {shown(named[1])}, which is no tensor"


def _converted(path: str, found: object) -> Converted:
    import torch

    state, remarks = _state(path, found)
    tensors = {str(k): v.detach() for k, v in state.items() if isinstance(v, torch.Tensor)}
    others = [str(key) for key in state if str(key) not in tensors]
    if not tensors:
        _refuse(path, "holds no tensors by name")
    if others:
        remarks.append(f"{path}: left out, because they are no tensors: {_listed(others)}")
    for name, tensor in tensors.items():
        _check(path, name, tensor)
    tied = _tied(tensors)
    if tied:
        pairs = [f"{name} (is {kept})" for name, kept in tied.items()]
        remarks.append(f"{path}: tied, stored once and named in the metadata: {_listed(pairs)}")
    kept = {name: tensor for name, tensor in tensors.items() if name not in tied}
    partly = _overlapping(kept)
    if partly:
        remarks.append(f"{path}: shared memory in part, now separate: {_listed(partly)}")
    return Converted(kept, tied, remarks)


def _state(path: str, found: object) -> tuple[Mapping[object, object], list[str]]:
    """The mapping that holds the tensors: the file's own, or the model's within a trainer's."""
    import torch

    if not isinstance(found, dict):
        _refuse(path, f"holds a {type(found).__name__}, expected tensors by name")
    if any(isinstance(value, torch.Tensor) for value in found.values()):
        return found, []
    for key in _INSIDE:
        inner = found.get(key)
        if isinstance(inner, dict) and any(isinstance(v, torch.Tensor) for v in inner.values()):
            others = [str(other) for other in found if other != key]
            left = f"; left out: {_listed(others)}" if others else ""
            return inner, [f"{path}: converted is its {key!r}{left}"]
    return found, []


def _check(path: str, name: str, tensor: Tensor) -> None:
    """Only plain tensors have bytes that can be written as they are."""
    import torch

    where = f"tensor {shown(name)!r}"
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        _refuse(path, f"{where} is sparse, quantized or without data, which safetensors has not")
    if tensor.dtype not in _dtypes():
        _refuse(path, f"{where} is {tensor.dtype}, which safetensors has not")


def _dtypes() -> dict[object, str]:
    """The names of safetensors for torch's types."""
    import torch

    names = {
        "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
        "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
        "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
        "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "BOOL": "bool",
        "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "C64": "complex64",
    }  # fmt: skip
    return {getattr(torch, name): ours for ours, name in names.items() if hasattr(torch, name)}


def _tied(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """The names of tensors that are another, earlier one as a whole."""
    first: dict[tuple[object, ...], str] = {}
    tied = {}
    for name, tensor in tensors.items():
        if not tensor.numel():
            continue
        place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        kept = first.setdefault(place, name)
        if kept != name:
            tied[name] = kept
    return tied


def _overlapping(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of tensors that share bytes with another one, but are not the same."""
    spans = []
    for name, tensor in tensors.items():
        if tensor.numel():
            reach = sum(
                (length - 1) * step
                for length, step in zip(tensor.shape, tensor.stride(), strict=True)
            )
            start = tensor.data_ptr()
            spans.append((start, start + (reach + 1) * tensor.element_size(), name))
    spans.sort()
    found: set[str] = set()
    end, last = 0, ""
    for start, stop, name in spans:
        if start < end:
            found |= {name, last}
        if stop > end:
            end, last = stop, name
    return [name for name in tensors if name in found]


def _outputs(found: Converted) -> list[Output]:
    """Wide elements first, so that all are aligned; else in the order of the file."""
    dtypes = _dtypes()
    outputs = [
        Output(name, dtypes[tensor.dtype], tuple(tensor.shape), partial(_content, tensor))
        for name, tensor in found.tensors.items()
    ]
    return sorted(outputs, key=lambda output: -DTYPES[output.dtype].bits)


def _content(tensor: Tensor, _each: Each) -> memoryview:
    return bytes_of(tensor)


def bytes_of(tensor: Tensor) -> memoryview:
    """A tensor's elements in their order, as safetensors stores them."""
    import torch

    plain = tensor.resolve_conj().resolve_neg().contiguous().reshape(-1)
    return memoryview(plain.view(torch.uint8).numpy())


def _metadata(found: Converted) -> dict[str, str]:
    """As safetensors' own writer says what is tied."""
    return {**found.tied, "format": "pt"}


def _listed(names: Sequence[str]) -> str:
    more = f", {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(shown(name) for name in names[:_NAMED]) + more


def _refuse(path: str, reason: str) -> NoReturn:
    raise CheckpointError(f"{shown(path, 400)}: {reason}")
