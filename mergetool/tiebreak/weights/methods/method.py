"""What a method is: its parameters as data, and a function from one tensor's terms to its content.

A method never sees files or threads. `prepare` looks at the tensor as far as it needs (a threshold,
a norm) and returns a `Fill`, which computes any stretch of elements; or bytes, when the result is
one of the inputs as it is. Stretches are always cut at the same places (`CHUNK`), so the bytes do
not depend on the number of threads. What has to have a whole tensor in memory says so (`copies`),
and gives bytes too.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

from tiebreak.errors import UsageError
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.kernels import Run, Side, kernels

T = TypeVar("T")

CHUNK: Final = 1 << 19  # elements

Value = float | str | bool | tuple[float, ...]
Parameters = Mapping[str, Value]


class Terms(NamedTuple):
    """One tensor of every model: raw bytes, and the type of their elements.

    The result has the type `dtype`. The shapes are equal; `base` is None without a base model.
    `importances` has one tensor for each side where the method asked for them, and they are there;
    `transposed` says that they are of the first of a weight's two axes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    base: Side | None
    sides: tuple[Side, ...]
    importances: tuple[Side, ...] = ()
    transposed: bool = False

    @property
    def elements(self) -> int:
        """The number of elements."""
        product = 1
        for length in self.shape:
            product *= length
        return product

    @property
    def known_base(self) -> Side:
        """The base of a method that needs one."""
        if self.base is None:
            raise UsageError(f"{self.name}: this method needs a base model")
        return self.base

    def changed(self) -> tuple[int, ...]:
        """The numbers of the sides that differ from the base: the others' deltas are 0."""
        base, equal = self.known_base, kernels().equal
        return tuple(
            number
            for number, side in enumerate(self.sides)
            if side.dtype != base.dtype or not equal(side.data, base.data)
        )

    def only(self, numbers: Sequence[int]) -> Terms:
        """The same tensor of these models alone."""
        return self._replace(sides=tuple(self.sides[number] for number in numbers))

    def same(self) -> bool:
        """Whether all sides have the same bytes; the base is not looked at."""
        first, equal = self.sides[0], kernels().equal
        return first.dtype == self.dtype and all(
            side.dtype == first.dtype and equal(side.data, first.data) for side in self.sides[1:]
        )


class Each(Protocol):
    """Calls a function for every stretch of a tensor; the results in order."""

    def __call__(self, function: Callable[[int, int], T], count: int, /) -> list[T]:
        """Call it with the begin and the end of each stretch of so many elements."""


Fill = Callable[[int, int, memoryview], None]  # from, to, room for exactly these elements
Content = Fill | memoryview
Prepare = Callable[[Terms, Parameters, Each], Content]
Survey = Callable[[Sequence[Terms], Parameters, Each], Parameters]
Fitting = Callable[[Parameters], str | None]


class Parameter(NamedTuple):
    """One parameter. With `choices` it is a word, with `per_side` one number for each model."""

    default: Value | None  # None: it must be given
    help: str
    least: float = float("-inf")
    most: float = float("inf")
    choices: tuple[str, ...] = ()
    per_side: bool = False
    check: Callable[[str], object] | None = None  # of a text; raises ValueError


class Method(NamedTuple):
    """A registered method.

    `survey` looks at all its tensors together before the first one; `fitting` says what is
    wrong with parameters that are right one by one and do not go together.
    """

    name: str
    summary: str
    parameters: Mapping[str, Parameter]
    prepare: Prepare
    needs_base: bool = True
    importance: str = ""  # the kind of second tensor of each side: `tiebreak.weights.importance`
    sides: tuple[int, int | None] = (1, None)  # how many models it merges
    survey: Survey | None = None
    copies: int = 0  # of a whole tensor in float64 that a thread holds; 0: it holds a stretch
    squares: bool = False  # or of inputs x inputs, where that is more
    fitting: Fitting | None = None

    @property
    def needs_importance(self) -> bool:
        """Whether it asks for a second tensor of each side."""
        return bool(self.importance)

    def is_based(self, parameters: Parameters) -> bool:
        """Whether the base is looked at."""
        return self.needs_base and parameters.get("around") != ZERO


BASE: Final = "base"
ZERO: Final = "zero"
AROUND: Final = Parameter(
    BASE, "what vectors are seen from: changes, or whole models", choices=(BASE, ZERO)
)
WEIGHT: Final = Parameter(1.0, "how much each model counts", per_side=True)
ELECT: Final = Parameter("none", "whether signs are elected as in TIES", choices=("none", "mass"))
LAMBDA: Final = Parameter(1.0, "scale of the merged change")


def kept_share(default: float, least: float = 1e-9) -> Parameter:
    """The parameter of methods that keep a share of each model's changes."""
    return Parameter(default, "the share of changes that is kept", least, 1.0, per_side=True)


def combined(
    terms: Terms, base: Side | None, sides: tuple[Side, ...], scale: float = 1.0
) -> Content:
    """The base plus the scaled sum of the sides' weighted deltas; see `Kernels.combine`."""
    combine, dtype = kernels().combine, terms.dtype

    def fill(start: int, stop: int, out: memoryview) -> None:
        combine(Run(out, dtype, start, stop - start), base, sides, scale)

    return fill


def elected(terms: Terms, sides: tuple[Side, ...], scale: float, *, mean: bool) -> Content:
    """The base plus the scaled deltas of the elected sign; see `Kernels.elect`."""
    elect, base, dtype = kernels().elect, terms.known_base, terms.dtype

    def fill(start: int, stop: int, out: memoryview) -> None:
        elect(Run(out, dtype, start, stop - start), base, sides, scale, mean=mean)

    return fill


