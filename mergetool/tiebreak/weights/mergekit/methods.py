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
    """The values for one tensor; those of a model by the number of the side.

    There are so many `sides`, and a base if it is `based`.
    """

    shared: Mapping[str, Value]
    own: Mapping[str, tuple[Value, ...]]
    sides: int
    based: bool
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
    sides: tuple[int, int | None] = (1, None)
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
    return Bound("passthrough", {"scale": scale}, (0,))


def _task_arithmetic(given: Given) -> Bound:
    weights = _shares(given)
    chosen = {"weight": weights, "lambda": given.number("lambda")}
    return Bound("task_arithmetic", chosen, tuple(range(len(weights))))


def _ties(given: Given) -> Bound:
    _check_no_rescale(given)
    return _thinned("ties", given, {"normalize": given.shared["normalize"]})


def _dare_linear(given: Given) -> Bound:
    more = {"rescale": given.shared["rescale"], "seed": float(given.seed)}
    return _thinned("dare", given, {"elect": "none", **more}, _shares(given))


def _dare_ties(given: Given) -> Bound:
    if given.shared["normalize"]:  # DELLA whose window is nothing is DARE, and has a mean
        rescale = "inverse" if given.shared["rescale"] else "none"
        more = {"elect": "mass", "normalize": True, "rescale": rescale, "epsilon": 0.0}
        return _thinned("della", given, {**more, "seed": float(given.seed)})
    more = {"rescale": given.shared["rescale"], "seed": float(given.seed)}
    return _thinned("dare", given, {"elect": "mass", **more})


def _della(given: Given) -> Bound:
    normalize = given.shared["normalize"]
    return _thinned("della", given, {"elect": "mass", "normalize": normalize, **_window(given)})


def _della_linear(given: Given) -> Bound:
    chosen = {"elect": "none", "normalize": False, **_window(given)}
    return _thinned("della", given, chosen, _shares(given))


def _window(given: Given) -> dict[str, object]:
    rescale = "l1" if given.shared["rescale"] else "none"
    return {"rescale": rescale, "seed": float(given.seed)}


def _breadcrumbs(given: Given) -> Bound:
    _check_no_rescale(given)
    return _thinned("breadcrumbs", given, {"elect": "none", "normalize": False}, _shares(given))


def _breadcrumbs_ties(given: Given) -> Bound:
    _check_no_rescale(given)
    normalize = given.shared["normalize"]
    return _thinned("breadcrumbs", given, {"elect": "mass", "normalize": normalize})


def _thinned(
    method: str,
    given: Given,
    chosen: Mapping[str, object],
    weights: tuple[float, ...] | None = None,
) -> Bound:
    """A method that keeps a share of the changes; a density of 0 takes a model out."""
    kept = tuple(side for side, density in enumerate(given.numbers("density")) if density != 0)

    def of(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(values[side] for side in kept)

    own = {name: of(given.numbers(name)) for name in given.own if name != "weight"}
    weight = of(given.numbers("weight") if weights is None else weights)
    numbers = {"weight": weight, "lambda": given.number("lambda"), **own}
    return Bound(method, {**numbers, **chosen}, kept)


def _check_no_rescale(given: Given) -> None:
    if given.shared["rescale"]:
        raise UsageError("rescale: true is not supported; lambda scales the merged change")


def _shares(given: Given) -> tuple[float, ...]:
    """The weights; with normalize, divided by their sum where it is not 0."""
    weights = given.numbers("weight")
    total = sum(weights)
    if not given.shared["normalize"] or abs(total) < LEAST:
        return weights
    return tuple(weight / total for weight in weights)


def _nuslerp(given: Given) -> Bound:
    weights = given.numbers("weight")
    rows = "column" if given.shared["nuslerp_row_wise"] else "row"
    chosen = {
        "weight": weights if abs(sum(weights)) >= HALVED else (1.0, 1.0),
        "along": "tensor" if given.shared["nuslerp_flatten"] else rows,
        "around": _around(given),
    }
    return Bound("nuslerp", chosen, (0, 1))


def _multislerp(given: Given) -> Bound:
    weights = given.numbers("weight")
    normalize = given.shared["normalize_weights"]
    if len(weights) == 1:  # which is taken as it is, whatever its weight
        weights, normalize = (1.0,), True
    chosen = {"weight": weights, "normalize": normalize, "around": _around(given)}
    return Bound("multislerp", chosen, tuple(range(len(weights))))


def _around(given: Given) -> str:
    return "base" if given.based else "zero"


def _karcher(given: Given) -> Bound:
    chosen = {name: given.number(name) for name in ("max_iter", "tol")}
    return Bound("karcher", {**chosen, "around": "zero"}, tuple(range(given.sides)))


def _model_stock(given: Given) -> Bound:
    along = "row" if given.shared["filter_wise"] else "tensor"
    return Bound("model_stock", {"along": along}, tuple(range(given.sides)))


def _sce(given: Given) -> Bound:
    share = given.number("select_topk")
    kept = tuple(range(given.sides)) if share else ()
    return Bound("sce", {"select_topk": share}, kept)


def _nearswap(given: Given) -> Bound:
    return Bound("nearswap", {"t": given.number("t")}, (0,))


def _arcee_fusion(given: Given) -> Bound:
    return Bound("arcee_fusion", {}, (0,))


def _ram(given: Given) -> Bound:
    chosen = {name: given.number(name) for name in given.shared}
    return Bound("ram", chosen, tuple(range(given.sides)))


LEAST: Final = 1e-8  # of a sum of weights that is divided by
HALVED: Final = 1e-6  # of a sum of weights: below it each model counts half

# What a parameter may be, where the method that it is bound to does not say so by its name
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "density": (0.0, 1.0),
    "gamma": (0.0, 1.0),
    "epsilon": (0.0, 1.0),
    "select_topk": (0.0, 1.0),
    "t": (0.0, float("inf")),
}

