"""Count what replay recorded: by language, by stratum, by risk. `tables` prints it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tiebreak.learn.intervals import clustered_lower, wilson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from records import CandidateRecord, HunkRecord

DONE = ("commit", "apply")  # what the tool does by itself
COVERAGES = (1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100)  # % of the hunks
PRECISIONS = (99, 98, 95, 90, 80, 70)  # %


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a group of hunks whose human resolution is known."""

    name: str
    hunks: int
    committed: int
    applied: int
    equal: int  # of the committed and applied: equal to the people's
    suggested: int
    left: int  # no candidate at all
    reach: int  # hunks for which some surviving candidate is right

    @property
    def done(self) -> int:
        """Hunks resolved without asking."""
        return self.committed + self.applied


@dataclass(frozen=True, slots=True)
class Stratum:
    """How the proposals of a generator or stratum fared."""

    name: str
    proposed: int
    vetoed: int
    vetoed_right: int  # right, and refused all the same
    right: int  # of those that passed the checks
    top: int  # hunks for which it was offered first
    top_right: int
    repositories: int
    lower: float  # one-sided 95 % bound of the share right when first, clustered by repository

    @property
    def passed(self) -> int:
        """Proposals that no check refused."""
        return self.proposed - self.vetoed


@dataclass(frozen=True, slots=True)
class Risk:
    """One point of the risk-coverage curve."""

    coverage: float  # share of all hunks
    probability: float  # the judge's, of the least certain hunk covered
    precision: float
    low: float  # Wilson 95 %
    high: float


def located(hunks: Iterable[HunkRecord]) -> list[HunkRecord]:
    """The hunks whose human resolution was found."""
    return [hunk for hunk in hunks if not hunk.dropped]


def without_whole(hunks: Iterable[HunkRecord]) -> list[HunkRecord]:
    """Leave out files that were committed exactly as one parent had them."""
    return [hunk for hunk in hunks if not hunk.whole]


def outcomes(hunks: Sequence[HunkRecord], group: Callable[[HunkRecord], str]) -> list[Outcome]:
    """One outcome per group, largest first."""
    groups: defaultdict[str, list[HunkRecord]] = defaultdict(list)
    for hunk in hunks:
        groups[group(hunk)].append(hunk)
    return sorted(
        (outcome(name, members) for name, members in groups.items()),
        key=lambda row: (-row.hunks, row.name),
    )


def outcome(name: str, hunks: Sequence[HunkRecord]) -> Outcome:
    """What became of these hunks."""
    actions = Counter(hunk.action for hunk in hunks)
    return Outcome(
        name=name,
        hunks=len(hunks),
        committed=actions["commit"],
        applied=actions["apply"],
        equal=sum(hunk.action in DONE and _right(hunk) for hunk in hunks),
        suggested=actions["suggest"],
        left=actions["leave"],
        reach=sum(any(c.equal for c in hunk.survivors) for hunk in hunks),
    )


def _right(hunk: HunkRecord) -> bool:
    return hunk.top is not None and hunk.top.equal


def strata(hunks: Sequence[HunkRecord], name: Callable[[CandidateRecord], str]) -> list[Stratum]:
    """One row per stratum (or generator: `name` says which), most often first on offer first."""
    proposals: defaultdict[str, list[CandidateRecord]] = defaultdict(list)
    tops: defaultdict[str, list[HunkRecord]] = defaultdict(list)
    for hunk in hunks:
        for candidate in hunk.candidates:
            proposals[name(candidate)].append(candidate)
        if hunk.top is not None:
            tops[name(hunk.top)].append(hunk)
    rows = [_stratum(key, proposals[key], tops[key]) for key in proposals]
    return sorted(rows, key=lambda row: (-row.top, -row.proposed, row.name))


def _stratum(
    name: str, candidates: Sequence[CandidateRecord], tops: Sequence[HunkRecord]
) -> Stratum:
    return Stratum(
        name=name,
        proposed=len(candidates),
        vetoed=sum(bool(c.veto) for c in candidates),
        vetoed_right=sum(bool(c.veto) and c.equal for c in candidates),
        right=sum(not c.veto and c.equal for c in candidates),
        top=len(tops),
        top_right=sum(map(_right, tops)),
        repositories=len({hunk.repo for hunk in tops}),
        lower=clustered_lower(by_repository((hunk.repo, _right(hunk)) for hunk in tops)),
    )


