"""YAML in which everything knows its line.

What YAML libraries pass over in silence is refused: a key that is there twice, an alias to itself,
a text whose aliases make far more of it than is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 100_000  # values in one file

Scalar = str | int | float | bool | None


class Entry(NamedTuple):
    """A value and where it stands. `value` holds entries, or is a scalar of YAML 1.1."""

    value: dict[str, Entry] | list[Entry] | Scalar
    place: Place


class Place(NamedTuple):
    """A line of a file."""

    path: str
    line: int

    def __str__(self) -> str:
        """As compilers write it."""
        return f"{shown(self.path, 400)}:{self.line}"


class RecipeError(InputError):
    """One line: which line of the recipe, what is wrong with it, what to do."""


def refused(place: Place, reason: str) -> RecipeError:
    """The error about a line."""
    return RecipeError(f"{place}: {reason}")


def read_documents(path: str) -> list[Entry]:
    """The documents of a YAML file, empty ones left out. Raises `RecipeError`."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError as error:
        raise RecipeError(f"{shown(path, 400)}: cannot be read: {error.strerror}") from error
    try:
        loader = yaml.SafeLoader(text)
        try:
            return list(_documents(loader, path))
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Place(path, mark.line + 1 if mark is not None else 1)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise refused(place, f"not proper YAML: {shown(str(problem))}") from error
    except RecursionError as error:
        raise refused(Place(path, 1), "not proper YAML: nested too deeply") from error


def _documents(loader: Any, path: str) -> Iterator[Entry]:
    reader = _Reader(loader, path)
    while loader.check_node():
        found = reader.entry(loader.get_node())
        if found.value is not None:
            yield found


class _Reader:
    """Turns nodes into entries, and counts them."""

    def __init__(self, loader: Any, path: str) -> None:
        self._loader, self._path = loader, path
        self._left, self._open = MOST, set[int]()

    def entry(self, node: Any, key: Any = None) -> Entry:
        """A node's; the place of a value is that of its key."""
        place = Place(self._path, (key or node).start_mark.line + 1)
        self._left -= 1
        if self._left < 0:
            raise refused(place, f"more than {MOST:,} values: aliases that multiply")
        if id(node) in self._open:
            raise refused(place, "an alias that holds itself")
        self._open.add(id(node))
        found = self._value(node)
        self._open.remove(id(node))
        return Entry(found, place)

    def _value(self, node: Any) -> dict[str, Entry] | list[Entry] | Scalar:
        if isinstance(node, yaml.SequenceNode):
            return [self.entry(item) for item in node.value]
        if not isinstance(node, yaml.MappingNode):
            return self._scalar(node)
        self._check_once(node)
        self._loader.flatten_mapping(node)  # what `<<` brings stands first, its own keys win
        return {self._key(key): self.entry(value, key) for key, value in node.value}

    def _check_once(self, node: Any) -> None:
        seen = set[str]()
        for key, _value in node.value:
            name = self._key(key)
            if name in seen:
                raise refused(
                    Place(self._path, key.start_mark.line + 1), f"{name!r} is there twice"
                )
            seen.add(name)

    def _key(self, node: Any) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise refused(Place(self._path, node.start_mark.line + 1), "a key must be a plain word")
        return str(node.value)

    def _scalar(self, node: Any) -> Scalar:
        found = self._loader.construct_object(node)
        if found is None or isinstance(found, str | int | float | bool):
            return found
        return str(node.value)  # a date is a text here
