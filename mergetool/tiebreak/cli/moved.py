"""Where a tensor went that a side took out of a shard: only for saying so in a conflict.

A driver sees one file. The index of ours is in the work tree, which git has not touched yet; that
of theirs is in the commit whose name git tells the driver, where it does.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Final

from tiebreak.git.spawn import capture
from tiebreak.weights.conflict import MOVED, PRESENCE
from tiebreak.weights.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tiebreak.cli.drive import Request
    from tiebreak.weights.file import Verdict

_INDEX: Final = "model.safetensors.index.json"
_ENDING: Final = ".safetensors.index.json"
_NAME: Final = re.compile("[0-9a-f]{7,64}")


def with_shards(request: Request, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts, those on tensors that are in another shard now saying in which."""
    maps: dict[str, Mapping[str, str]] = {}
    return tuple(
        _named(request, verdict, maps) if verdict.kind == PRESENCE else verdict
        for verdict in verdicts
    )


def _named(request: Request, verdict: Verdict, maps: dict[str, Mapping[str, str]]) -> Verdict:
    gone = verdict.why.partition(" ")[0]
    if f"{gone} removed it" not in verdict.why:
        return verdict
    if gone not in maps:
        maps[gone] = _map(request.path, gone, request)
    shard = maps[gone].get(verdict.name, "")
    if not shard or shard == os.path.basename(request.path):
        return verdict
    where = f"{gone} moved it to {shown(shard)}"
    rest = verdict.why.partition(", ")[2]
    why = f"{where}, {rest}; tiebreak solve merges the shards together"
    return verdict._replace(kind=MOVED, why=why)


def _map(path: str, side: str, request: Request) -> Mapping[str, str]:
    """The weight map of a side; empty where it is not to be had."""
    folder = os.path.dirname(path)
    text = _ours(folder) if side == "ours" else _theirs(folder, request)
    try:
        found = json.loads(text)["weight_map"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    plain = isinstance(found, dict) and all(isinstance(v, str) for v in found.values())
    return found if plain else {}


def _index_name(folder: str) -> str:
    try:
        names = sorted(os.listdir(folder or os.curdir))
    except OSError:
        return _INDEX
    return next((name for name in names if name.endswith(_ENDING)), _INDEX)


def _ours(folder: str) -> bytes:
    try:
        with open(os.path.join(folder, _index_name(folder)), "rb") as file:
            return file.read()
    except OSError:
        return b""


def _theirs(folder: str, request: Request) -> bytes:
    heads = [name[8:] for name in os.environ if name.startswith("GITHEAD_")]
    word = request.label_theirs.partition(" ")[0]
    commit = heads[0] if len(heads) == 1 else word if _NAME.fullmatch(word) else ""
    if not commit:
        return b""
    name = f"{commit}:{os.path.join(folder, _index_name(folder))}"
    status, oid = capture(("git", "rev-parse", "--quiet", "--verify", name))
    return b"" if status else capture(("git", "cat-file", "blob", os.fsdecode(oid).strip()))[1]
