"""``python -m tiebreak.learn.mergebert.evaluate DATA PREDICTIONS -o RECORDS``: what is right.

Labellings become texts again, which are compared with what people committed, modulo white space.
RECORDS gets one JSON line a hunk: digest, whether the first suggestion is right, the rank of the
first that is (0: none), the probability of the first, and what results are broken down by.

The syntax check that the published system puts behind the network (it drops under 3 % of the
suggestions) is left out.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from tiebreak.learn.examples import read_all
from tiebreak.learn.locate import normalised
from tiebreak.learn.mergebert.labels import resolved
from tiebreak.learn.mergebert.prepare import part_of, prepared
from tiebreak.learn.mergebert.strata import stratum_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tiebreak.learn.examples import Example

    Ranked = list[tuple[list[int], float]]

PARTS: Final = ("train", "develop", "calibration", "report")  # in the order of `arrays`
PRECISIONS: Final = (0.90, 0.95, 0.98)
BEST_OF: Final = 3


class Record(NamedTuple):
    """One hunk: what was suggested for it, and how good that was."""

    digest: str
    repo: str
    language: str
    stratum: str
    whole: str
    conflicts: int  # token sub-conflicts; 0: the merge of tokens was clean
    expressible: bool  # by the nine labels, or by the clean merge
    correct: bool
    rank: int
    confidence: float


def record_of(example: Example, ranked: Ranked) -> Record:
    """Compare the suggestions for a hunk, best first, with its resolution."""
    hunk = prepared(example)
    wanted = normalised(example.resolution)
    right = [normalised(resolved(hunk.parts, labels)) == wanted for labels, _ in ranked]
    return Record(
        digest=example.digest,
        repo=example.repo,
        language=example.language,
        stratum=stratum_of(example),
        whole=example.whole,
        conflicts=len(ranked[0][0]),
        expressible=hunk.labels is not None,
        correct=right[0],
        rank=right.index(True) + 1 if True in right else 0,
        confidence=math.exp(ranked[0][1]),
    )


def coverage_at(records: Sequence[Record], precision: float) -> float:
    """The largest share of hunks, the surest first, of which `precision` are right.

    The threshold is chosen on the records themselves; equally sure hunks are taken together.
    """
    ordered = sorted(records, key=lambda record: -record.confidence)
    best = right = 0
    for index, record in enumerate(ordered):
        right += record.correct
        last = index + 1 == len(ordered) or ordered[index + 1].confidence < record.confidence
        if last and right >= precision * (index + 1):
            best = index + 1
    return best / max(len(ordered), 1)


def summary(records: Sequence[Record]) -> Iterator[str]:
    """Accuracy over all and by language, kind, sub-conflicts and files taken whole."""
    yield f"{'':32}{'hunks':>7}{'oracle':>8}{'top-1':>8}{'top-3':>8}"
    yield _line("all", records)
    yield _line("not in files taken whole", [r for r in records if not r.whole])
    for field in ("language", "stratum", "conflicts"):
        groups: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            groups[_named(record, field)].append(record)
        for name, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
            yield _line(f"  {field} {name}", group)
    for precision in PRECISIONS:
        yield f"{100 * precision:.0f} % right on {100 * coverage_at(records, precision):.1f} %"


def _named(record: Record, field: str) -> str:
    if field == "conflicts":
        return str(record.conflicts) if record.conflicts < BEST_OF else f"{BEST_OF} or more"
    return str(getattr(record, field))


def _line(name: str, records: Sequence[Record]) -> str:
    count = max(len(records), 1)
    oracle = sum(record.expressible for record in records)
    first = sum(record.correct for record in records)
    third = sum(0 < record.rank <= BEST_OF for record in records)
    shares = "".join(f"{100 * found / count:8.1f}" for found in (oracle, first, third))
    return f"{name:32}{len(records):7}{shares}"


def read_predictions(path: Path) -> dict[str, Ranked]:
    """The ranked labellings of each hunk, by digest."""
    with path.open(encoding="utf-8") as file:
        return {found["digest"]: found["ranked"] for found in map(json.loads, file)}


def write_records(path: Path, records: Iterable[Record]) -> None:
    """One JSON line a hunk."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record._asdict()) + "\n" for record in records)


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("predictions", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@click.option("--part", type=click.Choice(PARTS), default="calibration", show_default=True)
def main(data: Path, predictions: Path, output: Path, part: str) -> None:
    """Evaluate the PREDICTIONS for the hunks of DATA that are for one part."""
    ranked = read_predictions(predictions)
    report = part == PARTS[-1]
    wanted = [
        example for example in read_all(data) if PARTS[part_of(example.repo, report=report)] == part
    ]
    records = [record_of(e, ranked[e.digest]) for e in wanted if e.digest in ranked]
    if len(records) < len(wanted):
        click.echo(f"without a prediction, left out: {len(wanted) - len(records)} hunks")
    write_records(output, records)
    click.echo("\n".join(summary(records)))


if __name__ == "__main__":
    main()
