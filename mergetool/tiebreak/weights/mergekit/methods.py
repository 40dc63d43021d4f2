"""mergekit's methods in terms of ours: parameters, defaults, inputs, and how each is bound.

Parameters and defaults are those of mergekit 0.1.5; a recipe means here what it means there.
docs/mergekit.md says where the results differ on purpose. A new method is a row in `THEIRS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import UsageError
from tiebreak.weights.mergekit.schema import hint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = float | bool | str

REQUIRED: Final = None  # instead of a default: the recipe must give it

# What becomes of the base model
NEEDED, OPTIONAL, IGNORED = "needed", "optional", "ignored"


class Given(NamedTuple):
    """The values for one tensor; those of a model by the number of the side."""

    shared: Mapping[str, Value]
    own: Mapping[str, tuple[Value, ...]]
    seed: int = 0

    def number(self, name: str) -> float:
        """A parameter of the whole merge."""
        return float(self.shared[name])

    def numbers(self, name: str) -> tuple[float, ...]:
        """A parameter of each model."""
        return tuple(float(value) for value in self.own[name])


class Bound(NamedTuple):
    """One of our methods with its parameters; `kept` are the sides that take part in it."""

    method: str
    parameters: Mapping[str, object]
    kept: tuple[int, ...]


class Theirs(NamedTuple):
    """A method of mergekit.

    `shared` parameters are given once, `own` ones for each model; `idle` ones have no effect there
    and none here. With a base that is `NEEDED` or `OPTIONAL`, sides are the other models.
    """

    name: str
    shared: Mapping[str, Value | None]
    own: Mapping[str, Value | None]
    bind: Callable[[Given], Bound]
    base: str = NEEDED
    least: int = 1  # models, a needed base among them
    most: int | None = None
    idle: tuple[str, ...] = ()
    first: bool = False  # the base is a side, and the first one

    @property
    def known(self) -> tuple[str, ...]:
        """Every parameter."""
        return (*self.own, *self.shared, *self.idle)


def _linear(given: Given) -> Bound:
    weights = given.numbers("weight")
    chosen = {"weight": weights, "normalize": given.shared["normalize"]}
    return Bound("linear", chosen, tuple(range(len(weights))))


def _slerp(given: Given) -> Bound:
    return Bound("slerp", {"t": given.number("t")}, (0, 1))


def _passthrough(given: Given) -> Bound:
    (scale,) = given.numbers("scale")
    return Bound("linear", {"weight": scale, "normalize": scale == 1}, (0,))


def _task_arithmetic(given: Given) -> Bound:
    weights = _shares(given)
    chosen = {"weight": weights, "lambda": given.number("lambda")}
    return Bound("task_arithmetic", chosen, tuple(range(len(weights))))


def _ties(given: Given) -> Bound:
    if given.shared["rescale"]:
        raise UsageError("ties: rescale: true is not supported; lambda scales the merged change")
    kept = _kept(given)
    chosen = {
        "weight": _of(kept, given.numbers("weight")),
        "density": _of(kept, given.numbers("density")),
        "lambda": given.number("lambda"),
        "normalize": given.shared["normalize"],
    }
    return Bound("ties", chosen, kept)


def _dare_linear(given: Given) -> Bound:
    return _dare(given, "none", _shares(given))


def _dare_ties(given: Given) -> Bound:
    if given.shared["normalize"]:
        raise UsageError("dare_ties: normalize: true is not supported; ties has it")
    return _dare(given, "mass", given.numbers("weight"))


def _dare(given: Given, elect: str, weights: tuple[float, ...]) -> Bound:
    kept = _kept(given)
    chosen = {
        "weight": _of(kept, weights),
        "density": _of(kept, given.numbers("density")),
        "lambda": given.number("lambda"),
        "rescale": given.shared["rescale"],
        "elect": elect,
        "seed": float(given.seed),
    }
    return Bound("dare", chosen, kept)


def _kept(given: Given) -> tuple[int, ...]:
    """The sides of which anything is left: a density of 0 takes a model out."""
    return tuple(side for side, density in enumerate(given.numbers("density")) if density != 0)


def _of(kept: tuple[int, ...], values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(values[side] for side in kept)


def _shares(given: Given) -> tuple[float, ...]:
    """The weights; with normalize, divided by their sum where it is not 0."""
    weights = given.numbers("weight")
    total = sum(weights)
    if not given.shared["normalize"] or abs(total) < LEAST:
        return weights
    return tuple(weight / total for weight in weights)


RANGES: Final[Mapping[str, tuple[float, float]]] = {"density": (0.0, 1.0), "t": (0.0, 1.0)}
LEAST: Final = 1e-8  # of a sum of weights that is divided by

_VECTORS: Final[Mapping[str, Value | None]] = {"normalize": False, "lambda": 1.0}
_SPARSE: Final[Mapping[str, Value | None]] = {"weight": REQUIRED, "density": 1.0}

THEIRS: Final[Mapping[str, Theirs]] = {
    method.name: method
    for method in (
        Theirs("linear", {"normalize": True}, {"weight": REQUIRED}, _linear, IGNORED),
        Theirs("slerp", {"t": REQUIRED}, {}, _slerp, least=2, most=2, first=True),
        Theirs("passthrough", {}, {"scale": 1.0}, _passthrough, IGNORED, most=1),
        Theirs(
            "task_arithmetic", _VECTORS, {"weight": REQUIRED}, _task_arithmetic,
            idle=("density", "rescale", "int8_mask"),
        ),
        Theirs(
            "ties", {**_VECTORS, "normalize": True, "rescale": False}, _SPARSE, _ties,
            idle=("int8_mask",),
        ),
        Theirs(
            "dare_linear", {**_VECTORS, "rescale": True}, _SPARSE, _dare_linear,
            idle=("int8_mask",),
        ),
        Theirs(
            "dare_ties", {**_VECTORS, "rescale": True}, _SPARSE, _dare_ties,
            idle=("int8_mask",),
        ),
    )
}  # fmt: skip

# What mergekit 0.1.5 has besides
_MISSING: Final = (
    "nuslerp", "multislerp", "karcher", "della", "della_linear", "breadcrumbs",
    "breadcrumbs_ties", "sce", "ram", "ramplus_tl", "model_stock", "nearswap", "arcee_fusion",
)  # fmt: skip


def method_of(name: str) -> Theirs:
    """Mergekit's method of that name. Raises `UsageError`."""
    if name in THEIRS:
        return THEIRS[name]
    if name in _MISSING:
        raise UsageError(f"merge_method {name} is not supported (known: {', '.join(THEIRS)})")
    raise UsageError(f"there is no merge_method {name!r}{hint(name, tuple(THEIRS))}")