def changes(terms: Terms, parameters: Parameters) -> tuple[Terms, Parameters]:
    """The models that differ from the base, and what the parameters say of them."""
    numbers = terms.changed()
    return terms.only(numbers), {
        name: tuple(value[number] for number in numbers) if isinstance(value, tuple) else value
        for name, value in parameters.items()
    }


def weighted(terms: Terms, parameters: Parameters) -> tuple[Side, ...]:
    """The models with their weights."""
    weights = numbers(parameters, "weight")
    return tuple(side._replace(weight=w) for side, w in zip(terms.sides, weights, strict=True))


def unmoved(terms: Terms) -> Content:
    """The base as it is, in the type of the result."""
    base = terms.known_base
    return base.data if base.dtype == terms.dtype else combined(terms, base, (base,))


def some_weight(parameters: Parameters) -> str | None:
    """`Method.fitting` of methods that divide by weights of which none is negative."""
    return None if any(numbers(parameters, "weight")) else "weights that are all 0 leave nothing"


def weights_to_divide_by(parameters: Parameters) -> str | None:
    """`Method.fitting` of methods that divide by the sum of the weights."""
    divides = parameters.get("normalize", True) and parameters.get("elect", "none") == "none"
    if divides and sum(numbers(parameters, "weight")) == 0:
        return "weights that sum to 0 cannot be divided by"
    return None


def fingerprint(data: memoryview, each: Each) -> int:
    """A number that stands for these bytes; the same however they are cut."""
    part = kernels().fingerprint
    parts = each(lambda start, stop: part(data, start, stop - start), len(data))
    return sum(parts) % (1 << 64)


def in_turn(function: Callable[[int, int], T], count: int, /) -> list[T]:
    """`Each` without threads."""
    return [function(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]


def check(method: Method, given: Mapping[str, object], sides: int) -> dict[str, Value]:
    """The parameters of a method, complete and checked, for so many models."""
    least, most = method.sides
    if sides < least or (most is not None and sides > most):
        wanted = f"{least}" if least == most else f"at least {least}"
        models = "model" if wanted == "1" else "models"
        raise UsageError(f"{method.name} merges {wanted} {models}, {sides} are given")
    for name in given:
        if name not in method.parameters:
            raise UsageError(_unknown(f"{method.name} has no parameter", name, method.parameters))
    checked: dict[str, Value] = {}
    for name, parameter in method.parameters.items():
        value = given.get(name, parameter.default)
        if value is None:
            raise UsageError(f"{method.name} needs the parameter {name}: {parameter.help}")
        checked[name] = _value(f"{method.name}: {name}", parameter, value, sides)
    problem = method.fitting(checked) if method.fitting is not None else None
    if problem is not None:
        raise UsageError(f"{method.name}: {problem}")
    return checked


def nearest(methods: Mapping[str, Method], name: str) -> Method:
    """The method of that name."""
    if name not in methods:
        raise UsageError(_unknown("there is no method", name, methods))
    return methods[name]


def number(parameters: Parameters, name: str) -> float:
    """A checked parameter that is one number."""
    value = parameters[name]
    assert isinstance(value, int | float)  # noqa: S101  (as `check` left it)
    return float(value)


def numbers(parameters: Parameters, name: str) -> tuple[float, ...]:
    """A checked parameter that is a number for each model."""
    value = parameters[name]
    assert isinstance(value, tuple)  # noqa: S101
    return value


def merge_tensor(method: Method, terms: Terms, parameters: Parameters) -> bytes:
    """The content of one tensor at once; parameters as `check` gives them."""
    if method.survey is not None:
        parameters = method.survey([terms], parameters, in_turn)
    content = method.prepare(terms, parameters, in_turn)
    if isinstance(content, memoryview):
        return bytes(content)
    width = DTYPES[terms.dtype].bits // 8
    room = memoryview(bytearray(terms.elements * width))
    in_turn(
        lambda start, stop: content(start, stop, room[start * width : stop * width]), terms.elements
    )
    return bytes(room)


def _unknown(what: str, name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{what} {name!r}{hint} (known: {', '.join(known)})"


def _value(where: str, parameter: Parameter, value: object, sides: int) -> Value:
    if parameter.per_side:
        many = list(value) if isinstance(value, list | tuple) else [value]
        if len(many) not in {1, sides}:
            raise UsageError(f"{where}: {len(many)} numbers for {sides} models")
        found = tuple(_number(where, parameter, item) for item in many)
        return found if len(found) == sides else found * sides
    if parameter.choices or parameter.check:
        return _text(where, parameter, value)
    if isinstance(parameter.default, bool):
        if not isinstance(value, bool):
            raise UsageError(f"{where}: expected true or false, got {value!r}")
        return value
    return _number(where, parameter, value)


def _text(where: str, parameter: Parameter, value: object) -> str:
    if not isinstance(value, str) or (parameter.choices and value not in parameter.choices):
        expected = f"one of {', '.join(parameter.choices)}" if parameter.choices else "a text"
        raise UsageError(f"{where}: expected {expected}, got {value!r}")
    try:
        if parameter.check is not None:
            parameter.check(value)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error
    return value


def _number(where: str, parameter: Parameter, value: object) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if good and parameter.least <= float(value) <= parameter.most:  # type: ignore[arg-type]
        finite = float(value)  # type: ignore[arg-type]
        if abs(finite) != float("inf"):
            return finite
    raise UsageError(f"{where}: expected {_range(parameter)}, got {value!r}")


def _range(parameter: Parameter) -> str:
    least, most = parameter.least, parameter.most
    if most != float("inf"):
        return f"a number from {least:g} to {most:g}"
    return f"a number of at least {least:g}" if least != float("-inf") else "a number"
