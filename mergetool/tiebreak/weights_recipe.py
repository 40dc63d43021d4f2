"""The part of `.tiebreak.toml` that says how checkpoints are merged.

    [weights]                        # for every checkpoint
    method = "task_arithmetic"       # what to do with a tensor that both sides changed
    weight = 1.0                     # a parameter of the method
    metadata = "ours"                # who gets a text of the header that both sides changed
    vocabulary = "union"             # tokens of both sides one after the other, by `solve`

    [[weights.tensors]]              # by the tensor's name, where * matches anything, also dots
    match = "*.norm.*"
    method = "linear"

    [weights."adapters/*.safetensors"]   # by path, with the patterns of .gitignore
    method = "ties"
    density = 0.2

Of all that match, the last one gives the method, with the parameters that stand beside it. A method
that computes is one of `tiebreak.weights`; "ours", "theirs" and "conflict" are for saying that a
tensor is taken whole, or left to people. Without a method every tensor that both sides changed is a
conflict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.recipe_errors import compile_pattern, complain
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tiebreak.pattern import Pattern

CONFLICT: Final = "conflict"
SIDES: Final = ("ours", "theirs")

_METHOD: Final = "method"
_METADATA: Final = "metadata"
_VOCABULARY: Final = "vocabulary"
UNION: Final = "union"
_MATCH: Final = "match"
_TENSORS: Final = "tensors"

Parameter = float | str | bool | tuple[float, ...]


class Method(NamedTuple):
    """A method by name, with its parameters in the order of their names."""

    name: str
    parameters: tuple[tuple[str, Parameter], ...] = ()


class Rule(NamedTuple):
    """What a table says: None where it says nothing. A `match` is for the tensors of that name."""

    pattern: Pattern | None
    match: str | None
    method: Method | None
    metadata: str | None
    vocabulary: str | None = None


class WeightsRecipe(NamedTuple):
    """The rules in the order in which they apply."""

    rules: tuple[Rule, ...] = ()

    def for_path(self, path: str) -> WeightsRecipe:
        """Only what speaks of one checkpoint, relative to the top of the work tree."""
        return WeightsRecipe(
            tuple(r for r in self.rules if r.pattern is None or r.pattern.matches(path))
        )

    def method(self, tensor: str) -> Method | None:
        """The method for a tensor; None where none is named, or `conflict` is."""
        from fnmatch import fnmatchcase

        chosen = None
        for rule in self.rules:
            if rule.method and (rule.match is None or fnmatchcase(tensor, rule.match)):
                chosen = rule.method
        return None if chosen is None or chosen.name == CONFLICT else chosen

    @property
    def metadata(self) -> str | None:
        """The side that gets the texts of the header that both changed."""
        asked = [rule.metadata for rule in self.rules if rule.metadata is not None]
        return asked[-1] if asked else None

    @property
    def joins_vocabularies(self) -> bool:
        """Whether tokens that both sides added are put one after the other."""
        asked = [rule.vocabulary for rule in self.rules if rule.vocabulary is not None]
        return bool(asked) and asked[-1] == UNION


def parse_weights(text: str, table: object) -> WeightsRecipe:
    """Read the table ``[weights]`` of a recipe whose source is `text`."""
    if not isinstance(table, dict):
        raise complain(text, ("weights",), "expected a table, [weights]")
    rules = list(_rules(text, ("weights",), None, table))
    for name, inner in table.items():
        if isinstance(inner, dict):
            where = ("weights", name)
            rules.extend(_rules(text, where, compile_pattern(text, where), inner))
    return WeightsRecipe(tuple(rules))


def _rules(
    text: str, where: tuple[str, ...], pattern: Pattern | None, table: Mapping[str, object]
) -> Iterable[Rule]:
    """The rule of a table, then those of its ``[[...tensors]]``."""
    own = {
        k: v
        for k, v in table.items()
        if k != _TENSORS and not (pattern is None and isinstance(v, dict))
    }
    metadata = own.pop(_METADATA, None)
    if metadata is not None and metadata not in SIDES:
        raise complain(text, (*where, _METADATA), f"expected ours or theirs, got {metadata!r}")
    vocabulary = own.pop(_VOCABULARY, None)
    if vocabulary not in {None, UNION, CONFLICT}:
        expected = f"expected {UNION} or {CONFLICT}, got {vocabulary!r}"
        raise complain(text, (*where, _VOCABULARY), expected)
    yield Rule(
        pattern,
        None,
        _method(text, where, own),
        metadata if metadata in SIDES else None,
        vocabulary if isinstance(vocabulary, str) else None,
    )
    tensors = table.get(_TENSORS, [])
    if not isinstance(tensors, list):
        raise complain(text, (*where, _TENSORS), "expected a list of tables, [[weights.tensors]]")
    for entry in tensors:
        yield _tensor_rule(text, (*where, _TENSORS), pattern, entry)


def _tensor_rule(text: str, where: tuple[str, ...], pattern: Pattern | None, entry: object) -> Rule:
    match = entry.get(_MATCH) if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(match, str):
        raise complain(text, where, 'expected match = "names of tensors" in every entry')
    rest = {key: value for key, value in entry.items() if key != _MATCH}
    method = _method(text, where, rest)
    if method is None:
        raise complain(text, where, f"match = {match!r} needs a method")
    return Rule(pattern, match, method, None)


def _method(text: str, where: tuple[str, ...], own: Mapping[str, object]) -> Method | None:
    name = own.get(_METHOD)
    if name is None:
        if own:
            raise complain(
                text, (*where, next(iter(own))), "a parameter without a method beside it"
            )
        return None
    if not isinstance(name, str):
        raise complain(text, (*where, _METHOD), f"expected the name of a method, got {name!r}")
    parameters = {key: value for key, value in own.items() if key != _METHOD}
    return Method(
        name,
        tuple(
            (key, _parameter(text, (*where, key), parameters[key])) for key in sorted(parameters)
        ),
    )


def _parameter(text: str, where: tuple[str, ...], value: object) -> Parameter:
    if isinstance(value, float | int | str):
        return value
    if isinstance(value, list) and all(isinstance(item, float | int) for item in value):
        return tuple(value)
    raise complain(text, where, f"expected a number, a word or a list of numbers, got {value!r}")