_VECTORS: Final[Mapping[str, Value | None]] = {"normalize": False, "rescale": False, "lambda": 1.0}
_RESCALED: Final[Mapping[str, Value | None]] = {**_VECTORS, "rescale": True}
_MEAN: Final[Mapping[str, Value | None]] = {"normalize": True}
_WEIGHT: Final[Mapping[str, Value | None]] = {"weight": REQUIRED}
_SPARSE: Final[Mapping[str, Value | None]] = {**_WEIGHT, "density": 1.0}
_MASK: Final = ("int8_mask",)

THEIRS: Final[Mapping[str, Theirs]] = {
    method.name: method
    for method in (
        Theirs("linear", _MEAN, _WEIGHT, _linear, IGNORED),
        Theirs("slerp", {"t": REQUIRED}, {}, _slerp, sides=(2, 2), first=True),
        Theirs(
            "nuslerp", {"nuslerp_flatten": True, "nuslerp_row_wise": False}, _WEIGHT, _nuslerp,
            OPTIONAL, sides=(2, 2),
        ),
        Theirs(
            "multislerp", {"normalize_weights": True}, _WEIGHT, _multislerp, OPTIONAL,
            idle=("eps",),
        ),
        Theirs("karcher", {"max_iter": 10, "tol": 1e-5}, {}, _karcher, IGNORED),
        Theirs("passthrough", {}, {"scale": 1.0}, _passthrough, IGNORED, sides=(1, 1)),
        Theirs(
            "task_arithmetic", {"normalize": False, "lambda": 1.0}, _WEIGHT, _task_arithmetic,
            idle=("density", "rescale", *_MASK),
        ),
        Theirs("ties", {**_VECTORS, **_MEAN}, _SPARSE, _ties, idle=_MASK),
        Theirs("dare_linear", _RESCALED, _SPARSE, _dare_linear, idle=_MASK),
        Theirs("dare_ties", _RESCALED, _SPARSE, _dare_ties, idle=_MASK),
        Theirs(
            "della", {**_RESCALED, **_MEAN}, {**_SPARSE, "epsilon": 0.15}, _della, idle=_MASK
        ),
        Theirs("della_linear", _RESCALED, {**_SPARSE, "epsilon": 0.15}, _della_linear, idle=_MASK),
        Theirs("breadcrumbs", _VECTORS, {**_SPARSE, "gamma": 0.01}, _breadcrumbs, idle=_MASK),
        Theirs(
            "breadcrumbs_ties", _VECTORS, {**_SPARSE, "gamma": 0.01}, _breadcrumbs_ties, idle=_MASK
        ),
        Theirs("sce", {"select_topk": 1.0}, {}, _sce, idle=_MASK),
        Theirs("model_stock", {"filter_wise": False}, {}, _model_stock, sides=(2, None)),
        Theirs("nearswap", {"t": REQUIRED}, {}, _nearswap, sides=(1, 1)),
        Theirs("arcee_fusion", {}, {}, _arcee_fusion, sides=(1, 1)),
        Theirs("ram", {"epsilon": 1e-5}, {}, _ram),
        Theirs("ramplus_tl", {"r": 0.1, "alpha": 0.2, "epsilon": 1e-5}, {}, _ram),
    )
}  # fmt: skip


def method_of(name: str) -> Theirs:
    """Mergekit's method of that name. Raises `UsageError`."""
    if name in THEIRS:
        return THEIRS[name]
    raise UsageError(f"there is no merge_method {name!r}{hint(name, tuple(THEIRS))}")
