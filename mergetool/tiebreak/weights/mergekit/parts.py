"""The modules of a recipe, by parts of the tensors' names: no list of architectures.

A module has the tensors whose names hold its name between dots (``decoder``:
``model.decoder.layers.0.fc1.weight``); of two such modules the longer name wins. What is left is
that module's whose name is in no tensor's (``text_decoder``, ``default``), or of the one module
without layers (``shared``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.weights.errors import shown
from tiebreak.weights.mergekit.document import refused
from tiebreak.weights.mergekit.layers import layered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.mergekit.schema import ModelName, Module, Recipe


def owners(recipe: Recipe, models: Mapping[ModelName, Checkpoint]) -> Callable[[str], str]:
    """Which module has a tensor. Raises `RecipeError` where that cannot be told."""
    if [module.name for module in recipe.modules] == [""]:
        return lambda _name: ""
    names = list(dict.fromkeys(name for model in models.values() for name in model.names))
    modules = sorted(recipe.modules, key=lambda module: -len(module.name))
    known = {name: _claim(name, modules) for name in names}
    left = [name for name, owner in known.items() if owner is None]
    rest = _rest(modules, known, left)

    def owner(name: str) -> str:
        return known.get(name) or rest

    return owner


def _claim(name: str, modules: Sequence[Module]) -> str | None:
    return next((m.name for m in modules if f".{m.name}." in f".{name}."), None)


def _rest(modules: Sequence[Module], known: Mapping[str, str | None], left: Sequence[str]) -> str:
    """The module of the tensors that none has by name."""
    unnamed = [module for module in modules if module.name not in known.values()]
    if len(unnamed) > 1:
        words = " and ".join(module.name for module in unnamed)
        raise refused(
            unnamed[-1].place, f"no tensor's name holds {words}; name modules as tensors do"
        )
    if unnamed and not left:
        raise refused(unnamed[0].place, f"no tensor belongs to the module {unnamed[0].name}")
    if unnamed or not left:
        return unnamed[0].name if unnamed else ""
    layers = {owner for name, owner in known.items() if layered(name) is not None}
    small = [module for module in modules if module.name not in layers]
    if len(small) == 1:
        return small[0].name
    raise refused(
        modules[-1].place, f"{shown(left[0])} belongs to none of the modules; add a default:"
    )
