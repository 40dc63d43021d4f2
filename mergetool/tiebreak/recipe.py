"""The recipe: what a repository says about its merges, in a committed ``.tiebreak.toml``.

    [policy]                    # for every file
    most = "apply"              # leave, suggest, apply or commit: the most that may be done
    provable = "commit"         # the same for what follows from the inputs alone
    commit = 0.99               # the lower bound of the precision that each step asks for
    apply = 0.97

    ordered = ["java.members"]  # what has an order here, though its language says that it has none

    [policy."*.lock"]           # by path, with the patterns of .gitignore; of all that match,
    most = "leave"              # the last one that has a setting gives it

    [weights]                   # how checkpoints are merged: `tiebreak.weights_recipe`
    method = "task_arithmetic"

A recipe comes with the tree that is being merged, so it can only lower what the user's own git
configuration allows (`Policy.limited_by`). A recipe that cannot be read raises `RecipeError`;
whoever merges must then resolve nothing (`NOTHING`) and say why.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final, cast

from tiebreak.policy import ACTIONS, COMMIT, LEAVE, Policy
from tiebreak.recipe_errors import NAME, RecipeError, compile_pattern, complain, place
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from tiebreak.pattern import Pattern
    from tiebreak.weights_recipe import WeightsRecipe

NOTHING: Final = Policy(most=LEAVE, provable=LEAVE)  # the careful policy: every conflict stays
UNLIMITED: Final = Policy(commit=0.0, apply=0.0, most=COMMIT, provable=COMMIT)

_TABLES: Final = ("policy", "weights")
_LIMIT: Final = 64 * 1024  # bytes; the tree is not trusted, and a recipe is a page of text

Setting = float | str | tuple[str, ...]


class Rule(NamedTuple):
    """Settings for the paths that match. The rule for all paths has no pattern."""

    pattern: Pattern | None
    settings: Mapping[str, Setting]

    def applies(self, path: str) -> bool:
        """Whether the rule speaks of this path, relative to the top of the work tree."""
        return self.pattern is None or self.pattern.matches(path)


class Recipe(NamedTuple):
    """The rules in the order in which they apply. `weights` is None without such a table."""

    rules: tuple[Rule, ...] = ()
    weights: WeightsRecipe | None = None

    def policy_for(self, path: str, allowed: Policy) -> Policy:
        """The policy for a path: what the recipe says, limited by what the user allows."""
        settings: dict[str, Setting] = {}
        for rule in self.rules:
            if rule.applies(path):
                settings.update(rule.settings)
        # A recipe has no say in what is trusted.
        return _policy(UNLIMITED, settings).limited_by(allowed)._replace(trust=allowed.trust)


def load_recipe(top: str) -> Recipe:
    """The recipe at the top of a work tree; an empty one when there is no such file."""
    try:
        with open(os.path.join(top, NAME), "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                msg = f"{NAME}: not a file"
                raise RecipeError(msg)
            return parse_recipe(file.read(_LIMIT + 1))
    except FileNotFoundError:
        return Recipe()
    except OSError as error:
        msg = f"{NAME}: cannot be read: {error.strerror}"
        raise RecipeError(msg) from error


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for whoever may write to a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def parse_recipe(source: bytes) -> Recipe:
    """Read a recipe strictly: an unknown key is an error, since it would be ignored otherwise."""
    text, data = _toml(source)
    for table in data:
        if table not in _TABLES:
            raise complain(text, (table,), f"unknown; known: {', '.join(_TABLES)}")
    policy = data.get("policy", {})
    if not isinstance(policy, dict):
        raise complain(text, ("policy",), "expected a table, [policy]")
    tables = {name: value for name, value in policy.items() if isinstance(value, dict)}
    plain = {name: value for name, value in policy.items() if name not in tables}
    rules = [Rule(None, _settings(text, ("policy",), plain))]
    for pattern, settings in tables.items():
        where = ("policy", pattern)
        rules.append(Rule(compile_pattern(text, where), _settings(text, where, settings)))
    return Recipe(tuple(rules), _weights(text, data))


def _weights(text: str, data: Mapping[str, object]) -> WeightsRecipe | None:
    if "weights" not in data:
        return None
    from tiebreak.weights_recipe import parse_weights

    return parse_weights(text, data["weights"])


def policy_from_config(values: Iterable[tuple[str, str]]) -> Policy:
    """The user's policy from git configuration: ``tiebreak.most = apply`` and its like.

    `values` are pairs of a setting's name without ``tiebreak.`` and its value; others are ignored.
    """
    settings: dict[str, Setting] = {}
    for name, value in values:
        if name in _LISTS:
            settings[name] = _checked(f"git config tiebreak.{name}", name, value.split())
        elif name in _EXPECTED:
            settings[name] = _checked(f"git config tiebreak.{name}", name, _number(value))
    return _policy(Policy(), settings)


def _policy(start: Policy, settings: Mapping[str, Setting]) -> Policy:
    return start._replace(**cast("Mapping[str, Any]", settings))


def _number(value: str) -> Setting:
    try:
        return float(value)
    except ValueError:
        return value


def _toml(source: bytes) -> tuple[str, dict[str, object]]:
    import tomllib

    if len(source) > _LIMIT:
        msg = f"{NAME}: longer than {_LIMIT // 1024} KiB"
        raise RecipeError(msg)
    try:
        text = source.decode("utf-8-sig")
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        msg = f"{NAME}:{line}: not UTF-8"
        raise RecipeError(msg) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        msg = f"{NAME}: not TOML: {error}"
        raise RecipeError(msg) from error


def _settings(
    text: str, where: tuple[str, ...], values: Mapping[str, object]
) -> dict[str, Setting]:
    settings: dict[str, Setting] = {}
    for name, value in values.items():
        if name not in _EXPECTED or name == "trust":
            known = ", ".join(key for key in _EXPECTED if key != "trust")
            raise complain(text, (*where, name), f"unknown; known: {known}")
        settings[name] = _checked(place(text, (*where, name)), name, value)
    return settings


_ACTION: Final = f"one of {', '.join(ACTIONS)}"
_SHARE: Final = "a number from 0 to 1"
_GROUPS: Final = ("members", "entries", "sets", "imports")
_ORDERED: Final = f"a list of {', '.join(_GROUPS)}, each with or without a language: java.sets"
_TRUST: Final = "strata, as `tiebreak review` shows them"
_LISTS: Final = ("ordered", "trust")
_EXPECTED: Final = {
    "commit": _SHARE,
    "apply": _SHARE,
    "most": _ACTION,
    "provable": _ACTION,
    "ordered": _ORDERED,
    "trust": _TRUST,
}


def _checked(place: str, name: str, value: object) -> Setting:
    expected = _EXPECTED[name]
    if expected == _ACTION and isinstance(value, str) and value in ACTIONS:
        return value
    if name in _LISTS and isinstance(value, list) and all(isinstance(x, str) for x in value):
        listed = tuple(cast("list[str]", value))
        if name == "trust" or all(group.rpartition(".")[2] in _GROUPS for group in listed):
            return listed
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if expected == _SHARE and number and 0 <= cast("float", value) <= 1:
        return float(cast("float", value))
    msg = f"{place}: expected {expected}, got {value!r}"
    raise RecipeError(msg)
