"""The parameters of one tensor: which place of the recipe gives each, and whether it may.

Of two places the narrower wins: a source, then its slice, its module, the recipe. A parameter of
the whole merge is not looked for in a source, so there it is refused: mergekit passes over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tiebreak.errors import UsageError
from tiebreak.weights.errors import shown
from tiebreak.weights.mergekit.document import Place, RecipeError, refused
from tiebreak.weights.mergekit.methods import IGNORED, NEEDED, RANGES, Given, Theirs, method_of
from tiebreak.weights.mergekit.schema import hint
from tiebreak.weights.methods import check, method_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tiebreak.weights.mergekit.methods import Bound, Value
    from tiebreak.weights.mergekit.schema import ModelName, Module, Recipe, Settings, Slice, Source
    from tiebreak.weights.mergekit.settings import Plain
    from tiebreak.weights.methods import Method, Parameters


class Group(NamedTuple):
    """Sources that are merged into one tensor, and where their parameters stand."""

    recipe: Recipe
    module: Module
    slice: Slice

    @property
    def base(self) -> Source | None:
        """The source that is the base model."""
        found = [s for s in self.slice.sources if s.model == self.slice.base]
        return found[0] if found else None

    def sides(self, method: Theirs) -> tuple[Source, ...]:
        """What the method merges, in its order."""
        base, sources = self.base, self.slice.sources
        if method.base == IGNORED or base is None:
            return sources
        others = tuple(source for source in sources if source is not base)
        return (base, *others) if method.first else others


class Look(NamedTuple):
    """For which tensor a parameter is looked up, and where it is in a gradient."""

    name: str
    t: float


class Chosen(NamedTuple):
    """One of our methods for one tensor, with the sources that take part in it."""

    method: Method
    parameters: Parameters
    sides: tuple[Source, ...]
    base: Source | None


def merge_method(recipe: Recipe) -> Theirs:
    """The method of a recipe. Raises `RecipeError`."""
    try:
        return method_of(recipe.method)
    except UsageError as error:
        raise refused(recipe.lines["merge_method"], str(error)) from error


def groups(recipe: Recipe) -> Iterator[Group]:
    """The groups of sources, in the order of the recipe."""
    for module in recipe.modules:
        for piece in module.slices:
            yield Group(recipe, module, piece)


def check_recipe(recipe: Recipe) -> list[str]:
    """Refuse what no tensor has to be looked at for; gives remarks. Raises `RecipeError`."""
    method = merge_method(recipe)
    remarks: list[str] = []
    for settings in (recipe.settings, *(module.settings for module in recipe.modules)):
        remarks += _check_names(method, settings)
    for group in groups(recipe):
        _check_inputs(method, group)
        remarks += _check_names(method, group.slice.settings)
        for source in group.slice.sources:
            remarks += _check_source(method, group, source)
    return list(dict.fromkeys(remarks))


def idle_filters(recipe: Recipe, names: Sequence[str]) -> Iterator[str]:
    """Remarks on filters that are in no tensor's name: most often a slip."""
    for settings in _all_settings(recipe):
        for setting in settings.values.values():
            for rule in setting.rules:
                if not any(map(rule.holds, names)):
                    word = shown(rule.filter or "")
                    yield f"{rule.place}: filter {word!r} is in no tensor's name"


def _all_settings(recipe: Recipe) -> Iterator[Settings]:
    yield recipe.settings
    for module in recipe.modules:
        yield module.settings
        for piece in module.slices:
            yield piece.settings
            yield from (source.settings for source in piece.sources)


def _check_names(method: Theirs, settings: Settings) -> Iterator[str]:
    for name, setting in settings.values.items():
        if name not in method.known:
            what = f"{method.name} has no parameter {shown(name)!r}{hint(name, method.known)}"
            raise refused(setting.place, what)
        if name in method.idle and name != "int8_mask":
            yield f"{setting.place}: {name} does nothing in {method.name}"


