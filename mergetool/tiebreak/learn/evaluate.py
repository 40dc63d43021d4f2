"""How good a model is on mined data: accuracy, precision at coverage, reliability.

The model is asked as the driver asks it, through ONNX Runtime, hunk by hunk.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tiebreak.conflict import Judgement
from tiebreak.learn.extend import extended
from tiebreak.learn.settled import KINDS, clean, settled
from tiebreak.learn.tensors import case_of, numbers
from tiebreak.learn.verdicts import Summary, Verdicts, summary
from tiebreak.policy import USED
from tiebreak.ranker.company import Company
from tiebreak.ranker.hands import Offer, hold
from tiebreak.ranker.situation import MERGE, situation
from tiebreak.text.source import is_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tiebreak.learn.examples import Example
    from tiebreak.policy import Policy
    from tiebreak.ranker.calibration import Calibration
    from tiebreak.ranker.company import Beside, Scored
    from tiebreak.ranker.hands import Held
    from tiebreak.ranker.model import Model
    from tiebreak.ranker.own import Own

BINS: Final = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)
ALL: Final = "all"
FEW: Final = 30  # hunks of a kind that make a row of its own
MANY: Final = 5  # repositories, from which intervals are over repositories, and before over merges


class Opinion(NamedTuple):
    """What the model said of one hunk, and what was right."""

    repo: str
    merge: str
    language: str
    whole: bool
    source: bool
    settled: str  # what people did: one of `tiebreak.learn.settled.KINDS`
    clean: bool  # whether the tokens merge without a conflict
    sure: float  # the score of its first choice
    right: bool
    among3: bool
    reach: bool  # whether any candidate was right
    bounded: bool  # whether the bounds hold for it: the history is known
    drops: bool  # whether the first choice leaves an edit out


class Reliability(NamedTuple):
    """Hunks whose first choice was given a probability in a range, and how often it was right."""

    low: float
    high: float
    hunks: int
    said: float
    right: float


class Seen(NamedTuple):
    """An example, its candidates, and what the model says of it alone."""

    example: Example
    held: list[Held]
    scored: Scored


def opinions(
    model: Model, examples: Iterable[Example], own: Own | None = None
) -> Iterator[Opinion]:
    """Ask the model about every example, and the repository's own judge where it has one."""
    for one, beside in looked(model, examples):
        scores = model.seconded(one.scored, beside)
        if own is not None and one.example.past is not None:
            scores = own.corrected(scores, one.scored.kinds, one.example.path)
        yield _opinion(one, scores)


def looked(model: Model, examples: Iterable[Example]) -> Iterator[tuple[Seen, Beside]]:
    """Ask the model about every example alone; one that it does not judge is left out.

    The other examples of the same merge are taken for its other conflicts.
    """
    merges: dict[tuple[str, str], Company] = defaultdict(Company)
    seen = [one for example in examples if (one := _first_look(model, example)) is not None]
    for one in seen:
        merges[_merge(one.example)].add(one.example.path, one.example.number, one.scored)
    for one in seen:
        yield one, merges[_merge(one.example)].beside(one.example.path, one.example.number)


def _merge(example: Example) -> tuple[str, str]:
    return example.repo, example.merge


def _first_look(model: Model, bare: Example) -> Seen | None:
    example = extended(bare)
    held = hold([Offer(p.value, p.stratum, p.provable, p.drops) for p in example.proposals])
    scored = model.scores(case_of(example, held)) if held else None
    return None if scored is None else Seen(example, held, scored)


def _opinion(seen: Seen, scores: Sequence[float]) -> Opinion:
    example, held = seen.example, seen.held
    order = sorted(range(len(held)), key=lambda index: -scores[index])
    equal = [example.proposals[held[index].members[0]].equal for index in order]
    return Opinion(
        example.repo,
        example.merge,
        example.language,
        bool(example.whole),
        is_source(example.path),
        settled(example.base, example.ours, example.theirs, example.resolution),
        clean(example),
        scores[order[0]],
        equal[0],
        any(equal[:3]),
        any(proposal.equal for proposal in example.proposals),
        example.past is not None,
        held[order[0]].hand.drops > 0,
    )


def drawn(found: list[Opinion]) -> str:
    """What intervals are over: a few repositories say little of others, their merges say more."""
    return "repositories" if len({one.repo for one in found}) >= MANY else "merges"


def verdicts_of(found: list[Opinion]) -> Verdicts:
    """The opinions as columns; see `drawn` for the groups."""
    merges = drawn(found) == "merges"
    keys = [(one.repo, one.merge if merges else "") for one in found]
    number = numbers(keys)
    return Verdicts(
        np.array([one.sure for one in found]),
        np.array([one.right for one in found]),
        np.array([one.among3 for one in found]),
        np.array([number[key] for key in keys]),
    )


def rows(found: list[Opinion]) -> list[tuple[str, Summary]]:
    """Summaries of all hunks, and of those of each kind that has some: see `_parts`."""
    everything = verdicts_of(found)
    return [
        (name, summary(everything.where(of)))
        for name, of in _parts(found)
        if name == ALL or of.sum() >= FEW
    ]


def _parts(found: list[Opinion]) -> Iterator[tuple[str, Any]]:
    """Which hunks are source code, in files not taken whole, settled in one way, of a language."""
    source = np.array([one.source for one in found])
    edited = np.array([not one.whole for one in found])
    yield ALL, np.ones(len(found), bool)
    yield "source code", source
    yield "source code, files not taken whole", source & edited
    made = np.array([one.settled for one in found])
    for kind in KINDS:
        yield f"settled by {kind}", made == kind
    merged = np.array([one.clean for one in found])
    yield "tokens merge", merged
    yield "tokens in conflict", ~merged
    languages = np.array([one.language for one in found])
    for language in np.unique(languages):
        yield str(language), languages == language


def reliability(found: list[Opinion], tables: Mapping[str, Calibration]) -> list[Reliability]:
    """The calibrated probabilities of first choices against how often they were right."""
    said = np.array([_table(tables, one).probability(one.sure) for one in found])
    right = np.array([one.right for one in found])
    table = []
    for low, high in itertools.pairwise(BINS):
        inside = (said >= low) & ((said < high) | (high == 1.0))
        if inside.any():
            share = float(right[inside].mean())
            row = Reliability(low, high, int(inside.sum()), float(said[inside].mean()), share)
            table.append(row)
    return table


def _table(tables: Mapping[str, Calibration], one: Opinion) -> Calibration:
    return tables[situation(MERGE, source=one.source)]


def used(
    found: list[Opinion], tables: Mapping[str, Calibration], policy: Policy
) -> tuple[int, int]:
    """How many first choices the policy would write by the model's bound, and how many are right.

    What is provable is not among them: it needs no model.
    """
    written = [
        one
        for one in found
        if one.bounded and _writes(policy, _table(tables, one).lower(one.sure), drops=one.drops)
    ]
    return len(written), sum(one.right for one in written)


def _writes(policy: Policy, lower: float, *, drops: bool) -> bool:
    """See `tiebreak.resolve.resolve`: what drops an edit needs the bound of a commit."""
    if drops and lower < policy.commit:
        return False
    return policy.action(Judgement(0.0, lower, "")) in USED
