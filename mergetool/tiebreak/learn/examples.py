"""What mining writes down: one row a conflicted hunk, in Parquet, one file a repository.

A row has all that a judge may look at and what the people made of it. The texts are other people's
code: a data folder stays on the machine that it was mined on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tiebreak.lineage import Past, Trace
from tiebreak.ranker.elsewhere import Elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SUFFIX: Final = ".parquet"
COUNTS: Final = b"tiebreak.counts"  # key of the file's metadata: what was left out, by reason


class Proposal(NamedTuple):
    """One candidate of a hunk; `equal` to the people's resolution, modulo white space."""

    generator: str
    stratum: str
    provable: bool
    drops: int  # edits it says it leaves out
    value: bytes
    equal: bool


class Example(NamedTuple):
    """One conflict: where, its texts and surroundings, the candidates, and the resolution."""

    repo: str
    merge: str
    time: int  # of the merge commit, seconds since 1970
    path: str
    language: str
    number: int  # of the hunk in its file, from 0
    hunks: int  # in conflict in this file
    files: int  # in conflict in this merge
    ours_regions: int  # of this file, that only ours changed
    theirs_regions: int
    whole: str  # the parent whose file was committed as it is, or empty
    digest: str  # of the texts without white space, for duplicates
    before: bytes  # the merged lines before the hunk, as many as a judge may see
    after: bytes
    base: bytes
    ours: bytes
    theirs: bytes
    resolution: bytes
    proposals: tuple[Proposal, ...]
    past: Past | None = None  # what the history says of the sides
    elsewhere: Elsewhere | None = None  # the rest of the file


_PROPOSAL = pa.struct(
    [
        ("generator", pa.string()),
        ("stratum", pa.string()),
        ("provable", pa.bool_()),
        ("drops", pa.int32()),
        ("value", pa.binary()),
        ("equal", pa.bool_()),
    ]
)
_TRACE: Final = pa.struct(
    [
        ("commits", pa.int32()),
        ("authors", pa.int32()),
        ("newest", pa.int64()),
        ("whole", pa.bool_()),
        ("text", pa.bool_()),
        ("added", pa.int32()),
        ("stale", pa.list_(pa.binary())),
    ]
)
_BAG: Final = pa.list_(pa.struct([("thing", pa.binary()), ("counts", pa.list_(pa.int32()))]))
_BAGS: Final = ("words", "lines")
_PAIR: Final = pa.list_(pa.int64())
_ELSEWHERE: Final = pa.struct(
    [
        ("words", _BAG),
        ("lines", _BAG),
        ("size", pa.int64()),
        ("before", pa.int64()),
        ("alone", _PAIR),
        ("added", _PAIR),
        ("gone", _PAIR),
    ]
)
SCHEMA: Final = pa.schema(
    [
        ("repo", pa.string()),
        ("merge", pa.string()),
        ("time", pa.int64()),
        ("path", pa.string()),
        ("language", pa.string()),
        ("number", pa.int32()),
        ("hunks", pa.int32()),
        ("files", pa.int32()),
        ("ours_regions", pa.int32()),
        ("theirs_regions", pa.int32()),
        ("whole", pa.string()),
        ("digest", pa.string()),
        ("before", pa.binary()),
        ("after", pa.binary()),
        ("base", pa.binary()),
        ("ours", pa.binary()),
        ("theirs", pa.binary()),
        ("resolution", pa.binary()),
        ("proposals", pa.list_(_PROPOSAL)),
        ("past", pa.struct([("ours", _TRACE), ("theirs", _TRACE)])),
        ("elsewhere", _ELSEWHERE),
    ]
)


def write(path: Path, examples: Iterable[Example], counts: dict[str, int]) -> None:
    """Write a repository's examples; the file appears when it is complete."""
    import json

    rows = [
        {
            **row._asdict(),
            "proposals": [proposal._asdict() for proposal in row.proposals],
            "past": row.past and {side: _plain(t) for side, t in row.past._asdict().items()},
            "elsewhere": row.elsewhere and _bags(row.elsewhere),
        }
        for row in examples
    ]
    schema = SCHEMA.with_metadata({COUNTS: json.dumps(counts, sort_keys=True).encode()})
    unfinished = path.with_suffix(".part")
    pq.write_table(pa.Table.from_pylist(rows, schema), unfinished, compression="zstd")
    unfinished.replace(path)


def _plain(trace: Trace) -> dict[str, object]:
    return {**trace._asdict(), "stale": sorted(trace.stale)}


def _trace(row: dict[str, Any]) -> Trace:
    return Trace(**{**row, "stale": frozenset(row["stale"])})


def _bags(elsewhere: Elsewhere) -> dict[str, object]:
    return {
        **elsewhere._asdict(),
        **{
            name: [{"thing": t, "counts": counts} for t, counts in getattr(elsewhere, name).items()]
            for name in _BAGS
        },
    }


def _elsewhere(row: Mapping[str, Any]) -> Elsewhere:
    bags = {name: {one["thing"]: tuple(one["counts"]) for one in row[name]} for name in _BAGS}
    pairs = {name: tuple(row[name]) for name in ("alone", "added", "gone")}
    return Elsewhere(**{**row, **bags, **pairs})


def read(path: Path) -> Iterator[Example]:
    """The examples of one file, in the order in which they were mined."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
        for row in batch.to_pylist():
            proposals = tuple(Proposal(**proposal) for proposal in row.pop("proposals"))
            sides = row.pop("past", None)
            past = sides and Past(_trace(sides["ours"]), _trace(sides["theirs"]))
            around = row.pop("elsewhere", None)
            elsewhere = around and _elsewhere(around)
            yield Example(**row, proposals=proposals, past=past, elsewhere=elsewhere)


def read_counts(path: Path) -> dict[str, int]:
    """What mining counted in this repository."""
    import json

    metadata = pq.read_schema(path).metadata or {}
    found: dict[str, int] = json.loads(metadata.get(COUNTS, b"{}"))
    return found


def files(data: Path) -> list[Path]:
    """The files of a data folder, by name."""
    return sorted(data.glob(f"*{SUFFIX}"))


def read_all(data: Path) -> Iterator[Example]:
    """The examples of a data folder; one that repeats an earlier one (forks) is left out."""
    seen: set[str] = set()
    for path in files(data):
        for example in read(path):
            if example.digest not in seen:
                seen.add(example.digest)
                yield example
