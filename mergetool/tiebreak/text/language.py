"""Languages as data: what a file's name says about how its text may be merged.

Every language is one file, ``languages/<name>.toml``; its fields are the fields of the tuples
below, and `from_data` is the only reader. Reading TOML takes longer than merging most files, so
what is shipped is kept as a table of literals too (`tiebreak.text.language_table`), written by
``python -m tiebreak.text.languages`` and kept true by a test. tree-sitter is not imported here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Data = Mapping[str, object]


class Condition(NamedTuple):
    """An ancestor that must be there: its kind, and the text of one of its fields.

    `up` levels above the list; without a field it is the text of the first named child. The text
    ``*`` is any.
    """

    kind: str
    field: str
    texts: tuple[str, ...]
    up: int = 1


class Imports(NamedTuple):
    """The statements that bring names into a file."""

    statements: tuple[str, ...] = ()
    first: tuple[str, ...] = ()  # kinds that stay before all others: `from __future__`
    require: str = ""  # a field the statement must have: `source` of a re-export
    order: bool = False  # order can carry meaning: C's `#include`
    calls: tuple[str, ...] = ()  # the first word of a statement must be one of these: `library(x)`
    binds: bool = True  # a statement binds the last name in it: not so in C#
    effects: bool = False  # ``import "x"`` binds nothing: it is run, and in that order


class Commutative(NamedTuple):
    """A list whose items have no order: the names of an import, the members of a union type."""

    parent: str
    items: tuple[str, ...]
    field: str = ""  # only the parent's children in this field are items
    separator: str = ","
    trailing: bool = False  # a separator may follow the last item
    when: Condition | None = None


class Keyed(NamedTuple):
    """Entries found by name: a mapping's pairs, a class's methods.

    `key` is a path from the entry: see `tiebreak.text.structure.follow`.
    `members` are code: the order of two added at one place is a matter of taste, never provable.
    `ordered` entries are known by name, but their order has a meaning: CSS declarations.
    `references` are kinds of nodes that give the order of entries a meaning, like YAML's anchors.
    """

    parents: tuple[str, ...]
    entries: tuple[str, ...]
    key: tuple[str, ...]
    separator: str = ""
    trailing: bool = False
    members: bool = False
    within: tuple[str, ...] = ()  # kinds of the parent's parent, when the parent's does not say
    ordered: bool = False
    references: tuple[str, ...] = ()


class Definition(NamedTuple):
    """A node that defines a name in its scope; two of one name and signature are a mistake."""

    nodes: tuple[str, ...]
    name: tuple[str, ...]  # a path, as in `Keyed.key`
    signature: tuple[str, ...] = ()  # fields that tell overloads apart
    head: bool = False  # the text before the name tells them apart too: `static`, `get`
    require: str = ""  # a field without which it only declares: `body`
    within: tuple[str, ...] = ()  # parent kinds, when the kind alone does not say
    qualifiers: tuple[str, ...] = ()  # siblings before it that tell them apart: `#[cfg(test)]`
    repeatable: tuple[str, ...] = ()  # names that may come twice: Go's `init`


class Language(NamedTuple):
    """What tiebreak knows of a language. `grammar` is its name in tree-sitter-language-pack."""

    name: str
    grammar: str
    extensions: tuple[str, ...] = ()
    file_names: tuple[str, ...] = ()
    indentation: bool = False  # leading white space is meaning
    line_comments: tuple[str, ...] = ()
    block_comments: tuple[tuple[str, str], ...] = ()
    comments: tuple[str, ...] = ()  # node kinds
    wrappers: tuple[str, ...] = ()  # node kinds that are no scope of their own
    imports: Imports = Imports()
    commutative: tuple[Commutative, ...] = ()
    keyed: tuple[Keyed, ...] = ()
    definitions: tuple[Definition, ...] = ()


def language_for(path: str) -> Language | None:
    """The language of a file, by its name: exact file names first, then the longest extension.

    >>> language_for("src/app.py").name
    'python'
    """
    from tiebreak.text.language_table import FILE_NAMES, LANGUAGES

    base_name = path.rpartition("/")[2]
    name = FILE_NAMES.get(base_name) or _by_extension(base_name)
    return from_data(name, LANGUAGES[name]) if name else None


def claims(language: Language, path: str) -> bool:
    """Whether a language says that a file is its own, by its name or one of its extensions."""
    base_name = path.rpartition("/")[2]
    return base_name in language.file_names or any(
        base_name.lower().endswith(extension.lower()) and base_name != extension
        for extension in language.extensions
    )


def _by_extension(base_name: str) -> str | None:
    """Try ``.d.ts`` before ``.ts``, and each as it is written before in lower case (``.C``)."""
    from tiebreak.text.language_table import EXTENSIONS

    start = base_name.find(".", 1)
    while start != -1:
        extension = base_name[start:]
        name = EXTENSIONS.get(extension) or EXTENSIONS.get(extension.lower())
        if name is not None:
            return name
        start = base_name.find(".", start + 1)
    return None


def with_order(language: Language, ordered: Sequence[str]) -> Language:
    """The language with groups whose order is to be kept: ``members``, or ``java.members``."""
    mine = {group.removeprefix(f"{language.name}.") for group in ordered}
    keyed = [
        rule._replace(ordered=True) if ("members" if rule.members else "entries") in mine else rule
        for rule in language.keyed
    ]
    return language._replace(
        keyed=tuple(keyed),
        commutative=() if "sets" in mine else language.commutative,
        imports=language.imports._replace(order=True) if "imports" in mine else language.imports,
    )


def from_data(name: str, data: Data) -> Language:
    """A language from the contents of its file.

    Unknown fields raise `TypeError`, naming them; a grammar that is no plain name `ValueError`: it
    becomes part of the path of a library that is loaded.
    """
    known = dict(data)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", str(known.get("grammar", ""))):
        raise ValueError(f"grammar: expected the name of one, got {known.get('grammar')!r}")
    known["name"] = name
    imports = _tuples(cast("Data", known.get("imports", {})))
    known["imports"] = Imports(**imports)  # type: ignore[arg-type]
    known["commutative"] = tuple(map(_commutative, _entries(known, "commutative")))
    known["keyed"] = tuple(Keyed(**_tuples(e)) for e in _entries(known, "keyed"))  # type: ignore[arg-type]
    known["definitions"] = tuple(
        Definition(**_tuples(e))  # type: ignore[arg-type]
        for e in _entries(known, "definitions")
    )
    return Language(**_tuples(known))  # type: ignore[arg-type]


def _entries(data: Data, field: str) -> list[Data]:
    return cast("list[Data]", data.get(field, []))


def _commutative(data: Data) -> Commutative:
    when = cast("Data | None", data.get("when"))
    condition = Condition(**_tuples(when)) if when else None  # type: ignore[arg-type]
    return Commutative(**_tuples({**data, "when": condition}))  # type: ignore[arg-type]


def _tuples(data: Data) -> dict[str, object]:
    return {field: _tuple(value) for field, value in data.items()}


def _tuple(value: object) -> object:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value
