"""The tables of the weights domain: what is proposed for a tensor, what vetoes it, who judges.

The recipe decides. Its method is the one candidate that may be used; the sides themselves are
offered. Nothing is inferred from numbers alone: that a merged model works is for its tests to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate, Judgement, Toolbox
from tiebreak.weights.conflict import MERGEABLE, Blend, Copy, Removed, TensorConflict
from tiebreak.weights.kernels import host
from tiebreak.weights_recipe import SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.weights.conflict import Value

RECIPE: Final = "recipe"
SIDE: Final = "sides"


def from_recipe(conflict: TensorConflict) -> Iterator[Candidate[Value]]:
    """What the recipe says: a method where one can compute, or one of the sides as it is."""
    method = conflict.method
    if method is None:
        return
    why = f"the recipe says {method.name}"
    if method.name in SIDES:
        yield Candidate(side(conflict, method.name), RECIPE, why, f"{RECIPE}/{method.name}")
    elif conflict.kind in MERGEABLE:
        yield Candidate(Blend(conflict, method), RECIPE, why, f"{RECIPE}/{method.name}")


def sides(conflict: TensorConflict) -> Iterator[Candidate[Value]]:
    """Each side's version, for people to choose from."""
    for name in SIDES:
        yield Candidate(side(conflict, name), SIDE, f"{name} as it is", f"{SIDE}/{name}")


def side(conflict: TensorConflict, name: str) -> Value:
    """The version of ``ours`` or ``theirs``."""
    tensor = conflict.merge.ours if name == "ours" else conflict.merge.theirs
    return Removed(conflict.name) if tensor is None else Copy(tensor)


def check_numbers(_conflict: TensorConflict, candidate: Candidate[Value]) -> str | None:
    """Methods compute with floating-point numbers only: codes, indices and flags have no mean."""
    from tiebreak.weights.dtypes import DTYPES

    if not isinstance(candidate.value, Blend):
        return None
    ours = candidate.value.conflict.merge.ours
    if ours is None or DTYPES[ours.info.dtype].is_float:
        return None
    return f"{ours.info.dtype} values are copied, never computed"


def check_finite(_conflict: TensorConflict, candidate: Candidate[Value]) -> str | None:
    """NaN and infinity spread into whatever is computed from them."""
    if not isinstance(candidate.value, Blend):
        return None
    merge = candidate.value.conflict.merge
    for name, tensor in (("ours", merge.ours), ("theirs", merge.theirs), ("base", merge.base)):
        if tensor is not None and not host().finite(tensor.raw(), tensor.info.dtype):
            return f"{name} holds NaN or infinity"
    return None


def check_importance(conflict: TensorConflict, candidate: Candidate[Value]) -> str | None:
    """A method that weighs by importance does nothing without it."""
    known = not isinstance(conflict.importances, str) or not isinstance(candidate.value, Blend)
    return None if known else str(conflict.importances)


def judge(_conflict: TensorConflict, candidates: Sequence[Candidate[Value]]) -> list[Judgement]:
    """The recipe's candidate is the user's own choice; of the others nothing is known."""
    return [
        Judgement(1.0, 1.0, "chosen in the recipe")
        if candidate.generator == RECIPE
        else Judgement(0.0, 0.0, "not measured")
        for candidate in candidates
    ]


TOOLBOX: Final[Toolbox[TensorConflict, Value]] = Toolbox(
    generators=((RECIPE, from_recipe), (SIDE, sides)),
    checks=(("numbers", check_numbers), ("importance", check_importance)),
    late_checks=(("finite", check_finite),),
    judge=judge,
)
