"""Syntax trees, from one grammar loaded directly.

`tree_sitter_language_pack` imports three more packages before it hands out a grammar; the driver
starts once per file, so the one shared object that is needed is loaded by its path instead.
Nothing here raises: without tree-sitter, the wheel or the grammar there simply is no tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import ModuleType

    import tree_sitter
    from tree_sitter import Node, Tree

    from tiebreak.text.language import Language

LARGEST: Final = 4_000_000
"""Sources of more bytes are not parsed: at 5-20 MB/s and some 30 bytes of tree per byte of source,
a larger one would cost more time and memory than the whole merge may take."""

PACK: Final = "tree_sitter_language_pack"
OWN_WHEELS: Final = {"yaml": "tree_sitter_yaml", "csharp": "tree_sitter_c_sharp"}

CRASHES_WHEN_DEEP: Final = frozenset({"yaml"})
"""The scanner of this grammar writes beyond its buffer at about 250 levels of nesting."""
DEEPEST: Final = 180  # levels: two thirds of them by columns of indentation, one by one line

_grammars: dict[str, tree_sitter.Language | None] = {}


def parse(
    language: Language, source: bytes, old: Tree | None = None, old_source: bytes = b""
) -> Tree | None:
    """The syntax tree; None without a grammar, above `LARGEST` bytes, or where it might crash.

    `old` is the tree of `old_source`, a similar text: only what differs is parsed again.
    """
    grammar = grammar_for(language)
    if grammar is None or len(source) > LARGEST:
        return None
    if language.grammar in CRASHES_WHEN_DEEP and _may_be_deep(source):
        return None
    from tree_sitter import Parser

    parser = Parser(grammar)
    if old is None:
        return parser.parse(source)
    return parser.parse(source, _edited(old, old_source, source))


def _may_be_deep(source: bytes) -> bool:
    """Whether a text may nest more than `DEEPEST` levels: each takes a column, or a mark."""
    for line in source.splitlines():
        if len(line) > DEEPEST * 2 // 3:
            lead = len(line) - len(line.lstrip(b" \t-?:"))
            marks = sum(line.count(mark) for mark in (b"- ", b"? ", b"-\t", b"?\t"))
            if lead > DEEPEST * 2 // 3 or marks > DEEPEST // 3:
                return True
    return False


def error_count(tree: Tree) -> int:
    """How many nodes the parser could not place (ERROR) or had to invent (MISSING)."""
    count = 0
    pending: list[Node] = [tree.root_node]
    while pending:
        node = pending.pop()
        if node.has_error:  # true of every ancestor of an error: sound subtrees are not walked
            count += node.is_error or node.is_missing
            pending.extend(node.children)
    return count


def grammar_for(language: Language) -> tree_sitter.Language | None:
    """The loaded grammar, or None when it is not installed. Loaded once."""
    name = language.grammar
    if name not in _grammars:
        _grammars[name] = _load(name)
    return _grammars[name]


def _load(name: str) -> tree_sitter.Language | None:
    try:
        from tree_sitter import Language as Grammar

        wheel = OWN_WHEELS.get(name)
        module = _extension(wheel, "", "_binding") if wheel else _extension(PACK, "/bindings", name)
        return Grammar(module.language()) if module else None
    except (ImportError, ValueError):  # no such wheel; a grammar of another ABI
        return None


def _extension(package: str, folder: str, name: str) -> ModuleType | None:
    """Load one extension module of a package without importing the package."""
    from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec, PathFinder
    from os.path import exists

    found = PathFinder.find_spec(package)
    for where in (found.submodule_search_locations if found else None) or ():
        for suffix in EXTENSION_SUFFIXES:
            path = f"{where}{folder}/{name}{suffix}"
            if exists(path):
                full_name = f"{package}{folder.replace('/', '.')}.{name}"
                loader = ExtensionFileLoader(full_name, path)
                module = loader.create_module(ModuleSpec(full_name, loader, origin=path))
                loader.exec_module(module)
                return module
    return None


def _edited(old: Tree, before: bytes, after: bytes) -> Tree:
    """A copy of `old` told which stretch of its text was replaced."""
    start = _common_prefix(before, after)
    tail = _common_prefix(before[start:][::-1], after[start:][::-1])
    old_end, new_end = len(before) - tail, len(after) - tail
    tree = old.copy()
    tree.edit(
        start_byte=start,
        old_end_byte=old_end,
        new_end_byte=new_end,
        start_point=_point(before, start),
        old_end_point=_point(before, old_end),
        new_end_point=_point(after, new_end),
    )
    return tree


def _common_prefix(a: bytes, b: bytes) -> int:
    """By halving: comparing slices is far faster than a loop over bytes."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _point(source: bytes, byte: int) -> tuple[int, int]:
    return source.count(b"\n", 0, byte), byte - (source.rfind(b"\n", 0, byte) + 1)
