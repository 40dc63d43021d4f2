"""What an argument names: a file, a folder, or REV:PATH; with LFS pointers followed."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from tiebreak.cli.scratch import scratch
from tiebreak.cli.weights.contents import lfs_store
from tiebreak.errors import InputError
from tiebreak.git.blobs import Blob, blob, save, tree
from tiebreak.git.command import git
from tiebreak.git.repository import find_repository
from tiebreak.weights.card import README
from tiebreak.weights.checkpoint import (
    BESIDE_ENDINGS,
    find_checkpoint,
    is_index,
    open_checkpoint,
    read_index,
)
from tiebreak.weights.errors import CheckpointError, shown
from tiebreak.weights.lfs import LONGEST_POINTER, parse_pointer
from tiebreak.weights.newfolder import BESIDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.importance import Kind
    from tiebreak.weights.lfs import Pointer

_WANTED: Final = (".safetensors", *BESIDE)


@contextmanager
def opened(argument: str) -> Iterator[Checkpoint]:
    """The checkpoint that an argument names."""
    with local(argument) as path, open_checkpoint(path) as checkpoint:
        yield checkpoint


def beside(kind: Kind, argument: str, model: Checkpoint) -> str:
    """The name of the Fisher or Gram file beside the checkpoint that an argument names."""
    if not os.path.isdir(model.path):
        return kind.beside(argument)
    folder = argument if argument.endswith(("/", ":")) else f"{argument}/"
    return folder + kind.beside(os.path.basename(find_checkpoint(model.path)))


@contextmanager
def opened_beside(kind: Kind, argument: str) -> Iterator[Checkpoint]:
    """The Fisher or Gram file of that name."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(opened(argument))
        except CheckpointError:
            raise
        except InputError as error:
            raise InputError(f"{error}; {kind.make}") from error
        yield found


@contextmanager
def local(argument: str) -> Iterator[str]:
    """A path that has the content; for the time of the ``with`` statement."""
    if os.path.isdir(argument):
        with _followed(argument) as path:
            yield path
    elif os.path.exists(argument):
        pointer = _pointer(argument)
        yield argument if pointer is None else _object(argument, pointer)
    elif ":" in argument:
        with _extracted(argument) as path:
            yield path
    else:
        msg = f"{shown(argument)}: there is no such file or folder; a commit's is REV:PATH"
        raise InputError(msg)


def identity(argument: str) -> list[str]:
    """What tells apart whether an argument names the same content as before.

    Of a commit the object's name; of files where they are, how long, and when they were changed.
    """
    if not os.path.exists(argument):
        revision, _, path = argument.partition(":")
        folder = argument if blob(argument) is None else f"{revision}:{os.path.dirname(path)}"
        asked = ("rev-parse", "--verify", "--end-of-options")
        return [argument, *(git(*asked, name).line for name in (argument, folder))]
    files = [argument]
    if os.path.isdir(argument):
        files = [os.path.join(argument, name) for name in sorted(os.listdir(argument))]
    elif is_index(_head(argument)):
        shards = sorted(set(read_index(argument).weight_map.values()))
        files += [os.path.join(os.path.dirname(argument), name) for name in shards]
    found = [(os.path.realpath(file), os.stat(file)) for file in files if os.path.isfile(file)]
    return [f"{path} {about.st_size} {about.st_mtime_ns}" for path, about in found]


def plan_of(named: Sequence[object], inputs: Sequence[str]) -> str:
    """A digest of everything that a result follows from: what is `named`, and the inputs."""
    from tiebreak.cli.dispatch import version

    everything = [version(), *named, [identity(name) for name in inputs]]
    text = json.dumps(everything, default=str)
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=20).hexdigest()


def _head(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(64)


@contextmanager
def _followed(folder: str) -> Iterator[str]:
    """The folder, or links to its files and to the LFS objects that it only has pointers to."""
    files = [name for name in sorted(os.listdir(folder)) if _wanted(name)]
    pointers = {name: _pointer(os.path.join(folder, name)) for name in files}
    if not any(pointers.values()):
        yield folder
        return
    with _temporary(folder) as copy:
        for name, pointer in pointers.items():
            path = os.path.abspath(os.path.join(folder, name))
            os.symlink(_object(path, pointer) if pointer else path, os.path.join(copy, name))
        yield copy


@contextmanager
def _extracted(argument: str) -> Iterator[str]:
    """The file or folder of a commit. Large files need as much space beside the repository."""
    found = blob(argument)
    with _temporary(argument, found.name if found else "") as copy:
        if found is None:
            for entry in tree(argument):
                if _wanted(entry.name):
                    _extract(entry, copy)
            yield copy
            return
        path = _extract(found, copy)
        with open(path, "rb") as file:
            shards = read_index(path).weight_map.values() if is_index(file.read(64)) else ()
        for name in sorted(set(shards)):
            shard = blob(argument.removesuffix(found.name) + name)
            if shard is None:
                raise InputError(f"{shown(argument)}: names {shown(name)}, which is not beside it")
            _extract(shard, copy)
        yield path


def _wanted(name: str) -> bool:
    """Whether a file of a folder is part of its checkpoint; a Fisher file is asked for by name."""
    if name.endswith(BESIDE_ENDINGS):
        return False
    return name.endswith(_WANTED) or name == README


def _extract(entry: Blob, folder: str) -> str:
    path = os.path.join(folder, entry.name)
    save(entry.oid, path)
    pointer = _pointer(path)
    if pointer is not None:
        os.unlink(path)
        os.symlink(_object(entry.name, pointer), path)
    return path


@contextmanager
def _temporary(argument: str, file: str = "") -> Iterator[str]:
    """A folder beside the repository's objects, for one file or a folder's.

    Errors speak of the argument, not of it.
    """
    repository = find_repository(argument if os.path.isdir(argument) else None)
    with scratch(repository.git_dir) as folder:
        try:
            yield folder
        except CheckpointError as error:
            place = os.path.join(folder, file).removesuffix(os.sep)
            raise CheckpointError(str(error).replace(place, shown(argument))) from error


def _pointer(path: str) -> Pointer | None:
    if not os.path.isfile(path):
        return None  # a pipe must not be waited for
    try:
        with open(path, "rb") as file:
            return parse_pointer(file.read(LONGEST_POINTER + 1))
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read: {error.strerror}") from error


def _object(path: str, pointer: Pointer) -> str:
    """The LFS object, in the store of the repository around the file."""
    around = os.path.dirname(path) or None
    found = lfs_store(find_repository(around)).find(pointer)
    if found is None:
        oid = f"{pointer.oid[:12]}, {pointer.size} bytes"
        raise InputError(f"{shown(path)}: its LFS object ({oid}) is not here; run: git lfs fetch")
    return found
