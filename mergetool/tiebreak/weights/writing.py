"""Settled tensors as the outputs of the engine: bytes that are copied, and methods that compute.

A method sees the common version as its base, and ours and theirs as its models, in this order.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tiebreak.weights.conflict import Blend, Copy
from tiebreak.weights.engine import Output, write_checkpoint
from tiebreak.weights.kernels import Side
from tiebreak.weights.methods import Terms, check, method_named
from tiebreak.weights.methods.method import in_turn
from tiebreak.weights_recipe import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tiebreak.weights.conflict import Tensor, Value
    from tiebreak.weights.methods import Parameters
    from tiebreak.weights.methods.method import Content, Each
    from tiebreak.weights_recipe import Method

_SIDES: Final = 2
_THREADS: Final = 8  # more do not make a disk faster, and every one of them reserves its stack


def write(path: str, values: Sequence[Value], metadata: Mapping[str, str] | None) -> int:
    """Write a whole checkpoint in one step; gives the number of tensors."""
    parameters = _surveyed([value for value in values if isinstance(value, Blend)])
    outputs = [_output(value, parameters) for value in values if isinstance(value, Copy | Blend)]
    write_checkpoint(path, outputs, metadata, threads=min(os.cpu_count() or 1, _THREADS))
    return len(outputs)


def checked(method: Method) -> dict[str, float | str | bool | tuple[float, ...]]:
    """A method's parameters, complete. Raises `UsageError` for what does not exist."""
    return check(method_named(method.name), dict(method.parameters), _SIDES)


def weighs(method: Method) -> bool:
    """Whether a method of the recipe asks for the importance of each entry."""
    return method.name not in SIDES and method_named(method.name).needs_importance


def _surveyed(blends: Sequence[Blend]) -> dict[Method, Parameters]:
    """The parameters of each method as it is named, after it saw all its tensors together."""
    together: dict[Method, list[Terms]] = {}
    for blend in blends:
        together.setdefault(blend.method, []).append(_terms(blend))
    found: dict[Method, Parameters] = {}
    for named, terms in together.items():
        parameters, survey = checked(named), method_named(named.name).survey
        found[named] = survey(terms, parameters, in_turn) if survey else parameters
    return found


def _output(value: Copy | Blend, parameters: Mapping[Method, Parameters]) -> Output:
    if isinstance(value, Copy):
        info = value.tensor.info
        return Output(info.name, info.dtype, info.shape, value.tensor.raw())
    terms = _terms(value)
    content = _prepared(terms, value.method, parameters[value.method])
    return Output(terms.name, terms.dtype, terms.shape, content)


def _prepared(terms: Terms, method: Method, parameters: Parameters) -> Callable[[Each], Content]:
    prepare = method_named(method.name).prepare
    return lambda each: prepare(terms, parameters, each)


def _terms(blend: Blend) -> Terms:
    merge = blend.conflict.merge
    base, ours, theirs = (_side(tensor) for tensor in (merge.base, merge.ours, merge.theirs))
    found = blend.conflict.importances  # as the checks left it: a reason would have been a veto
    importances = tuple(_side(tensor) for tensor in found if not isinstance(tensor, str))
    return Terms(blend.conflict.name, blend.shape, ours.dtype, base, (ours, theirs), importances)


def _side(tensor: Tensor | None) -> Side:
    assert tensor is not None  # noqa: S101  (a method is proposed where all three are there)
    return Side(tensor.raw(), tensor.info.dtype)