def by_repository(pairs: Iterable[tuple[str, bool]]) -> list[tuple[int, int]]:
    """``(right, seen)`` of each repository, by its name."""
    counts: defaultdict[str, list[bool]] = defaultdict(list)
    for repo, right in pairs:
        counts[repo].append(right)
    return [(sum(counts[repo]), len(counts[repo])) for repo in sorted(counts)]


def vetoes(hunks: Iterable[HunkRecord]) -> list[tuple[str, int, int]]:
    """Per check: how many candidates it refused, and how many of those were right."""
    refused, right = Counter[str](), Counter[str]()
    for hunk in hunks:
        for candidate in hunk.candidates:
            refused[candidate.veto] += 1
            right[candidate.veto] += candidate.equal
    return [(name, refused[name], right[name]) for name in sorted(refused) if name]


def risk_coverage(hunks: Sequence[HunkRecord]) -> list[Risk]:
    """The precision of the first `COVERAGES` % of the hunks, the judge's surest first.

    Hunks with no candidate count in the coverage's denominator, so the curve ends where the
    candidates do. Ties are broken by the bound, then by the hunk's hash: never by what is right.
    """
    ranked = _surest_first(hunks)
    wanted = [round(len(hunks) * share / 100) for share in COVERAGES]
    sizes = sorted({size for size in [*wanted, len(ranked)] if 0 < size <= len(ranked)})
    right = [0]
    for hunk in ranked:
        right.append(right[-1] + _right(hunk))
    return [_risk(ranked, right, size, len(hunks)) for size in sizes]


def coverage_at(hunks: Sequence[HunkRecord]) -> list[tuple[int, float]]:
    """For each of `PRECISIONS` the largest share of the hunks that can be covered at it."""
    ranked, right = _surest_first(hunks), 0
    best = dict.fromkeys(PRECISIONS, 0)
    for size, hunk in enumerate(ranked, 1):
        right += _right(hunk)
        for percent in PRECISIONS:
            if right * 100 >= percent * size:
                best[percent] = size
    return [(percent, best[percent] / max(1, len(hunks))) for percent in PRECISIONS]


def _surest_first(hunks: Sequence[HunkRecord]) -> list[HunkRecord]:
    offered = [(hunk.top, hunk) for hunk in hunks if hunk.top is not None]
    offered.sort(key=lambda pair: (-pair[0].probability, -pair[0].lower, pair[1].digest))
    return [hunk for _, hunk in offered]


def _risk(ranked: Sequence[HunkRecord], right: Sequence[int], size: int, hunks: int) -> Risk:
    low, high = wilson(right[size], size)
    last = ranked[size - 1].top
    probability = last.probability if last else 0.0
    return Risk(size / hunks, probability, right[size] / size, low, high)


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """How long files took, from the ordinary to the worst."""
    ordered = sorted(seconds) or [0.0]
    shares = {"median": 0.5, "90 %": 0.9, "99 %": 0.99, "longest": 1.0}
    last = len(ordered) - 1
    return {name: ordered[min(last, int(share * len(ordered)))] for name, share in shares.items()}


def summary(hunks: Sequence[HunkRecord]) -> dict[str, object]:
    """Everything above for JSON, with and without files taken whole from one parent."""
    known = located(hunks)
    dropped = Counter(hunk.dropped for hunk in hunks if hunk.dropped)
    views = {"all": known, "without_whole_files": without_whole(known)}
    return {
        "hunks": len(hunks),
        "dropped": dict(sorted(dropped.items())),
        **{name: _view(members) for name, members in views.items()},
    }


def _view(hunks: Sequence[HunkRecord]) -> dict[str, object]:
    return {
        "total": asdict(outcome("total", hunks)),
        "languages": [asdict(row) for row in outcomes(hunks, lambda hunk: hunk.language)],
        "repositories": [asdict(row) for row in outcomes(hunks, lambda hunk: hunk.repo)],
        "generators": [asdict(row) for row in strata(hunks, lambda c: c.generator)],
        "strata": [asdict(row) for row in strata(hunks, lambda c: c.stratum)],
        "vetoes": [
            dict(zip(("check", "refused", "right"), row, strict=True)) for row in vetoes(hunks)
        ],
        "risk_coverage": [asdict(point) for point in risk_coverage(hunks)],
        "coverage_at_precision": dict(coverage_at(hunks)),
    }
