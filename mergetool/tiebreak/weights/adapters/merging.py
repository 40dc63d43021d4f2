"""Adapters merged into one, module by module, in the space of what they change: scale * B @ A.

The result has the scale 1 (alpha is the rank), except that `cat` of changes that all count the same
keeps their factors bit by bit. Of the merged change as much is kept as the rank allows; what that
and the rounding of the factors lose is measured for every module.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.adapters.lowrank import (
    Rank,
    approximated,
    at_once,
    difference,
    lost,
    shortened,
    stacked,
)
from tiebreak.weights.adapters.rules import CAT, RULES, Changes, by_entry, is_thin, thin
from tiebreak.weights.adapters.stored import Place, Stored, store
from tiebreak.weights.blas import one_thread
from tiebreak.weights.errors import shown
from tiebreak.weights.methods.method import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiebreak.weights.adapters.adapter import Adapter
    from tiebreak.weights.methods import Parameters


class Rule(NamedTuple):
    """How to merge: a name of `rules.RULES`, its checked parameters, and what is kept."""

    method: str
    parameters: Parameters
    rank: Rank


class Adapters(NamedTuple):
    """What is merged. `base` is the adapter that the others were trained on from."""

    sides: Sequence[Adapter]
    base: Adapter | None = None

    @property
    def all(self) -> tuple[Adapter, ...]:
        """The base as well."""
        return (*self.sides, *([self.base] if self.base else ()))

    def lead(self, module: str) -> Adapter:
        """The first adapter that has a module."""
        return next(adapter for adapter in self.all if module in adapter.pairs)


def merge_changes(
    adapters: Adapters, rule: Rule, threads: int = 0, done: Callable[[int], None] | None = None
) -> list[Stored]:
    """The merged change of every module, in the order of the adapters.

    `done` is called with 1 for each module. The same for any number of threads. Raises
    `InputError` where two adapters do not change the same weight of a module.
    """
    modules = list(dict.fromkeys(m for adapter in adapters.all for m in adapter.pairs))
    for module in modules:
        _check_alike(adapters, module)
    sizes = () if is_thin(rule.method) else [prod(_shape(adapters, module)) for module in modules]
    copies = len(adapters.all) + 4 + 2 * RULES[rule.method].copies  # the result, what it is made of
    workers = at_once(sizes, copies, threads)
    found = []
    with one_thread(), ThreadPoolExecutor(workers, thread_name_prefix="tiebreak") as pool:
        for stored in pool.map(lambda module: merge_module(adapters, rule, module), modules):
            found.append(stored)
            if done is not None:
                done(1)
    return found


def _check_alike(adapters: Adapters, module: str) -> None:
    first = adapters.lead(module)
    for other in adapters.all:
        if module in other.pairs and _form(first, module) != _form(other, module):
            raise InputError(
                f"{shown(other.path, 400)}: {shown(module)} is {_form(other, module)}, "
                f"in {shown(first.path, 400)} {_form(first, module)}"
            )


def _form(adapter: Adapter, module: str) -> str:
    outputs, inputs, kernel = adapter.shape(module)
    kind = "embedding" if adapter.pairs[module].embedding else "weight"
    return f"{kind} {[outputs, inputs, *kernel]}"


def merge_module(adapters: Adapters, rule: Rule, module: str) -> Stored:
    """The merged change of one module."""
    with one_thread():
        return _merged(adapters, rule, module)


def _merged(adapters: Adapters, rule: Rule, module: str) -> Stored:
    place, changes = _place(adapters, module), _changes(adapters, module)
    if not is_thin(rule.method):
        matrix = by_entry(changes, RULES[rule.method], rule.parameters)
        stored = store(place, approximated(matrix, rule.rank))
        norm, error = lost(matrix, stored.change)
        return stored._replace(norm=norm, error=error)
    whole = thin(changes, rule.method, rule.parameters)
    if rule.method == CAT:
        stored = _as_they_are(adapters, rule, module, place) or store(place, whole)
    else:
        stored = store(place, shortened(whole, rule.rank))
    return stored._replace(norm=whole.norm(), error=difference(whole, stored.change))


def _as_they_are(adapters: Adapters, rule: Rule, module: str, place: Place) -> Stored | None:
    """The factors as they are, where one alpha says how much all of them count."""
    weights = numbers(rule.parameters, "weight")
    sides = [
        (side, weight * side.pairs[module].scale)
        for side, weight in zip(adapters.sides, weights, strict=True)
        if module in side.pairs
    ]
    if adapters.base is not None or len({scale for _, scale in sides}) != 1:
        return None
    factors = stacked([side.factors(module) for side, _ in sides])
    return store(place, factors, sides[0][1])


def _changes(adapters: Adapters, module: str) -> Changes:
    base = adapters.base
    return Changes(
        module,
        _shape(adapters, module),
        base.change(module) if base is not None and module in base.pairs else None,
        [side.change(module) if module in side.pairs else None for side in adapters.sides],
    )


def _shape(adapters: Adapters, module: str) -> tuple[int, int]:
    """Outputs and inputs; a kernel is part of the inputs."""
    outputs, inputs, kernel = adapters.lead(module).shape(module)
    return outputs, inputs * prod(kernel)


def _place(adapters: Adapters, module: str) -> Place:
    lead = adapters.lead(module)
    pair, info = lead.pairs[module], lead.checkpoint.info
    dtypes = (info(pair.a).dtype, info(pair.b).dtype)
    return Place(module, pair.a, pair.b, dtypes, lead.shape(module)[2])