def _check_source(method: Theirs, group: Group, source: Source) -> Iterator[str]:
    yield from _check_names(method, source.settings)
    for name, setting in source.settings.values.items():
        if name in method.shared:
            raise refused(
                setting.place, f"{name} is not of one model: put it below parameters: of all"
            )
        if source is group.base and source not in group.sides(method):
            yield f"{setting.place}: {name} of the base model plays no part in {method.name}"


def _check_inputs(method: Theirs, group: Group) -> None:
    piece = group.slice
    if method.base != IGNORED and piece.base is not None and group.base is None:
        base = shown(str(piece.base))
        raise refused(piece.place, f"the base model {base} is none of the sources")
    if method.base == NEEDED and piece.base is None:
        raise refused(piece.place, f"{method.name} needs a base model: base_model: MODEL")
    least, most = method.sides
    count = len(group.sides(method))
    if count < least or (most is not None and count > most):
        wanted = f"{least}" if least == most else f"at least {least}"
        beside = " beside the base" if group.base and not method.first else ""
        what = "model" if wanted.endswith("1") else "models"
        found = f"{method.name} takes {wanted} {what}{beside} in a group; there are {count}"
        raise refused(piece.place, found)


def choose(group: Group, names: Mapping[ModelName, str], look: Look, seed: int) -> Chosen:
    """The method for one tensor: `names` are its names in the sources."""
    method = merge_method(group.recipe)
    sides = group.sides(method)
    shared = {key: _shared(group, key, default, look) for key, default in method.shared.items()}
    own = {
        key: tuple(
            _own(group, source, (key, default), look._replace(name=names[source.model]))
            for source in sides
        )
        for key, default in method.own.items()
    }
    try:
        based = method.base != IGNORED and group.base is not None
        bound = method.bind(Given(shared, own, len(sides), based, seed))
        return _chosen(group, method, bound, sides)
    except RecipeError:
        raise
    except UsageError as error:
        raise refused(group.slice.place, f"{shown(look.name)}: {error}") from error


def _chosen(group: Group, method: Theirs, bound: Bound, sides: Sequence[Source]) -> Chosen:
    base = None if method.base == IGNORED or method.first else group.base
    kept = tuple(sides[number] for number in bound.kept)
    if not kept:  # nothing is left of any model
        assert base is not None  # noqa: S101  (only changes from a base can be taken out)
        ours = method_named("linear")
        return Chosen(ours, check(ours, {}, 1), (base,), None)
    ours = method_named(bound.method)
    parameters = check(ours, bound.parameters, len(kept))
    return Chosen(ours, parameters, kept, base if ours.is_based(parameters) else None)


def _shared(group: Group, key: str, default: Value | None, look: Look) -> Value:
    places = (group.slice.settings, group.module.settings, group.recipe.settings)
    found = _first(key, places, look)
    if found is not None:
        return _typed(key, default, *found)
    if default is None:
        raise _missing(group.slice.place, key, look.name)
    return default


def _own(group: Group, source: Source, parameter: tuple[str, Value | None], look: Look) -> Value:
    key, default = parameter
    around = (group.slice.settings, group.module.settings, group.recipe.settings)
    found = _first(key, (source.settings, *around), look)
    if found is not None:
        return _typed(key, default, *found)
    if default is None:
        raise _missing(source.place, f"{key} of {shown(str(source.model))}", look.name)
    return default


def _missing(place: Place, what: str, name: str) -> RecipeError:
    return refused(place, f"no value for {what}, for the tensor {shown(name)}")


def _first(key: str, places: Sequence[Settings], look: Look) -> tuple[Plain, Place] | None:
    for settings in places:
        setting = settings.values.get(key)
        found = setting.at(look.name, look.t) if setting is not None else None
        if found is not None:
            return found
    return None


def _typed(key: str, default: Value | None, value: Plain, place: Place) -> Value:
    """A truth where the default is one, else a number."""
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise refused(place, f"{key}: expected true or false, got {shown(str(value))!r}")
    if isinstance(value, bool | str):
        raise refused(place, f"{key}: expected a number, got {shown(str(value))!r}")
    least, most = RANGES.get(key, (value, value))
    if not least <= value <= most:
        raise refused(place, f"{key}: expected a number from {least:g} to {most:g}, got {value:g}")
    return value
