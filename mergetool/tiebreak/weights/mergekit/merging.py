"""A recipe's tensors as outputs of the engine, after everything that headers can tell is checked.

Values are computed in float64 from the inputs as they are stored, and rounded once to the type of
the output. mergekit casts the inputs to `dtype` first and computes in that.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.weights.conflict import Tensor
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import Output
from tiebreak.weights.errors import shown
from tiebreak.weights.kernels import Side
from tiebreak.weights.mergekit.binding import Look, choose
from tiebreak.weights.mergekit.document import refused
from tiebreak.weights.mergekit.finite import finite
from tiebreak.weights.methods import Terms
from tiebreak.weights.related import LEAST, cosine
from tiebreak.weights.threeway import is_token_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.mergekit.assembly import Assembly, Piece
    from tiebreak.weights.mergekit.schema import ModelName
    from tiebreak.weights.methods.method import Content, Each

SAMPLED: Final = 64  # tensors that are looked at to see whether two models have one origin
_WIDEST: Final = ("F64", "F32", "BF16", "F16")


class Choices(NamedTuple):
    """What the command line says beside the recipe."""

    seed: int = 0
    allow_nan: bool = False
    allow_unrelated: bool = False


def outputs_of(
    assembly: Assembly, models: Mapping[ModelName, Checkpoint], choices: Choices
) -> list[Output]:
    """Every tensor of the output, in the order of the assembly. Nothing is computed yet.

    Raises `RecipeError` for shapes, types and models that do not fit each other.
    """
    merging = _Merging(models, choices)
    found = [merging.output(piece) for piece in assembly.pieces]
    if not choices.allow_unrelated:
        _check_related(assembly.pieces, models)
    return found


class _Merging(NamedTuple):
    models: Mapping[ModelName, Checkpoint]
    choices: Choices

    def output(self, piece: Piece) -> Output:
        tensors = {m: Tensor(self.models[m], name) for m, name in piece.inputs.items()}
        first = next(iter(tensors.values()))
        _check_alike(piece, tensors)
        look = Look(piece.name, piece.t)
        chosen = choose(piece.group, piece.inputs, look, self.choices.seed)
        if not DTYPES[first.info.dtype].is_float:
            return _copied(piece, tensors)
        wanted = piece.group.recipe.dtype
        dtype = wanted or _promoted([tensor.info.dtype for tensor in tensors.values()])
        sides = {m: Side(tensor.raw(), tensor.info.dtype) for m, tensor in tensors.items()}
        terms = Terms(
            piece.name,
            first.info.shape,
            dtype,
            None if chosen.base is None else sides[chosen.base.model],
            tuple(sides[source.model] for source in chosen.sides),
        )
        content: Callable[[Each], Content]
        content = partial(chosen.method.prepare, terms, chosen.parameters)
        if not self.choices.allow_nan:
            named = {str(model): side for model, side in sides.items()}
            content = finite(piece.name, dtype, content, named)
        return Output(piece.name, dtype, first.info.shape, content)


def _check_alike(piece: Piece, tensors: Mapping[ModelName, Tensor]) -> None:
    (first, one), *others = tensors.items()
    for other, two in others:
        floats = DTYPES[one.info.dtype].is_float and DTYPES[two.info.dtype].is_float
        if one.info.shape == two.info.shape and (floats or one.info.dtype == two.info.dtype):
            continue
        tables = is_token_table(piece.name) and one.info.shape[1:] == two.info.shape[1:]
        more = "; tokenizer_source: union matches rows by token" if tables else ""
        both = f"{one} in {shown(str(first))}, {two} in {shown(str(other))}"
        place = piece.group.recipe.place_of(other)
        raise refused(place, f"tensor {shown(piece.name)!r} is {both}{more}")


def _copied(piece: Piece, tensors: Mapping[ModelName, Tensor]) -> Output:
    """What is not floating point has no mean: all models have to agree."""
    (first_model, first), *others = tensors.items()
    for model, tensor in others:
        if not first.same(tensor):
            both = f"{shown(str(first_model))} and {shown(str(model))}"
            what = f"{shown(piece.name)!r} holds {first.info.dtype}, which is copied"
            raise refused(piece.group.slice.place, f"tensor {what}, and {both} differ in it")
    return Output(piece.name, first.info.dtype, first.info.shape, first.raw())


def _promoted(dtypes: Iterable[str]) -> str:
    """The type that holds the values of all; of two that hold neither the other's, F32."""
    found = frozenset(dtypes)
    if len(found) == 1:
        return next(iter(found))
    wide = [dtype for dtype in _WIDEST if dtype in found]
    return wide[0] if len(wide) == 1 or wide[0] in {"F64", "F32"} else "F32"


def _check_related(pieces: Sequence[Piece], models: Mapping[ModelName, Checkpoint]) -> None:
    """Models that are merged with each other have one origin. Raises `RecipeError`.

    Layers of other depths have nothing in common, and are not compared.
    """
    pairs: dict[tuple[ModelName, ModelName], list[Piece]] = {}
    for piece in pieces:
        origin = piece.group.slice.base or piece.group.slice.sources[0].model
        for model, name in piece.inputs.items():
            if model != origin and piece.inputs.get(origin) == name:
                pairs.setdefault((origin, model), []).append(piece)
    for (origin, model), held in pairs.items():
        sample = held[:: max(1, len(held) // SAMPLED)]
        terms = [
            (Tensor(models[origin], p.inputs[origin]), Tensor(models[model], p.inputs[model]))
            for p in sample
        ]
        found = cosine(terms)
        if found < LEAST:
            both = f"{shown(str(origin))} and {shown(str(model))} have no common origin"
            raise refused(
                held[0].group.recipe.place_of(model),
                f"{both} (cosine {found:.2f}); --allow-unrelated merges them all the same",
            )


def bulk_dtype(outputs: Iterable[Output]) -> str:
    """The type that most values of the output have; "" without any."""
    counts: dict[str, int] = {}
    for output in outputs:
        if DTYPES[output.dtype].is_float:
            elements = 1
            for length in output.shape:
                elements *= length
            counts[output.dtype] = counts.get(output.dtype, 0) + elements
    return max(counts, key=lambda dtype: counts[dtype], default="")
