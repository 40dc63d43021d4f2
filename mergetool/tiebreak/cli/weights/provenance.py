"""Where the inputs of a merge are from: what a model card says of them."""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from tiebreak.git.command import git
from tiebreak.weights.card import README, InputFile, Source, hub_of, license_in
from tiebreak.weights.newfolder import beside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.checkpoint import Checkpoint

_OBJECT: Final = re.compile(r"/lfs/objects/[0-9a-f]{2}/[0-9a-f]{2}/([0-9a-f]{64})$")


def sources_of(
    roles: Sequence[str], arguments: Sequence[str], models: Sequence[Checkpoint]
) -> list[Source]:
    """What a card says of each input, by the argument that names it. Reads every file once."""
    return [
        _source(role, argument, model)
        for role, argument, model in zip(roles, arguments, models, strict=True)
    ]


def _source(role: str, argument: str, model: Checkpoint) -> Source:
    hub, revision = hub_of(argument)
    if not os.path.exists(argument):
        asked = ("rev-parse", "--verify", "--end-of-options")
        revision = git(*asked, f"{argument.partition(':')[0]}^{{commit}}").line
    files = {os.path.basename(shard.path): shard.path for shard in model.layout}
    license_ = ""
    if os.path.isdir(model.path):
        files |= {name: path for name, path in beside(model.path).items() if isinstance(path, str)}
        license_ = license_in(_text(os.path.join(model.path, README)))
    names = sorted(files)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = tuple(pool.map(_file, names, (files[name] for name in names)))
    return Source(role, argument, hub, revision, license_, found)


def _file(name: str, path: str) -> InputFile:
    """An object of LFS is stored under its digest; any other file is read."""
    real = os.path.realpath(path)
    stored = _OBJECT.search(real)
    if stored:
        return InputFile(name, os.path.getsize(real), stored[1])
    with open(real, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return InputFile(name, os.path.getsize(real), digest)


def _text(path: str) -> str:
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(1 << 16)
