"""Which tensors the output has, and which tensor of which model each is merged from.

Everything follows from names in headers, so what does not fit is refused before a tensor is read:
mergekit finds it while it merges, or leaves tensors out that its list of architectures lacks.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.weights.errors import shown
from tiebreak.weights.mergekit.binding import Group
from tiebreak.weights.mergekit.document import refused
from tiebreak.weights.mergekit.layers import is_before, layered, stacks_of
from tiebreak.weights.mergekit.parts import owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.mergekit.layers import Stack
    from tiebreak.weights.mergekit.schema import ModelName, Module, Recipe, Source

    Models = Mapping[ModelName, Checkpoint]


class Piece(NamedTuple):
    """One tensor of the output. `inputs` has its name in every model of its group."""

    name: str
    group: Group
    inputs: Mapping[ModelName, str]
    t: float


class Restacked(NamedTuple):
    """A stack of the output that is not an input's as it is: for each layer, where it is from."""

    stack: str
    layers: tuple[tuple[ModelName, int], ...]


class Assembly(NamedTuple):
    """The output."""

    pieces: tuple[Piece, ...]
    restacked: tuple[Restacked, ...]
    left_out: tuple[str, ...]  # tensors that not all models have, where that is wanted

    @property
    def names(self) -> tuple[str, ...]:
        """Every tensor's names, in the output and in the models."""
        names = (name for piece in self.pieces for name in (piece.name, *piece.inputs.values()))
        return tuple(dict.fromkeys(names))


def assemble(recipe: Recipe, models: Models, *, common: bool = False) -> Assembly:
    """Plan a recipe. With `common`, tensors that not all models have are left out.

    Raises `RecipeError` where models do not fit each other or the recipe.
    """
    builder = _Builder(recipe, models, common=common)
    claims = owners(recipe, models)
    for module in recipe.modules:
        builder.add(module, partial(_owned, claims, module.name))
    return builder.assembly()


def _owned(claims: Callable[[str], str], module: str, name: str) -> bool:
    return claims(name) == module


