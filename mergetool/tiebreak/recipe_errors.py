"""Where in a recipe something is wrong: errors that name the line and the key.

Shared by the readers of its tables, `tiebreak.recipe` and `tiebreak.weights_recipe`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.errors import UsageError

if TYPE_CHECKING:
    from tiebreak.pattern import Pattern

NAME: Final = ".tiebreak.toml"
_TRIED: Final = 50  # lines that are tried as the one to complain of


class RecipeError(UsageError):
    """The recipe, or a `tiebreak.*` setting, cannot be understood. One line: where and what."""


def complain(text: str, keys: tuple[str, ...], what: str) -> RecipeError:
    """The error for a key of a recipe: its line, its name, and what is wrong with it."""
    return RecipeError(f"{place(text, keys)}: {what}")


def place(text: str, keys: tuple[str, ...]) -> str:
    """``.tiebreak.toml:3: policy."*.lock".most``.

    TOML has many ways to write a key; the line is the first after which the file holds it.
    """
    import tomllib

    lines = text.splitlines(keepends=True)
    naming = [number for number, line in enumerate(lines, start=1) if keys[-1] in line]
    for number in naming[:_TRIED]:
        try:
            data: object = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue
        if _holds(data, keys):
            return f"{NAME}:{number}: {_dotted(keys)}"
    return f"{NAME}: {_dotted(keys)}"


def _holds(data: object, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True


def _dotted(keys: tuple[str, ...]) -> str:
    return ".".join(key if key.isidentifier() else f'"{key}"' for key in keys)


def compile_pattern(text: str, where: tuple[str, ...]) -> Pattern:
    """The pattern that the last of the keys is."""
    from tiebreak.pattern import parse_pattern

    try:
        return parse_pattern(where[-1])
    except ValueError as error:
        raise complain(text, where, str(error)) from error
