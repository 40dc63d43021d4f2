"""The rule judge: a candidate is as good as its stratum was on real merges.

`precision.tsv` holds, per stratum, how often it was proposed and right on the hunks of repositories
set aside for tuning, and the lower confidence bound, clustered by repository. It is written by
``benchmarks/calibrate.py``; nothing in it is set by hand. A stratum that was never measured has the
bound of none: its candidates are only suggested.
"""

from __future__ import annotations

import os.path
from functools import cache
from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate, Judgement
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.policy import Policy
    from tiebreak.text.document import Document, Hunk
    from tiebreak.text.language import Language

TABLE: Final = os.path.join(os.path.dirname(__file__), "precision.tsv")
LANGUAGES: Final = os.path.join(os.path.dirname(__file__), "languages.tsv")
BY_LANGUAGE: Final = frozenset({"structure", "keyed", "sets", "imports"})
"""Generators whose proposals are only as good as a language's data."""


class Measured(NamedTuple):
    """What a stratum did on real merges: `right` of `seen` hunks, and the bound for the policy."""

    right: int
    seen: int
    lower: float


def judge(hunk: Hunk, candidates: Sequence[Candidate[bytes]]) -> list[Judgement]:
    """Judge each candidate by its stratum. Two different provable values prove nothing."""
    table = precision()
    alone = sum(candidate.provable for candidate in candidates) == 1
    known = measured_language(hunk.document) is not None
    return [
        _unknown()
        if candidate.generator in BY_LANGUAGE and not known
        else _judge(candidate, table, alone=alone)
        for candidate in candidates
    ]


def measured_language(document: Document) -> Language | None:
    """A file's language if its data has proved right on real merges; else it proves nothing."""
    language = document.language
    return language if language is not None and language.name in languages() else None


def _unknown() -> Judgement:
    """By the data of a language that was not measured: a suggestion, and nothing is proven."""
    return Judgement(0.0, 0.0, "no measured precision for this language")


def may_use(generator: str, policy: Policy) -> bool:
    """Whether anything that a generator proposes could be used under a policy."""
    if any(f"{trusted}/".startswith(f"{generator}/") for trusted in policy.trust):
        return True
    least = min(policy.apply, policy.commit)
    return any(
        name.startswith(f"{generator}/") and measured.lower >= least
        for name, measured in precision().items()
    )


def _judge(candidate: Candidate[bytes], table: dict[str, Measured], *, alone: bool) -> Judgement:
    provable = candidate.provable and alone
    measured = _look_up(candidate.stratum, table)
    if measured is None:
        return Judgement(0.0, 0.0, "not measured on real merges", provable)
    # Laplace's rule keeps a short winning streak from looking certain.
    probability = (measured.right + 1) / (measured.seen + 2)
    evidence = f"right in {measured.right} of {measured.seen} real conflicts"
    return Judgement(probability, measured.lower, evidence, provable)


def _look_up(stratum: str, table: dict[str, Measured]) -> Measured | None:
    """The stratum's own line, else that of the nearest wider one (``tokens/far`` -> ``tokens``)."""
    while stratum not in table:
        wider = stratum.rpartition("/")[0]
        if not wider:
            return None
        stratum = wider
    return table[stratum]


@cache
def precision() -> dict[str, Measured]:
    """The measured table, by stratum."""
    return _read(TABLE)


@cache
def languages() -> dict[str, Measured]:
    """What structural proposals did in each language that was measured."""
    return _read(LANGUAGES)


def _read(path: str) -> dict[str, Measured]:
    with open(path, encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]
    return {
        name: Measured(int(right), int(seen), float(lower)) for name, right, seen, lower in rows
    }
