"""Veto a candidate that says something twice: a key of a mapping, a definition, an import.

What is found twice in one scope counts when the candidate holds one of the two and neither side has
it as often. Overloads, conditional definitions and the like are told apart by the language's data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tiebreak.text.checks.placing import place
from tiebreak.text.document import OURS, THEIRS
from tiebreak.text.lists import find_list, items_of
from tiebreak.text.parse import grammar_for
from tiebreak.text.structure import follow, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node, Tree

    from tiebreak.conflict import Candidate
    from tiebreak.text.document import Hunk
    from tiebreak.text.language import Definition, Keyed, Language


class Claim(NamedTuple):
    """Something that must come once in its scope, and where it is."""

    scope: int  # the id of the node it is in, good within one tree
    label: tuple[
        str, bytes, bytes
    ]  # what it is, the kind of its scope, its name: good across trees
    start: int
    end: int


def check(hunk: Hunk, candidate: Candidate[bytes]) -> str | None:
    """The first thing that is there twice, with either side elsewhere in the file."""
    reason = _twice(hunk, candidate.value, OURS)
    return reason if reason and _twice(hunk, candidate.value, THEIRS) else None


def _twice(hunk: Hunk, value: bytes, fill: str) -> str | None:
    document = hunk.document
    placed = place(hunk, value, fill)
    if placed is None or document.language is None:
        return None
    for label, group in _groups(document.language, placed.source, placed.tree):
        inside = any(c.start < placed.end and c.end > placed.start for c in group)
        if inside and len(group) > _most(hunk, label):
            what, _, name = label
            return f"{what} {name.decode('utf-8', 'replace')} {len(group)} times"
    return None


def _most(hunk: Hunk, label: tuple[str, bytes, bytes]) -> int:
    """How often a side has it."""
    document = hunk.document
    most = 1
    for side in (OURS, THEIRS):
        source = document.texts[side]
        tree = document.tree(source)
        if tree is not None and document.language is not None:
            groups = _groups(document.language, source, tree)
            most = max([most, *(len(group) for found, group in groups if found == label)])
    return most


Groups = list[tuple[tuple[str, bytes, bytes], list[Claim]]]


def _groups(language: Language, source: bytes, tree: Tree) -> Groups:
    """Claims that come more than once."""
    by_identity: dict[tuple[int, tuple[str, bytes, bytes]], list[Claim]] = {}
    for claim in _claims(language, source, tree):
        by_identity.setdefault((claim.scope, claim.label), []).append(claim)
    return [(label, group) for (_, label), group in by_identity.items() if len(group) > 1]


def _claims(language: Language, source: bytes, tree: Tree) -> Iterator[Claim]:
    nodes = _nodes(language, tree)
    for kind in language.imports.statements:
        for node in nodes.get(kind, ()):
            yield from _imports(language, source, node)
    for keyed in language.keyed:
        if keyed.separator or not keyed.members:
            for kind in keyed.entries:
                yield from _keys(keyed, source, nodes.get(kind, ()))
    for number, definition in enumerate(language.definitions):
        for kind in definition.nodes:
            for node in nodes.get(kind, ()):
                yield from _defined(language, definition, number, source, node)


def _nodes(language: Language, tree: Tree) -> dict[str, list[Node]]:
    """The nodes of every kind of interest, found by one query: walking a tree is slow here."""
    from tree_sitter import Query, QueryCursor

    kinds = set(language.imports.statements)
    kinds.update(kind for rule in language.keyed for kind in rule.entries)
    kinds.update(kind for rule in language.definitions for kind in rule.nodes)
    grammar = grammar_for(language)
    if not kinds or grammar is None:
        return {}
    query = Query(grammar, "\n".join(f"({kind}) @{kind}" for kind in sorted(kinds)))
    return QueryCursor(query).captures(tree.root_node)


def _scope(language: Language, node: Node) -> Node | None:
    here = node.parent
    while here is not None and here.type in language.wrappers:
        here = here.parent
    return here


def _imports(language: Language, source: bytes, node: Node) -> Iterator[Claim]:
    """The names of an import, or the import as a whole."""
    rules = language.imports
    scope = _scope(language, node)
    if scope is None or (rules.require and node.child_by_field_name(rules.require) is None):
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
        yield Claim(scope.id, label, node.start_byte, node.end_byte)


def _keys(rule: Keyed, source: bytes, nodes: Sequence[Node]) -> Iterator[Claim]:
    for node in nodes:
        parent = node.parent
        if parent is None or parent.type not in rule.parents:
            continue
        name = _name(node, rule.key, source)
        if name is not None:
            label = ("has key", parent.type.encode(), name.strip(b"\"'"))
            yield Claim(parent.id, label, node.start_byte, node.end_byte)


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
    yield Claim(scope.id, ("defines", apart, name), node.start_byte, node.end_byte)


def _name(node: Node, path: Sequence[str], source: bytes) -> bytes | None:
    found = follow(node, path)
    return b" ".join(source[n.start_byte : n.end_byte].strip() for n in found) if found else None


def _signature(rule: Definition, source: bytes, node: Node) -> bytes:
    """What tells two definitions of one name apart."""
    parts = [b""]
    for field in rule.signature:
        found = node.child_by_field_name(field)
        parts.append(words(source[found.start_byte : found.end_byte]) if found else b"")
    if rule.head:
        name = follow(node, rule.name)[0]
        parts.append(words(source[node.start_byte : name.start_byte]))
    if rule.qualifiers:
        parts += _qualifiers(rule, source, node)
    return b" ".join(parts)


def _qualifiers(rule: Definition, source: bytes, node: Node) -> list[bytes]:
    """Decorators, attributes: siblings directly before."""
    siblings = node.parent.children if node.parent is not None else []
    found: list[bytes] = []
    for sibling in siblings:
        if sibling.start_byte >= node.start_byte:
            break
        if sibling.type in rule.qualifiers:
            found.append(words(source[sibling.start_byte : sibling.end_byte]))
        elif "comment" not in sibling.type:
            found = []
    if any(found):
        parameters = node.child_by_field_name("parameters")
        found.append(
            words(source[parameters.start_byte : parameters.end_byte]) if parameters else b""
        )
    return found
