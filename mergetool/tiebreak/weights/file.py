"""Merge one checkpoint: the trivial rule for every tensor, then the pipeline for what it leaves.

`merge_checkpoints` is the one door. It writes the result only when every tensor is settled, so what
it writes is always a whole checkpoint; otherwise its verdicts say which tensors are in conflict and
why. No git and no configuration here.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.conflict import Judgement
from tiebreak.errors import UsageError
from tiebreak.policy import ACTIONS, COMMIT, LEAVE, USED, Policy
from tiebreak.recipe_errors import NAME
from tiebreak.resolve import resolve
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.conflict import METADATA
from tiebreak.weights.digests import digests_of
from tiebreak.weights.errors import CheckpointError, shown
from tiebreak.weights.fishers import unknown
from tiebreak.weights.related import is_related
from tiebreak.weights.threeway import NOBODY, Step, Texts, Versions, merge_metadata, plan
from tiebreak.weights.toolbox import RECIPE, TOOLBOX, side
from tiebreak.weights.writing import checked, weighs, write
from tiebreak.weights_recipe import SIDES, WeightsRecipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tiebreak.conflict import Resolution
    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.conflict import Tensor, TensorConflict, Value
    from tiebreak.weights.writing import Meter
    from tiebreak.weights_recipe import Method

HEADER: Final = "__metadata__"
_CERTAIN: Final = Judgement(1.0, 1.0, "", provable=True)


class Files(NamedTuple):
    """Where the versions are: no base where the sides have none in common; at most two."""

    bases: Sequence[str]
    ours: str
    theirs: str


class Settings(NamedTuple):
    """How to merge. `recipe` is what speaks of this path; `favor` the side of ``git merge -X``.

    `importances` gives the Fisher of both sides, for methods that weigh by it, or why not.
    """

    policy: Policy = Policy()
    recipe: WeightsRecipe = WeightsRecipe()
    favor: str | None = None
    importances: Callable[[TensorConflict], tuple[Tensor, ...] | str] = unknown

    @property
    def trivial(self) -> str:
        """What the policy says of what the trivial rule settles."""
        return self.policy.action(_CERTAIN)


class Verdict(NamedTuple):
    """What becomes of one tensor, or of one text of the header.

    `by` is the side whose change it is, or the method. `value` is None while it is in conflict;
    then `kind` says in a word why, and `why` in a line.
    """

    name: str
    by: str
    action: str
    value: Value | None
    why: str
    kind: str = ""

    @property
    def open(self) -> bool:
        """Whether it is in conflict."""
        return self.action not in USED


class CheckpointMerge(NamedTuple):
    """The outcome. `written` says that `output` holds the result, `unmerged` that people look.

    `digests` names what was written of the tensors that somebody changed: see `weights.digests`.
    """

    verdicts: tuple[Verdict, ...]
    tensors: int  # of the result, or of ours
    written: bool
    unmerged: bool
    digests: Mapping[str, str] = {}

    @property
    def conflicts(self) -> list[Verdict]:
        """What is not settled."""
        return [verdict for verdict in self.verdicts if verdict.open]


def merge_checkpoints(
    path: str, files: Files, output: str | None, settings: Settings, meter: Meter | None = None
) -> CheckpointMerge:
    """Merge three files of the checkpoint at `path`, and write `output` if nothing is left open.

    Without an `output` nothing is written, and the outcome says what would become of it. Raises
    `CheckpointError`, which names the version, for one that is no whole checkpoint.
    """
    with ExitStack() as stack:
        first, second, *_ = [
            *(stack.enter_context(opened("base", base)) for base in files.bases),
            None,
            None,
        ]
        ours = stack.enter_context(opened("ours", files.ours))
        theirs = stack.enter_context(opened("theirs", files.theirs))
        versions = Versions(path, first, ours, theirs, second)
        steps = plan(versions)
        texts = merge_metadata(versions, settings.favor or settings.recipe.metadata)
        verdicts = judged(versions, steps, texts, settings)
        changed = tuple(v for v in verdicts if v.by != NOBODY)
        if any(verdict.open for verdict in changed):
            return CheckpointMerge(changed, len(versions.ours), written=False, unmerged=True)
        unmerged = any(verdict.action != COMMIT for verdict in changed)
        values = [v.value for v in verdicts if v.value is not None]
        if output is None:
            return CheckpointMerge(changed, len(values), written=False, unmerged=unmerged)
        count = write(output, values, texts.values, meter)
        digests = digests_of(output, [verdict.name for verdict in changed])
        return CheckpointMerge(changed, count, written=True, unmerged=unmerged, digests=digests)


def opened(side: str, file: str) -> Checkpoint:
    """Open a version. Raises `CheckpointError`, which names the side."""
    try:
        return open_checkpoint(file)
    except CheckpointError as error:  # the file is a copy of git's, whose name says nothing
        raise CheckpointError(
            f"{side}: {str(error).removeprefix(shown(file, 400) + ': ')}"
        ) from error


def judged(
    versions: Versions, steps: Sequence[Step], texts: Texts, settings: Settings
) -> list[Verdict]:
    """What becomes of every tensor, and of what both sides changed in the header."""
    related = is_related(versions, steps)
    trivial = settings.trivial
    found = []
    for step in steps:
        if step.conflict is None:
            found.append(settled(step, trivial))
            continue
        if not related:
            step.conflict.unrelate()
        found.append(decided(step.conflict, settings))
    found.extend(
        Verdict(f"{HEADER}.{key}", "", LEAVE, None, why, METADATA)
        for key, why in texts.conflicts.items()
    )
    return found


def decided(conflict: TensorConflict, settings: Settings) -> Verdict:
    """What the recipe and the policy make of a tensor that the trivial rule leaves open."""
    conflict.method = _known(settings.recipe.method(conflict.name))
    return _resolved(conflict, settings)


def _known(method: Method | None) -> Method | None:
    """A method of the recipe, which exists and takes these parameters."""
    if method is not None and method.name not in SIDES:
        try:
            checked(method)
        except UsageError as error:
            raise UsageError(f"{NAME}: {error}") from error
    return method


def settled(step: Step, action: str) -> Verdict:
    """What becomes of a tensor that the trivial rule settles; `action` is the policy's for it."""
    if step.who == NOBODY:
        return Verdict(step.name, NOBODY, COMMIT, step.value, "")
    alone = "both made the same change" if step.who == "both" else f"only {step.who} changed it"
    why = alone if action in USED else f"{alone}, but the policy leaves it"
    return Verdict(step.name, step.who, action, step.value, why, "" if action in USED else "policy")


