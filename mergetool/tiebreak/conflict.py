"""What flows through the pipeline: conflicts, candidates, checks, judgements, resolutions.

A hunk and a tensor conflict are both a `Conflict`: a `Merge` with a place. Domains
(`tiebreak.text`, `tiebreak.weights`) bring their own conflict type with more context, and a
`Toolbox` of generators, checks and a judge for it. `tiebreak.resolve` knows only what is declared
here.

NamedTuples rather than dataclasses: the merge driver imports this once per conflicting file, and
importing `dataclasses` costs as much as starting the interpreter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tiebreak.merge import Merge

T_co = TypeVar("T_co", covariant=True)


class Conflict(Protocol[T_co]):
    """One conflict of a file: a text hunk, a tensor."""

    @property
    def merge(self) -> Merge[T_co]:
        """The terms, ``ours - base + theirs``."""
        ...

    @property
    def path(self) -> str:
        """The file it is in, relative to the top of the work tree."""
        ...

    @property
    def name(self) -> str:
        """Where in the file, for people: ``lines 12-18``, ``model.layers.0.mlp.up_proj.weight``."""
        ...


class Candidate(NamedTuple, Generic[T_co]):
    """One possible resolution.

    `stratum` names the population whose measured precision applies (``tokens/far``); it starts with
    the generator's name. `provable` says that the value follows from the inputs alone; the judge
    may still refuse that (two provable candidates that differ prove nothing). `drops` lists, for
    people, each edit of a side that the candidate knowingly leaves out.
    """

    value: T_co
    generator: str
    why: str
    stratum: str
    provable: bool = False
    drops: tuple[str, ...] = ()


class Veto(NamedTuple):
    """Why a candidate must not be used, and the check that says so."""

    check: str
    reason: str


class Judgement(NamedTuple):
    """A judge's opinion of one candidate.

    `probability` is the calibrated chance that a person would have chosen it; `lower` its lower
    confidence bound, which the policy compares with its thresholds; `evidence` says in a few words
    where the numbers come from (``right in 412 of 430 real hunks``).
    """

    probability: float
    lower: float
    evidence: str
    provable: bool = False


class Ranked(NamedTuple, Generic[T_co]):
    """A candidate that no cheap check vetoed, with its judgement."""

    candidate: Candidate[T_co]
    judgement: Judgement


class Rejected(NamedTuple, Generic[T_co]):
    """A candidate that a check vetoed."""

    candidate: Candidate[T_co]
    veto: Veto


class Resolution(NamedTuple, Generic[T_co]):
    """What became of one conflict.

    `action` is the policy's word: see `tiebreak.policy.ACTIONS`. `chosen` is None when the conflict
    stays, and then only; `ranked` holds what can be offered, best first; `rejected` what was vetoed
    and why.
    """

    conflict: Conflict[object]
    action: str
    chosen: Ranked[T_co] | None
    ranked: tuple[Ranked[T_co], ...]
    rejected: tuple[Rejected[T_co], ...]


C_contra = TypeVar("C_contra", contravariant=True)
T_contra = TypeVar("T_contra", contravariant=True)
C = TypeVar("C")
T = TypeVar("T")


class Generator(Protocol[C_contra, T_co]):
    """Proposes candidates for a conflict; yields nothing when it has nothing to say."""

    def __call__(self, conflict: C_contra, /) -> Iterable[Candidate[T_co]]:
        """Propose resolutions."""
        ...


class Check(Protocol[C_contra, T_contra]):
    """Returns the reason why a candidate must not be used, or None."""

    def __call__(self, conflict: C_contra, candidate: Candidate[T_contra], /) -> str | None:
        """Say what is wrong with a candidate."""
        ...


class Judge(Protocol[C_contra, T_contra]):
    """Gives each of a conflict's candidates a calibrated judgement, in the same order."""

    def __call__(
        self, conflict: C_contra, candidates: Sequence[Candidate[T_contra]], /
    ) -> Sequence[Judgement]:
        """Judge all candidates of a conflict together."""
        ...


class Toolbox(NamedTuple, Generic[C, T]):
    """What one domain brings to the pipeline, as data.

    `generators` and `checks` are tables of ``(name, function)``. `checks` look at a candidate alone
    and run on all; `late_checks` are costly (they parse the file) and run in the order of rank, on
    what the policy would use, until one candidate passes.
    """

    generators: Sequence[tuple[str, Generator[C, T]]]
    checks: Sequence[tuple[str, Check[C, T]]]
    late_checks: Sequence[tuple[str, Check[C, T]]]
    judge: Judge[C, T]
