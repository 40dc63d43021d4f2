"""The value of a parameter for one tensor: filters by a part of its name, gradients over layers.

    weight: 0.5                              one value
    weight: [0, 0.5, 1]                      a gradient over the layers of the slice
    weight: [{filter: mlp, value: ...}, {value: ...}]     the first whose filter is in the name

A gradient of numbers is interpolated linearly between evenly spaced points, at
t = layer / (layers - 1), 1 in a slice of one layer, 0 outside of layers; of words and truths the
point before t is taken. This is mergekit's rule (`mergekit/config.py`, `mergekit/plan.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.weights.errors import shown
from tiebreak.weights.mergekit.document import Entry, Place, refused

if TYPE_CHECKING:
    from collections.abc import Sequence

Plain = str | int | float | bool

ALL: Final = "*"


class Rule(NamedTuple):
    """Values for the tensors whose names hold `filter`; several of them are a gradient."""

    filter: str | None
    points: tuple[Plain, ...]
    gradient: bool
    place: Place

    def holds(self, name: str) -> bool:
        """Whether it speaks of a tensor. A substring, as in mergekit; no pattern."""
        return self.filter is None or self.filter == ALL or self.filter in name


class Setting(NamedTuple):
    """A parameter as it is written: the rules in order."""

    rules: tuple[Rule, ...]
    place: Place

    def at(self, name: str, t: float) -> tuple[Plain, Place] | None:
        """The value for a tensor, and where it is written; None where no rule holds."""
        for rule in self.rules:
            if rule.holds(name):
                return _point(rule, t), rule.place
        return None


def read_setting(entry: Entry) -> Setting:
    """A parameter of the recipe. Raises `RecipeError`."""
    if isinstance(entry.value, list) and any(isinstance(i.value, dict) for i in entry.value):
        return Setting(tuple(_rule(item) for item in entry.value), entry.place)
    if isinstance(entry.value, dict):
        return Setting((_rule(entry),), entry.place)
    return Setting((_value(entry, None),), entry.place)


def _rule(entry: Entry) -> Rule:
    if not isinstance(entry.value, dict):
        raise refused(
            entry.place, "values with filters and without cannot be mixed; write value: ..."
        )
    for key, found in entry.value.items():
        if key not in {"filter", "value"}:
            raise refused(found.place, f"expected filter and value, got {shown(key)!r}")
    if "value" not in entry.value or entry.value["value"].value is None:
        raise refused(entry.place, "value is missing beside filter")
    wanted = entry.value.get("filter")
    if wanted is None or wanted.value is None:
        return _value(entry.value["value"], None)
    if isinstance(wanted.value, dict | list):
        raise refused(wanted.place, "filter: expected a part of a tensor's name")
    return _value(entry.value["value"], str(wanted.value))


def _value(entry: Entry, wanted: str | None) -> Rule:
    if not isinstance(entry.value, list):
        return Rule(wanted, (_plain(entry),), gradient=False, place=entry.place)
    if not entry.value:
        raise refused(entry.place, "an empty list is no value")
    points = tuple(_plain(item) for item in entry.value)
    return Rule(wanted, points, gradient=True, place=entry.place)


def _plain(entry: Entry) -> Plain:
    """A number that YAML 1.1 takes for a text (1e-5) is a number."""
    if entry.value is None or isinstance(entry.value, dict | list):
        raise refused(entry.place, "expected a number, a word, or a list of them")
    if isinstance(entry.value, str):
        try:
            return float(entry.value)
        except ValueError:
            return entry.value
    return entry.value


def _point(rule: Rule, t: float) -> Plain:
    if not rule.gradient:
        return rule.points[0]
    last = len(rule.points) - 1
    numbers = _numbers(rule.points)
    if numbers is None:
        return rule.points[int(t * last)]
    place = t * last
    low = int(place)
    share = place - low
    return (1 - share) * numbers[low] + share * numbers[min(last, low + 1)]


def _numbers(points: Sequence[Plain]) -> list[float] | None:
    if any(isinstance(point, str | bool) for point in points):
        return None
    return [float(point) for point in points]