def _resolved(conflict: TensorConflict, settings: Settings) -> Verdict:
    if conflict.method is not None and weighs(conflict.method):
        conflict.importances = settings.importances(conflict)
    resolution = resolve(conflict, TOOLBOX, settings.policy)
    if resolution.chosen is not None:
        candidate = resolution.chosen.candidate
        by = candidate.stratum.removeprefix(f"{RECIPE}/")
        return Verdict(conflict.name, by, resolution.action, candidate.value, candidate.why)
    if settings.favor is not None and settings.policy.most in USED:
        why = f"{settings.favor} is favored ({conflict.why})"
        action = min(COMMIT, settings.policy.most, key=ACTIONS.index)
        return Verdict(conflict.name, settings.favor, action, side(conflict, settings.favor), why)
    kind, why = _reason(conflict, resolution)
    return Verdict(conflict.name, "", resolution.action, None, why, kind)


def _reason(conflict: TensorConflict, resolution: Resolution[Value]) -> tuple[str, str]:
    """Why it is left: what vetoed the recipe's method, else what is wrong with the versions."""
    if resolution.rejected:
        _, veto = resolution.rejected[0]
        return veto.check, f"{conflict.why}; {veto.reason}"
    if conflict.method is None and conflict.kind == "both-changed":
        return conflict.kind, f"{conflict.why}, and no recipe says how to merge it"
    if conflict.method is not None and conflict.kind == "both-changed":
        return (
            "policy",
            f"{conflict.why}; the recipe says {conflict.method.name}, the policy leaves it",
        )
    return conflict.kind, conflict.why
