"""Settled tensors as the outputs of the engine: bytes that are copied, and methods that compute.

A method sees the common version as its base, and ours and theirs as its models, in this order.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Final

from tiebreak.weights.conflict import Blend, Copy, Stack
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import Output, write_checkpoint
from tiebreak.weights.importance import is_transposed
from tiebreak.weights.kernels import Side
from tiebreak.weights.methods import Terms, check, method_named
from tiebreak.weights.methods.method import in_turn
from tiebreak.weights.safetensors import data_size
from tiebreak.weights_recipe import SIDES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.conflict import Tensor, Value
    from tiebreak.weights.methods import Parameters
    from tiebreak.weights.methods.method import Content, Each
    from tiebreak.weights_recipe import Method

Meter = Callable[[int], Callable[[int], None]]  # of so many bytes; then: so many more are written

_SIDES: Final = 2
THREADS: Final = 8  # more do not make a disk faster, and every one of them reserves its stack


def write(
    path: str,
    values: Sequence[Value],
    metadata: Mapping[str, str] | None,
    meter: Meter | None = None,
) -> int:
    """Write a whole checkpoint in one step; gives the number of tensors."""
    outputs = prepared(values)
    progress = meter(sum(map(size, outputs))) if meter is not None else None
    write_checkpoint(path, outputs, metadata, min(os.cpu_count() or 1, THREADS), progress)
    return len(outputs)


def prepared(values: Sequence[Value]) -> list[Output]:
    """What the engine is to write, for all values that are in the result."""
    parameters = _surveyed([blend for value in values for blend in _blends(value)])
    return [
        _output(value, parameters) for value in values if isinstance(value, Copy | Blend | Stack)
    ]


def _blends(value: Value) -> list[Blend]:
    pieces = value.pieces if isinstance(value, Stack) else (value,)
    return [piece for piece in pieces if isinstance(piece, Blend)]


def size(output: Output) -> int:
    """The bytes of a tensor that is to be written."""
    return data_size(output.dtype, output.shape) or 0


def value_size(value: Value) -> int:
    """The bytes of a tensor of the result."""
    if isinstance(value, Copy):
        return value.tensor.info.nbytes
    if isinstance(value, Blend):
        ours = value.conflict.merge.ours
        return 0 if ours is None else ours.info.nbytes
    return (data_size(value.dtype, value.shape) or 0) if isinstance(value, Stack) else 0


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


def _output(value: Copy | Blend | Stack, parameters: Mapping[Method, Parameters]) -> Output:
    if isinstance(value, Stack):
        pieces = [_output(piece, parameters) for piece in value.pieces]
        return Output(value.name, value.dtype, value.shape, stack(pieces))
    if isinstance(value, Copy):
        info = value.tensor.info
        return Output(info.name, info.dtype, info.shape, value.tensor.raw())
    terms = _terms(value)
    content = _prepared(terms, value.method, parameters[value.method])
    whole = method_named(value.method.name).copies > 0
    return Output(terms.name, terms.dtype, terms.shape, content, whole)


def stack(pieces: Sequence[Output]) -> Callable[[Each], Content]:
    """Outputs of one dtype below each other, as the content of one tensor.

    The first piece is computed in the stretches in which it would be alone.
    """

    def prepare(each: Each) -> Content:
        parts: list[tuple[int, int, int, Content]] = []
        at = 0
        for piece in pieces:
            content = piece.content
            ready = content if isinstance(content, memoryview) else content(each)
            count = prod(piece.shape)
            parts.append((at, at + count, DTYPES[piece.dtype].bits // 8, ready))
            at += count

        def fill(start: int, stop: int, out: memoryview) -> None:
            for begin, end, width, content in parts:
                low, high = max(start, begin), min(stop, end)
                if low >= high:
                    continue
                room = out[(low - start) * width : (high - start) * width]
                if isinstance(content, memoryview):
                    room[:] = content[(low - begin) * width : (high - begin) * width]
                else:
                    content(low - begin, high - begin, room)

        return fill

    return prepare


def _prepared(terms: Terms, method: Method, parameters: Parameters) -> Callable[[Each], Content]:
    prepare = method_named(method.name).prepare
    return lambda each: prepare(terms, parameters, each)


def _terms(blend: Blend) -> Terms:
    merge = blend.conflict.merge
    base, ours, theirs = (_side(tensor) for tensor in (merge.base, merge.ours, merge.theirs))
    found = blend.conflict.importances  # as the checks left it: a reason would have been a veto
    importances = tuple(_side(tensor) for tensor in found if not isinstance(tensor, str))
    transposed = any(is_transposed(t.checkpoint, t.name) for t in found if not isinstance(t, str))
    sides = (ours, theirs)
    return Terms(blend.conflict.name, blend.shape, ours.dtype, base, sides, importances, transposed)


def _side(tensor: Tensor | None) -> Side:
    assert tensor is not None  # noqa: S101  (a method is proposed where all three are there)
    return Side(tensor.raw(), tensor.info.dtype)
