"""Which siblings have no order among themselves, and by what name each is known.

From the language's data: the items of a set (`Commutative`), the entries of a mapping and the
members of a type (`Keyed`), imports. What is in none of these is ordered.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tiebreak.text.lists import find_list, meets
from tiebreak.text.lists import items_of as listed
from tiebreak.text.structure import follow, is_import, words
from tiebreak.text.trees.items import Kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tree_sitter import Node

    from tiebreak.text.language import Commutative, Keyed, Language
    from tiebreak.text.trees.items import Item, Items

IMPORTS: Final = "imports"
SETS: Final = "sets"
ENTRIES: Final = "entries"
MEMBERS: Final = "members"


class Groups:
    """A language's rules, by the kind of the parent."""

    def __init__(self, language: Language) -> None:
        """Sort a language's rules."""
        self.language = language
        self.attached = frozenset(k for d in language.definitions for k in d.qualifiers)
        self.comments = frozenset(language.comments)
        self._imports = frozenset(language.imports.statements) if not language.imports.order else ()
        self._sets: dict[str, list[Commutative]] = {}
        self._keyed: dict[str, list[Keyed]] = {}
        for rule in language.commutative:
            self._sets.setdefault(rule.parent, []).append(rule)
        for keyed in language.keyed:
            for parent in keyed.parents:
                self._keyed.setdefault(parent, []).append(keyed)

    def kinds(self, parent: str) -> Kinds:
        """What is special among the children of a kind of node."""
        signs = {rule.separator for rule in self._sets.get(parent, ())} - {",", ";", ""}
        return Kinds(self.comments, self.attached, next(iter(sorted(signs)), ""))

    def name(self, items: Items, parent: Node) -> None:
        """Give every item of a node its group and name, where the data has them."""
        source = items.source
        sets = [rule for rule in self._sets.get(items.kind, ()) if meets(rule, parent, source)]
        keyed = [
            rule
            for rule in self._keyed.get(items.kind, ())
            if not rule.within or (parent.parent is not None and parent.parent.type in rule.within)
        ]
        for item in items.items:
            if item.kind in self._imports and self._is_import(item.node, source):
                item.group, item.name = IMPORTS, self._import(item)
                continue
            for number, rule in enumerate(keyed):
                if item.kind in rule.entries:
                    self._entry(item, rule, number)
                    break
            else:
                if any(item.kind in r.items and r.field in ("", item.field) for r in sets):
                    item.group, item.name = SETS, words(source[item.core : item.end])
        _tell_apart(items.items, self.language)

    def _entry(self, item: Item, rule: Keyed, number: int) -> None:
        """Name an entry; the number keeps a class apart from an object of its name."""
        found = follow(item.node, rule.key)
        if found:
            parts = [item.source[n.start_byte : n.end_byte].strip(b"\"' \t\r\n") for n in found]
            item.name = b" ".join([*parts, b"%d" % number])
            if not rule.ordered:
                item.group = MEMBERS if rule.members else ENTRIES

    def _is_import(self, node: Node, source: bytes) -> bool:
        """Whether it is one import, and no block of them, nor an export of something defined."""
        rules = self.language.imports
        if not is_import(node, source, rules):
            return False
        if rules.calls:
            return True
        within = {c.type for child in node.named_children for c in (child, *child.named_children)}
        return within.isdisjoint(rules.statements)

    def _import(self, item: Item) -> bytes | None:
        """An import without the names of its list; None where a comment is among them."""
        node, source = item.node, item.source
        text = source[item.core : item.end]
        found = find_list(node, self.language.commutative)
        names = list(listed(*found)) if found else []
        if names and found is not None:
            if any(child.type in self.comments for child in found[0].children):
                return None
            head = source[item.core : names[0].start_byte] + source[names[-1].end_byte : item.end]
            text = head.translate(None, b",(){}")
        return words(text.replace(b"'", b'"').rstrip(b"; \t\r\n"))


def _tell_apart(items: Sequence[Item], language: Language) -> None:
    """Twins of one name get what tells them apart into it, or lose their name."""
    for full in (_full_name, lambda _item, _language: None):
        seen: dict[tuple[str, bytes], list[Item]] = {}
        for item in items:
            if item.name is not None:
                seen.setdefault((item.group, item.name), []).append(item)
        for twins in seen.values():
            if len(twins) > 1:
                for item in twins:
                    item.name = full(item, language)


def _full_name(item: Item, language: Language) -> bytes | None:
    """A name with the attributes above, and an overload's signature."""
    node, source = item.node, item.source
    parts = [item.name or b"", *(words(lead.text) for lead in item.leads if lead.node.is_named)]
    for rule in language.definitions:
        if node.type in rule.nodes:
            for field in rule.signature:
                parts += [words(source[n.start_byte : n.end_byte]) for n in follow(node, [field])]
            if rule.head:
                name = follow(node, rule.name)
                parts.append(words(source[item.core : name[0].start_byte]) if name else b"")
    return b" ".join(parts)


@lru_cache(maxsize=4)
def groups_of(language: Language) -> Groups:
    """The rules of a language; one merge asks for them many times."""
    return Groups(language)
