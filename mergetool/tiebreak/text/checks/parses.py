"""Veto a candidate that parses worse than what it was made from.

Grammars are not perfect and files need not be: what counts is that the merge brings no error that
neither side had. Errors that the sides added apart may add up, so up to
``ours + theirs - base`` are allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.text.checks.placing import exhausted, place
from tiebreak.text.document import BASE, OURS, THEIRS
from tiebreak.text.parse import error_count, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.conflict import Candidate
    from tiebreak.text.document import Document, Hunk


def check(hunk: Hunk, candidate: Candidate[bytes]) -> str | None:
    """How many more errors there are; None when the file parses, with either side elsewhere."""
    allowed = _allowed(hunk.document)
    if allowed is None:
        return None
    if exhausted(hunk.document):
        return "too large a file, with too many conflicts, to check this one too"
    return errors_with(hunk, candidate.value)


def whole(document: Document) -> str | None:
    """The same for a file with everything that was chosen for it."""
    allowed = _allowed(document)
    if allowed is None or document.language is None:
        return None
    trees = [parse(document.language, document.assemble(side)) for side in (OURS, THEIRS)]
    return _compared([error_count(tree) for tree in trees if tree is not None], allowed)


def broken(document: Document, text: bytes) -> str | None:
    """What is wrong with a version of the whole file."""
    allowed = _allowed(document)
    tree = document.tree(text)
    return None if allowed is None or tree is None else _compared([error_count(tree)], allowed)


def errors_with(hunk: Hunk, value: bytes) -> str | None:
    """What `check` says of a text, whoever proposed it."""
    allowed = _allowed(hunk.document)
    if allowed is None:
        return None
    return _compared([_errors(hunk, value, s, allowed) for s in (OURS, THEIRS)], allowed)


def _compared(errors: Sequence[int], allowed: int) -> str | None:
    """What is wrong, unless one of the ways to fill the other conflicts is free of new errors."""
    if any(count <= allowed for count in errors):
        return None
    return f"does not parse: {max(errors)} errors, {allowed} with the sides alone"


def _allowed(document: Document) -> int | None:
    trees = [document.tree(document.texts[side]) for side in (BASE, OURS, THEIRS)]
    counts = [error_count(tree) for tree in trees if tree is not None]
    if len(counts) < len(trees):
        return None
    base, ours, theirs = counts
    return max(ours, theirs, ours + theirs - base)


def _errors(hunk: Hunk, value: bytes, fill: str, allowed: int) -> int:
    """Errors with a candidate in place. A fresh parse decides where the incremental one objects."""
    placed = place(hunk, value, fill)
    if placed is None or hunk.document.language is None:
        return 0
    errors = error_count(placed.tree)
    fresh = parse(hunk.document.language, placed.source) if errors > allowed else None
    return error_count(fresh) if fresh is not None else errors