class _Builder:
    def __init__(self, recipe: Recipe, models: Models, *, common: bool) -> None:
        self._recipe, self._models, self._common = recipe, models, common
        self._pieces: dict[str, Piece] = {}
        self._restacked: list[Restacked] = []
        self._left_out: dict[str, None] = {}

    def assembly(self) -> Assembly:
        """What was added."""
        left_out = tuple(self._left_out)
        return Assembly(tuple(self._pieces.values()), tuple(self._restacked), left_out)

    def add(self, module: Module, owned: Callable[[str], bool]) -> None:
        """Add a module, which has the tensors of these names."""
        first, last = module.slices[0], module.slices[-1]
        if first.whole:
            self._add_whole(Group(self._recipe, module, first), owned)
            return
        stack = self._stack(module, owned)

        def loose(name: str) -> bool:
            place = layered(name)
            return owned(name) and (place is None or place.stack != stack)

        group = Group(self._recipe, module, first)
        self._add(group, self._names(group, lambda n: loose(n) and is_before(n)), 0.0)
        picks: list[tuple[ModelName, int]] = []
        for piece in module.slices:
            self._add_slice(Group(self._recipe, module, piece), stack, picks)
        self._restacked.append(Restacked(stack, tuple(picks)))
        group = Group(self._recipe, module, last)
        self._add(group, self._names(group, lambda n: loose(n) and not is_before(n)), 0.0)

    def _add_whole(self, group: Group, owned: Callable[[str], bool]) -> None:
        """Every tensor by its name; gradients run over the layers of each stack."""
        self._check_depths(group, owned)
        names = self._names(group, owned)
        stacks = stacks_of(names)
        for name in names:
            place = layered(name)
            t = stacks[place.stack].depth(place.number) if place is not None else 0.0
            self._add(group, [name], t)

    def _add_slice(self, group: Group, stack: str, picks: list[tuple[ModelName, int]]) -> None:
        sources = group.slice.sources
        begin, end = sources[0].layers or (0, 0)
        for step in range(end - begin):
            numbers = {s.model: (s.layers or (0, 0))[0] + step for s in sources}
            t = step / (end - begin - 1) if end - begin > 1 else 1.0
            for rest in self._rests(group, stack, numbers):
                name = f"{stack}.{len(picks)}.{rest}"
                inputs = {model: f"{stack}.{n}.{rest}" for model, n in numbers.items()}
                self._pieces[name] = Piece(name, group, inputs, t)
            picks.append((sources[0].model, numbers[sources[0].model]))

    def _rests(self, group: Group, stack: str, numbers: Mapping[ModelName, int]) -> list[str]:
        """The tensors of a layer, in the order of the first source's file."""
        found: dict[ModelName, list[str]] = {}
        for model, number in numbers.items():
            names = (layered(name) for name in self._models[model].names)
            found[model] = [n.rest for n in names if n and (n.stack, n.number) == (stack, number)]
        return self._shared(group, found, lambda rest, model: f"{stack}.{numbers[model]}.{rest}")

    def _names(self, group: Group, wanted: Callable[[str], bool]) -> list[str]:
        """The tensors that all sources have, in the order of the first one's file."""
        found = {
            source.model: [name for name in self._models[source.model].names if wanted(name)]
            for source in group.slice.sources
        }
        return self._shared(group, found, lambda name, _model: name)

    def _shared(
        self,
        group: Group,
        found: Mapping[ModelName, Sequence[str]],
        full: Callable[[str, ModelName], str],
    ) -> list[str]:
        """What all have; raises `RecipeError` for what one lacks, unless that is left out."""
        everything = dict.fromkeys(name for names in found.values() for name in names)
        sets = {model: frozenset(names) for model, names in found.items()}
        for name in list(everything):
            lacking = [model for model, names in sets.items() if name not in names]
            if not lacking:
                continue
            del everything[name]
            owner = next(model for model, names in sets.items() if name in names)
            missing = f"{shown(str(lacking[0]))} lacks {shown(full(name, lacking[0]))!r}"
            if not self._common:
                has = f"which {shown(str(owner))} has"
                raise refused(
                    group.slice.place,
                    f"{missing}, {has}; --tensor-intersection leaves such tensors out",
                )
            self._left_out[full(name, owner)] = None
        return list(everything)

    def _add(self, group: Group, names: Iterable[str], t: float) -> None:
        for name in names:
            inputs = {source.model: name for source in group.slice.sources}
            self._pieces[name] = Piece(name, group, inputs, t)

    def _check_depths(self, group: Group, owned: Callable[[str], bool]) -> None:
        """Another number of layers is said as such, not as a list of tensors that lack."""
        first, *others = group.slice.sources
        mine = self._stacks(first.model, owned)
        for other in others:
            for name, stack in self._stacks(other.model, owned).items():
                known = mine.get(name)
                if known is not None and known.length != stack.length and not self._common:
                    one = f"{shown(str(first.model))} has {known.length} layers"
                    two = f"{shown(str(other.model))} {stack.length}"
                    raise refused(
                        other.place, f"{shown(name)}: {one}, {two}; slices can pick layers"
                    )

    def _stacks(self, model: ModelName, owned: Callable[[str], bool]) -> dict[str, Stack]:
        return stacks_of(filter(owned, self._models[model].names))

    def _stack(self, module: Module, owned: Callable[[str], bool]) -> str:
        """The one stack whose layers slices pick. Raises `RecipeError`."""
        sources = [source for piece in module.slices for source in piece.sources]
        first = self._stacks(sources[0].model, owned)
        name = self._only(module, list(first))
        for source in sources:
            self._check_range(source, name, self._stacks(source.model, owned).get(name))
        return name

    def _only(self, module: Module, names: Sequence[str]) -> str:
        if len(names) == 1:
            return names[0]
        if not names:
            raise refused(module.place, "slices: no tensor's name has the number of a layer")
        listed = ", ".join(map(shown, names))
        raise refused(
            module.place, f"slices of which layers? there are {listed}; name them in modules:"
        )

    def _check_range(self, source: Source, name: str, stack: Stack | None) -> None:
        who = shown(str(source.model))
        if stack is None:
            raise refused(source.place, f"{who} has no layers named {shown(name)}")
        if stack.gap() is not None:
            raise refused(source.place, f"{who} lacks layer {stack.gap()} of {stack.length}")
        if source.layers is not None and source.layers[1] > stack.length:
            begin, end = source.layers
            last = f"{who} has {stack.length} layers, the last range ends at {stack.length}"
            raise refused(source.place, f"layer_range: [{begin}, {end}]: {last}")
