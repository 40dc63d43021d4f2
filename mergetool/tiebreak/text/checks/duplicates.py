"""Veto a candidate that says something twice: a key of a mapping, a definition, an import.

What is found twice in one scope counts when the candidate holds one of the two and neither side has
it as often. Overloads, conditional definitions and the like are told apart by the language's data.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from tiebreak.record import NamedTuple
from tiebreak.text.checks.placing import place
from tiebreak.text.document import OURS, THEIRS
from tiebreak.text.lists import find_list, items_of
from tiebreak.text.parse import grammar_for
from tiebreak.text.structure import follow, is_import, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node, Query, Tree

    from tiebreak.conflict import Candidate
    from tiebreak.text.document import Document, Hunk
    from tiebreak.text.language import Definition, Keyed, Language

    Label = tuple[str, bytes, bytes]  # what it is, the kind of its scope, its name


class Claim(NamedTuple):
    """Something that must come once in its scope, and where it is.

    A scope is known by where it begins: around a hunk that is the same with any candidate in it.
    """

    scope: int
    label: Label
    start: int
    end: int


class Twice(NamedTuple):
    """Something that the file claims more often than either side."""

    reason: str
    claims: tuple[Claim, ...]


def check(hunk: Hunk, candidate: Candidate[bytes]) -> str | None:
    """The first thing that is there twice, with either side elsewhere in the file."""
    reason = _twice(hunk, candidate.value, OURS)
    return reason if reason and _twice(hunk, candidate.value, THEIRS) else None


def whole(document: Document) -> str | None:
    """The same for a file with everything that was chosen for it."""
    reasons = [_twice_in(document, document.assemble(side)) for side in (OURS, THEIRS)]
    return reasons[0] if all(reasons) else None


def repeated(document: Document, source: bytes) -> list[Twice]:
    """Everything that a version of the file says more often than either side does."""
    return [
        Twice(_told(label, len(group)), tuple(group))
        for (_, label), group in _by_identity(document, source).items()
        if len(group) > 1 and len(group) > _most(document, label)
    ]


def _twice_in(document: Document, source: bytes) -> str | None:
    return next((twice.reason for twice in repeated(document, source)), None)


def _told(label: Label, number: int) -> str:
    what, _, name = label
    return f"{what} {name.decode('utf-8', 'replace')} {number} times"


def _twice(hunk: Hunk, value: bytes, fill: str) -> str | None:
    document = hunk.document
    placed = place(hunk, value, fill)
    if placed is None or document.language is None:
        return None
    span = (placed.start, placed.end)
    inside = [
        c for c in _claims(document.language, placed.source, placed.tree, span) if c.end > span[0]
    ]
    counts: dict[tuple[int, Label], int] = {}
    for claim in inside:
        if claim.start < placed.end:
            counts[claim.scope, claim.label] = counts.get((claim.scope, claim.label), 0) + 1
    around = _around(document, fill)
    end = placed.start + len(hunk.region.side(fill))
    for (scope, label), count in counts.items():
        others = around.get((scope, label), ())
        number = count + sum(c.end <= placed.start or c.start >= end for c in others)
        if number > 1 and number > _most(document, label):
            # What is around the hunk was read with a side in it, which may nest otherwise.
            return _twice_in(document, placed.source)
    return None


@lru_cache(maxsize=2)  # two sides
def _around(document: Document, fill: str) -> dict[tuple[int, Label], list[Claim]]:
    """What the file claims with a side in all its hunks."""
    return _by_identity(document, document.filled(fill))


def _by_identity(document: Document, source: bytes) -> dict[tuple[int, Label], list[Claim]]:
    tree = document.tree(source)
    groups: dict[tuple[int, Label], list[Claim]] = {}
    if tree is not None and document.language is not None:
        for claim in _claims(document.language, source, tree):
            groups.setdefault((claim.scope, claim.label), []).append(claim)
    return groups


def _most(document: Document, label: Label) -> int:
    """How often a side has it in one scope."""
    return max(_repeated(document, side).get(label, 1) for side in (OURS, THEIRS))


@lru_cache(maxsize=2)
def _repeated(document: Document, side: str) -> dict[Label, int]:
    most: dict[Label, int] = {}
    for (_, label), group in _by_identity(document, document.texts[side]).items():
        most[label] = max(most.get(label, 0), len(group))
    return most


def _claims(
    language: Language, source: bytes, tree: Tree, span: tuple[int, int] | None = None
) -> Iterator[Claim]:
    """What a file claims, or only what touches `span`."""
    nodes = _nodes(language, tree, span)
    for kind in language.imports.statements:
        for node in nodes.get(kind, ()):
            yield from _imports(language, source, node)
    for keyed in language.keyed:
        if not keyed.ordered and (keyed.separator or not keyed.members):
            for kind in keyed.entries:
                yield from _keys(keyed, source, nodes.get(kind, ()))
    for number, definition in enumerate(language.definitions):
        for kind in definition.nodes:
            for node in nodes.get(kind, ()):
                yield from _defined(language, definition, number, source, node)


def _nodes(language: Language, tree: Tree, span: tuple[int, int] | None) -> dict[str, list[Node]]:
    """The nodes of every kind of interest, found by one query: walking a tree is slow here."""
    from tree_sitter import QueryCursor

    query = _query(language)
    if query is None:
        return {}
    cursor = QueryCursor(query)
    if span is not None:
        cursor.set_byte_range(*span)
    return cursor.captures(tree.root_node)


@lru_cache(maxsize=8)  # compiled for every candidate it would take longer than all else here
def _query(language: Language) -> Query | None:
    """What finds those nodes; None where nothing of the language must come once."""
    from tree_sitter import Query

    kinds = set(language.imports.statements)
    kinds.update(kind for rule in language.keyed for kind in rule.entries)
    kinds.update(kind for rule in language.definitions for kind in rule.nodes)
    grammar = grammar_for(language)
    if not kinds or grammar is None:
        return None
    return Query(grammar, "\n".join(f"({kind}) @{kind}" for kind in sorted(kinds)))


def _scope(language: Language, node: Node) -> Node | None:
    here = node.parent
    while here is not None and here.type in language.wrappers:
        here = here.parent
    return here


def _imports(language: Language, source: bytes, node: Node) -> Iterator[Claim]:
    """The names of an import, or the import as a whole."""
    rules = language.imports
    scope = _scope(language, node)
    if scope is None or not is_import(node, source, rules):
        return
    found = find_list(node, language.commutative)
    items = list(items_of(*found)) if found else []
    first = items[0].start_byte if items else node.end_byte
    last = items[-1].end_byte if items else node.end_byte
    head = source[node.start_byte : first] + source[last : node.end_byte]
    head = words(head.translate(None, b",;(){}").replace(b"'", b'"'))
    names = [words(source[i.start_byte : i.end_byte]) for i in items] or [b""]
    for name in names:
        label = ("imports", scope.type.encode(), b" ".join([head, name]).strip())
        yield Claim(scope.start_byte, label, node.start_byte, node.end_byte)


def _keys(rule: Keyed, source: bytes, nodes: Sequence[Node]) -> Iterator[Claim]:
    for node in nodes:
        parent = node.parent
        if parent is None or parent.type not in rule.parents:
            continue
        name = _name(node, rule.key, source)
        if name is not None:
            label = ("has key", parent.type.encode(), name.strip(b"\"'"))
            yield Claim(parent.start_byte, label, node.start_byte, node.end_byte)


def _defined(
    language: Language, rule: Definition, number: int, source: bytes, node: Node
) -> Iterator[Claim]:
    scope = _scope(language, node)
    name = _name(node, rule.name, source)
    if scope is None or name is None or name.decode("utf-8", "replace") in rule.repeatable:
        return
    if rule.require and node.child_by_field_name(rule.require) is None:
        return
    if rule.within and (node.parent is None or node.parent.type not in rule.within):
        return
    apart = b"%d %s" % (number, scope.type.encode()) + _signature(rule, source, node)
    yield Claim(scope.start_byte, ("defines", apart, name), node.start_byte, node.end_byte)


def _name(node: Node, path: Sequence[str], source: bytes) -> bytes | None:
    found = follow(node, path)
    return b" ".join(source[n.start_byte : n.end_byte].strip() for n in found) if found else None


def _signature(rule: Definition, source: bytes, node: Node) -> bytes:
    """What tells two definitions of one name apart."""
    parts = [b""]
    for field in rule.signature:
        parts += [words(source[n.start_byte : n.end_byte]) for n in follow(node, [f"{field}"])]
    if rule.head:
        name = follow(node, rule.name)[0]
        parts.append(words(source[node.start_byte : name.start_byte]))
    if rule.qualifiers:
        parts += _qualifiers(rule, source, node)
    return b" ".join(parts)


def _qualifiers(rule: Definition, source: bytes, node: Node) -> list[bytes]:
    """Decorators, attributes: siblings directly before."""
    before = _qualified(rule.qualifiers, source, node.parent) if node.parent is not None else {}
    found = before.get(node.start_byte, [])
    if not any(found):
        return found
    parameters = node.child_by_field_name("parameters")
    taken = words(source[parameters.start_byte : parameters.end_byte]) if parameters else b""
    return [*found, taken]


@lru_cache(maxsize=16)  # a file may define thousands of things in one scope: one pass for all
def _qualified(kinds: Sequence[str], source: bytes, parent: Node) -> dict[int, list[bytes]]:
    """The qualifiers directly before a child, by where the child starts."""
    before: dict[int, list[bytes]] = {}
    held: list[bytes] = []
    for child in parent.children:
        before[child.start_byte] = held
        if child.type in kinds:
            held = [*held, words(source[child.start_byte : child.end_byte])]
        elif "comment" not in child.type:
            held = []
    return before
