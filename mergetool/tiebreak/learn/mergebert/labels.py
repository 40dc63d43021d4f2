"""From a human resolution to the labels that give it, and back.

A hunk's resolution is known as a whole, not sub-conflict by sub-conflict. It is cut up by looking
for fillings that, put between the cleanly merged tokens, give exactly that text, all of it modulo
white space. Where none do (people edited a clean token, or wrote something new) it has no labels.

Fillings that are the same text modulo white space are one choice: they share the lowest label, and
a model is told and asked about the choice, the sum of its labels' probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tiebreak.learn.mergebert.primitives import fillings
from tiebreak.text.lexer import SPACE, tokenise
from tiebreak.text.tokens import TokenConflict, merge_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

Parts = tuple["bytes | TokenConflict", ...]


class _Path(NamedTuple):
    """One way to match a resolution so far: how many labellings it stands for, and the choices."""

    labellings: int
    last: int
    before: _Path | None


def split_hunk(base: bytes, ours: bytes, theirs: bytes) -> Parts:
    """The token merge of a hunk: clean text and sub-conflicts, in order.

    A hunk that is too much work to align is one sub-conflict as it stands.
    """
    merged = merge_tokens(base, ours, theirs, SPACE)
    if merged is not None:
        return merged.parts
    b, o, t = (tuple(tokenise(text, SPACE)) for text in (base, ours, theirs))
    return (TokenConflict(b, o, t),)


def conflicts_of(parts: Parts) -> list[TokenConflict]:
    """The sub-conflicts among the parts of a hunk."""
    return [part for part in parts if isinstance(part, TokenConflict)]


def choices(conflict: TokenConflict) -> tuple[int, ...]:
    """For each of the nine labels the lowest label that gives the same text."""
    texts = [bare(text) for text in fillings(conflict)]
    return tuple(texts.index(text) for text in texts)


def labels_of(parts: Parts, resolution: bytes) -> tuple[int, ...] | None:
    """The choice of each sub-conflict that makes `parts` the `resolution`, or None.

    Where sub-conflicts can be cut in several ways, the way with the most labellings is taken.
    """
    wanted = bare(resolution)
    reached = {0: _Path(1, -1, None)}  # by how much of `wanted` is matched
    for part in parts:
        if isinstance(part, bytes):
            text = bare(part)
            reached = {
                at + len(text): path for at, path in reached.items() if wanted.startswith(text, at)
            }
        else:
            reached = _through(part, reached, wanted)
    found = reached.get(len(wanted))
    return None if found is None else _chosen(found)


def _through(conflict: TokenConflict, reached: dict[int, _Path], wanted: bytes) -> dict[int, _Path]:
    texts = [bare(text) for text in fillings(conflict)]
    found: dict[int, _Path] = {}
    for at, path in reached.items():
        for label, text in enumerate(texts):
            if texts.index(text) != label or not wanted.startswith(text, at):
                continue
            labellings = path.labellings * texts.count(text)
            known = found.get(at + len(text))
            if known is None or known.labellings < labellings:
                found[at + len(text)] = _Path(labellings, label, path)
    return found


def _chosen(path: _Path) -> tuple[int, ...]:
    labels: list[int] = []
    here: _Path | None = path
    while here is not None and here.before is not None:
        labels.append(here.last)
        here = here.before
    return tuple(reversed(labels))


def resolved(parts: Parts, labels: Sequence[int]) -> bytes:
    """The text that `labels`, one for each sub-conflict, make of a hunk."""
    left = iter(labels)
    return b"".join(
        part if isinstance(part, bytes) else fillings(part)[next(left)] for part in parts
    )


def bare(text: bytes) -> bytes:
    """`text` without white space, as `tiebreak.learn.locate.normalised` has it."""
    return b"".join(text.split())
