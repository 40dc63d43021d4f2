"""The structural merge: syntax trees, node by node, where lines are in conflict.

For a hunk three files are merged that differ in nothing but the hunk: what the line merge settled
around it is the same in all of them, so only what is in conflict can change. For a whole file (see
`tiebreak.text.joining`) the hunk is everything between its first and its last change, and then code
that one side moved and the other edited is merged too.

Nothing of it is proof. A clean structural merge says that the sides edited different nodes, which
is more than different lines or tokens, but on real merges people often choose otherwise; so each
way to come out clean is a stratum with a precision of its own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.record import NamedTuple
from tiebreak.text.checks.placing import place
from tiebreak.text.document import OURS, SIDES
from tiebreak.text.parse import error_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.checks.placing import Placed
    from tiebreak.text.document import Document, Hunk
    from tiebreak.text.trees.slots import Clash

NAME: Final = "structure"
LARGEST: Final = 600_000  # bytes of a file; its trees are walked in Python
BUDGET: Final = 6_000_000  # bytes that are parsed for it in one file, of those for the checks
ERRORS: Final = 20  # in a version of the file, beyond which its tree says little

# What was done, from the least certain: the first that holds names the stratum.
STRATA: Final = (
    ("relocated", "one side moved what the other edited"),
    ("moved", "one side moved what it did not change"),
    ("beside-deleted", "one side added beside what the other removed"),
    ("order-members", "both sides added members at one place"),
    ("order-imports", "both sides added imports at one place"),
    ("order-entries", "both sides added entries at one place"),
    ("order-sets", "both sides added to a list without order"),
    ("lines", "both sides edited lines of one comment or text"),
    ("inline", "both sides edited parts of one line"),
    ("sorted", "both sides added to a sorted list"),
    ("block", "the sides edited different statements"),
    ("members", "the sides edited different members"),
    ("imports", "the sides edited different imports"),
    ("entries", "the sides edited different entries"),
    ("sets", "the sides edited different items of a list without order"),
)


class Merged(NamedTuple):
    """The merge of a hunk: its text, with what stays in conflict, and what was done for it."""

    parts: Sequence[bytes | Clash]
    notes: frozenset[str]

    @property
    def value(self) -> bytes | None:
        """The text, where nothing stays in conflict."""
        texts = [part for part in self.parts if isinstance(part, bytes)]
        return b"".join(texts) if len(texts) == len(self.parts) else None


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The merge of the hunk's trees, where it comes out clean."""
    merged = merge(hunk)
    value = merged.value if merged else None
    if merged is not None and value is not None:
        kind, why = next((x for x in STRATA if x[0] in merged.notes), ("edits", "different nodes"))
        whole = "whole/" if hunk.region.parts else ""
        yield Candidate(value, NAME, f"by syntax: {why}", f"{NAME}/{whole}{kind}")


@lru_cache(maxsize=1)  # what compares layouts asks too
def merge(hunk: Hunk) -> Merged | None:
    """Merge the hunk's trees; None where that cannot be done, or changes what is around it."""
    from tiebreak.text.trees.merging import Source, merge_trees

    versions = _versions(hunk)
    language = hunk.document.language
    if versions is None or language is None:
        return None
    sources = [Source(version.source, version.tree) for version in versions]
    found = merge_trees(language, sources[0], sources[1], sources[2])
    parts = _inside(found.parts, versions[1]) if found else None
    return Merged(parts, found.notes) if found and parts is not None else None


def _versions(hunk: Hunk) -> list[Placed] | None:
    """The file with each side's text in the hunk, and ours in every other conflict."""
    if not hunk.region.ours or not hunk.region.theirs or not _is_sound(hunk.document):
        return None
    found = [place(hunk, hunk.region.side(side), OURS) for side in SIDES]
    versions = [version for version in found if version is not None]
    if len(versions) < len(found) or any(error_count(v.tree) > ERRORS for v in versions):
        return None
    return versions


def _is_sound(document: Document) -> bool:
    """Whether a file is small enough, and has a tree that says something."""
    if document.parsed > BUDGET or max(map(len, document.texts.values())) > LARGEST:
        return False
    tree = document.tree(document.filled(OURS))
    return tree is not None and error_count(tree) <= ERRORS


def _inside(parts: Sequence[bytes | Clash], ours: Placed) -> list[bytes | Clash] | None:
    """The hunk's part of the merged file; None where anything around it has changed."""
    before, after = ours.source[: ours.start], ours.source[ours.end :]
    found = [b"", *parts, b""]
    first, last = found[1], found[-2]
    if isinstance(first, bytes) and isinstance(last, bytes):
        text = first if len(parts) == 1 else first + last
        if len(text) < len(before) + len(after):
            return None
        if not first.startswith(before) or not last.endswith(after):
            return None
        if len(parts) == 1:
            return [text[len(before) : len(text) - len(after)]]
        return [first[len(before) :], *parts[1:-1], last[: len(last) - len(after)]]
    return None if before or after else list(parts)
