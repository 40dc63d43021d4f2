"""What may be wrong with a merge that is clean by lines.

Git merges texts; two sides that add the same key or function at different places, or of which one
removes an import that the other begins to use, merge without a conflict. An objection names what no
version has and the merged file does: something twice in one scope, a name that is used and no
longer imported, a file that does not parse.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.checks import duplicates, parses
from tiebreak.text.document import BASE, OURS, THEIRS
from tiebreak.text.structure import is_import

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from tiebreak.text.document import Document
    from tiebreak.text.language import Language

MOST: Final = 50  # objections; more say no more
_NAME: Final = re.compile(rb"[A-Za-z_$][\w$]*")


class Objection(NamedTuple):
    """What is wrong, and the lines of the merged file that say so, counted from 1."""

    reason: str
    lines: tuple[int, ...]


def objections(document: Document, merged: bytes | None = None) -> list[Objection]:
    """What the merged file has that neither side has. Nothing where no grammar tells.

    `merged` is what became of the file; without it, what the document's regions make of it.
    """
    merged = document.assemble(OURS) if merged is None else merged
    if document.language is None or document.tree(merged) is None:
        return []
    broken = parses.broken(document, merged)
    found = [Objection(broken, ())] if broken else []
    found += [_objection(merged, twice) for twice in duplicates.repeated(document, merged)]
    found += _lost_imports(document, document.language, merged)
    return found[:MOST]


def _objection(merged: bytes, twice: duplicates.Twice) -> Objection:
    lines = (merged.count(b"\n", 0, claim.start) + 1 for claim in twice.claims)
    return Objection(twice.reason, tuple(sorted(lines)))


class _Names(NamedTuple):
    """The words of a file inside of its imports, and those outside of them with their places."""

    imported: set[bytes]
    used: dict[bytes, int]


def _lost_imports(document: Document, language: Language, merged: bytes) -> Iterator[Objection]:
    """Names whose import one side removed, and that the other side began to use."""
    if not language.imports.statements or not language.imports.binds:
        return
    sides = {
        side: _names(document, language, document.texts[side]) for side in (BASE, OURS, THEIRS)
    }
    now = _names(document, language, merged)
    for one, other in ((OURS, THEIRS), (THEIRS, OURS)):
        removed = sides[BASE].imported - sides[one].imported - now.imported
        for name in sorted(removed & now.used.keys()):
            if name not in sides[one].used and name in sides[other].used:
                shown = name.decode("utf-8", "replace")
                reason = f"uses {shown}, whose import {one} removed"
                yield Objection(reason, (merged.count(b"\n", 0, now.used[name]) + 1,))


def _names(document: Document, language: Language, source: bytes) -> _Names:
    tree = document.tree(source)
    spans = [] if tree is None else list(_imports(tree.root_node, source, language))
    imported: set[bytes] = set()
    rest = bytearray(source)
    for start, end in spans:
        imported.update(_NAME.findall(source[start:end]))
        rest[start:end] = b" " * (end - start)
    used: dict[bytes, int] = {}
    for found in _NAME.finditer(bytes(rest)):
        used.setdefault(found[0], found.start())
    return _Names(imported, used)


def _imports(node: Node, source: bytes, language: Language) -> Iterator[tuple[int, int]]:
    """The imports at the top of the file: those elsewhere are for their own scope."""
    for child in node.children:
        if child.type in language.imports.statements and is_import(child, source, language.imports):
            yield child.start_byte, child.end_byte
        elif child.type in {"import_list", "imports", "namespace_definition"}:
            yield from _imports(child, source, language)
