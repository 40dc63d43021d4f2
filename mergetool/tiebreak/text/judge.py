"""The rule judge: a candidate is as good as its stratum was on real merges.

`precision.tsv` holds, per stratum, how often it was proposed and right on the hunks of repositories
set aside for tuning, and the lower confidence bound, clustered by repository. It is written by
``benchmarks/calibrate.py``, that of memories by ``benchmarks/memory.py``; nothing in them is set by
hand. A stratum that was never measured has the
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

    from tiebreak.conflict import Judge
    from tiebreak.policy import Policy
    from tiebreak.text.document import Document, Hunk
    from tiebreak.text.language import Language

TABLE: Final = os.path.join(os.path.dirname(__file__), "precision.tsv")
MEMORY: Final = os.path.join(os.path.dirname(__file__), "memory.tsv")
LANGUAGES: Final = os.path.join(os.path.dirname(__file__), "languages.tsv")
BY_LANGUAGE: Final = frozenset({"structure", "keyed", "sets", "imports"})
"""Generators whose proposals are only as good as a language's data."""
COUNTED_TOGETHER: Final = frozenset(
    {
        "c", "cpp", "csharp", "go", "java", "javascript", "json", "python", "rust", "toml", "tsx",
        "typescript", "yaml",
    }
)  # fmt: skip
"""The languages of the hunks behind `precision.tsv`, from before languages were counted apart: they
keep what they have there. A language of its own line in `languages.tsv` needs no place here."""
UNMEASURED: Final = "no measured precision for this language"


class Measured(NamedTuple):
    """What a stratum did on real merges: `right` of `seen` hunks, and the bound for the policy."""

    right: int
    seen: int
    lower: float

    @property
    def probability(self) -> float:
        """The share; Laplace's rule keeps a short winning streak from looking certain."""
        return (self.right + 1) / (self.seen + 2)


def judge(hunk: Hunk, candidates: Sequence[Candidate[bytes]]) -> list[Judgement]:
    """Judge each candidate by its stratum. Two different provable values prove nothing."""
    alone = sum(candidate.provable for candidate in candidates) == 1
    found = [_judge(candidate, alone=alone) for candidate in candidates]
    return _suggested(hunk, candidates, found)


def careful(judge: Judge[Hunk, bytes]) -> Judge[Hunk, bytes]:
    """Another judge, which has no say where nothing was measured by syntax."""

    def careful_judge(hunk: Hunk, candidates: Sequence[Candidate[bytes]]) -> list[Judgement]:
        return _suggested(hunk, candidates, judge(hunk, candidates))

    return careful_judge


def _suggested(
    hunk: Hunk, candidates: Sequence[Candidate[bytes]], found: Sequence[Judgement]
) -> list[Judgement]:
    """What comes by syntax needs a measured language and stratum; else it only suggests."""
    known = measured_language(hunk.document) is not None
    return [
        judgement
        if candidate.generator not in BY_LANGUAGE
        else judgement._replace(lower=0.0, evidence=UNMEASURED, provable=False)
        if not known
        else judgement._replace(lower=0.0)
        if measured(candidate.stratum) is None
        else judgement
        for candidate, judgement in zip(candidates, found, strict=True)
    ]


def measured_language(document: Document) -> Language | None:
    """A file's language if its data has proved right on real merges; else it proves nothing."""
    language = document.language
    if language is None:
        return None
    known = language.name in COUNTED_TOGETHER or language.name in languages()
    return language if known else None


def may_use(generator: str, policy: Policy) -> bool:
    """Whether anything that a generator proposes could be used under a policy."""
    if any(f"{trusted}/".startswith(f"{generator}/") for trusted in policy.trust):
        return True
    least = min(policy.apply, policy.commit)
    return any(
        name.startswith(f"{generator}/") and known.lower >= least
        for name, known in precision().items()
    )


def _judge(candidate: Candidate[bytes], *, alone: bool) -> Judgement:
    provable = candidate.provable and alone
    known = measured(candidate.stratum)
    if known is None:
        return Judgement(0.0, 0.0, "not measured on real merges", provable)
    evidence = f"right in {known.right} of {known.seen} real conflicts"
    return Judgement(known.probability, known.lower, evidence, provable)


def measured(stratum: str) -> Measured | None:
    """The stratum's own line, else that of the nearest wider one (``tokens/far`` -> ``tokens``)."""
    table = precision()
    while stratum not in table:
        wider = stratum.rpartition("/")[0]
        if not wider:
            return None
        stratum = wider
    return table[stratum]


@cache
def precision() -> dict[str, Measured]:
    """The measured table, by stratum; what was remembered has a file of its own."""
    return _read(TABLE) | _read(MEMORY)


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
