"""What the journal is told of a merged checkpoint, by the driver and by `tiebreak solve`.

The terms are names of git's own blobs; no content is stored. Every tensor that somebody changed is
a decision, with a digest of what was written, so that it can be looked for in the file later.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.journal import TENSORS, Decision, Entry, Term, entry_key
from tiebreak.policy import ACTIONS, SUGGEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tiebreak.weights.file import Verdict

ABSENT = Term("", 0)  # a version that does not have the file


class Terms(NamedTuple):
    """The versions of a file, and what it was before and is after."""

    base: Term
    ours: Term
    theirs: Term
    floor: Term
    result: Term


def tensor_entry(path: str, terms: Terms, decisions: Iterable[Decision], operation: str) -> Entry:
    """The entry of one file."""
    key = entry_key(TENSORS, path, terms.base.digest, terms.ours.digest, terms.theirs.digest)
    return Entry(key, path, TENSORS, time.time(), operation, *terms, tuple(decisions))


def decisions(
    verdicts: Iterable[Verdict], digests: Mapping[str, str], *, used: bool
) -> tuple[Decision, ...]:
    """What became of each tensor. `digests` are those of the tensors of the result."""
    return tuple(_decision(verdict, digests, used=used) for verdict in verdicts)


def _decision(verdict: Verdict, digests: Mapping[str, str], *, used: bool) -> Decision:
    action = verdict.action if used else min(verdict.action, SUGGEST, key=ACTIONS.index)
    return Decision(
        verdict.name,
        action,
        "" if verdict.open else verdict.by,
        verdict.kind or verdict.by,
        why=verdict.why,
        chosen=digests.get(verdict.name, ""),
    )


def blob_term(file: str, hasher: str) -> Term:
    """The name of the blob that git makes of a file (gitformat-pack(5), "object name")."""
    size = os.stat(file).st_size
    state = hashlib.new(hasher, b"blob %d\0" % size, usedforsecurity=False)
    with open(file, "rb") as opened:
        while piece := opened.read(1 << 20):
            state.update(piece)
    return Term(state.hexdigest(), size)
