"""Several recipes in one file: merges that others are merged from, as of `mergekit-multi`.

Each document but one has a name; a model of that name is what it makes. They run in the order in
which they need each other.
"""

from __future__ import annotations

import os
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.errors import UsageError
from tiebreak.weights.errors import shown
from tiebreak.weights.mergekit.document import refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.mergekit.schema import ModelName, Recipe, Slice


class Step(NamedTuple):
    """A merge, and the folder that it writes. The last one's is the output."""

    recipe: Recipe
    folder: str


def steps(recipes: Sequence[Recipe], output: str, between: str | None) -> list[Step]:
    """The merges in order; named ones go into the folder `between`. Raises `RecipeError`."""
    if len(recipes) == 1:
        return [Step(recipes[0], output)]
    named = _named(recipes)
    if between is None:
        raise UsageError("merges with a name need a folder to be written to: --intermediate-dir")
    folders = {name: os.path.join(between, name) if name else output for name in named}
    needed = {
        name: {model.path for model in recipe.models} & set(named) - {""}
        for name, recipe in named.items()
    }
    try:
        order = list(TopologicalSorter(needed).static_order())
    except CycleError as error:
        first = named[error.args[1][0]]
        circle = ", ".join(map(shown, error.args[1]))
        raise refused(first.lines["name"], f"merges that need each other: {circle}") from error
    order = [name for name in order if name] + [""]
    return [Step(_found(named[name], folders), folders[name]) for name in order]


def _named(recipes: Sequence[Recipe]) -> dict[str, Recipe]:
    found: dict[str, Recipe] = {}
    for recipe in recipes:
        place = recipe.lines["name" if recipe.name else "merge_method"]
        if recipe.name in found:
            what = f"a second merge named {shown(recipe.name)}" if recipe.name else "no name"
            raise refused(place, f"{what}: each merge but the last needs a name of its own")
        if recipe.name != os.path.basename(recipe.name) or recipe.name in {".", ".."}:
            raise refused(place, f"name: {shown(recipe.name)} is no name of a folder")
        found[recipe.name] = recipe
    if "" not in found:
        place = recipes[-1].lines["name"]
        raise refused(place, "one merge has to be without a name: the one that is written to OUT")
    return found


def _found(recipe: Recipe, folders: Mapping[str, str]) -> Recipe:
    """The recipe with the folders of the merges that it names."""

    def model(name: ModelName) -> ModelName:
        return name._replace(path=folders.get(name.path, name.path))

    def piece(found: Slice) -> Slice:
        base = None if found.base is None else model(found.base)
        sources = tuple(source._replace(model=model(source.model)) for source in found.sources)
        return found._replace(sources=sources, base=base)

    base = None if recipe.base is None else model(recipe.base)
    modules = tuple(
        module._replace(slices=tuple(map(piece, module.slices))) for module in recipe.modules
    )
    return recipe._replace(base=base, modules=modules)
