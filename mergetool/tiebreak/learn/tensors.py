"""Examples as arrays: what training needs, and nothing that names anybody's code.

One `.npz` with flat arrays: pieces of sequences, sequences (candidates) of hunks, hunks. It is made
where the texts are and travels to where the accelerator is.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np

from tiebreak.ranker.encoding import Case, Setting, Texts, encode
from tiebreak.ranker.features import names
from tiebreak.ranker.hands import Offer, hold
from tiebreak.text.source import is_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tiebreak.learn.examples import Example
    from tiebreak.ranker.columns import Alignment
    from tiebreak.ranker.encoding import Sequence_
    from tiebreak.ranker.hands import Held

T = TypeVar("T")

PARTS: Final = 8  # of a file, for as many processes: a few repositories have most of the hunks
UNKNOWN_COLUMN: Final = 2  # of the label `kept`: the token is in no version at this place


class Row(NamedTuple):
    """One hunk: its sequences, the labels, and what reports need."""

    digest: str
    repo: str
    merge: str
    path: str
    language: str
    whole: bool
    source: bool
    time: int
    sequences: list[Sequence_]
    kept: list[list[int]]  # for each piece whether the people kept its column
    strata: list[str]
    right: list[bool]
    reach: bool  # whether any proposal was right, those beyond the cap included


def row(example: Example, pieces: Callable[[bytes], list[int]]) -> Row | None:
    """An example as arrays; None where the judge would not judge."""
    offers = [Offer(p.value, p.stratum, p.provable, p.drops) for p in example.proposals]
    held = hold(offers)
    encoded = encode(case_of(example, held), pieces)
    if encoded is None or not held:
        return None
    return Row(
        example.digest,
        example.repo,
        example.merge,
        example.path,
        example.language,
        bool(example.whole),
        is_source(example.path),
        example.time,
        encoded.sequences,
        _kept(encoded.alignment, encoded.sequences, example.resolution),
        [one.hand.stratum for one in held],
        [example.proposals[one.members[0]].equal for one in held],
        any(proposal.equal for proposal in example.proposals),
    )


def case_of(example: Example, held: Sequence[Held]) -> Case:
    """What the judge is shown of an example."""
    return Case(
        Texts(example.base, example.ours, example.theirs),
        example.before,
        example.after,
        Setting(
            example.hunks,
            example.ours_regions,
            example.theirs_regions,
            code=example.language != "(other)",
        ),
        [one.hand for one in held],
        example.past,
        example.elsewhere,
    )


def _kept(
    alignment: Alignment, sequences: Sequence[Sequence_], resolution: bytes
) -> list[list[int]]:
    kept = [*map(int, alignment.kept(resolution)), UNKNOWN_COLUMN]
    return [[kept[column] for column in sequence.columns] for sequence in sequences]


def rows_of(paths: Sequence[Path], vocabulary: Path, jobs: int) -> list[Row]:
    """The rows of data files; a hunk that repeats an earlier one is left out."""
    seen, found = set[str](), list[Row]()
    parts = [(path, part) for path in paths for part in range(PARTS)]
    with ProcessPoolExecutor(jobs) as pool:
        for rows in pool.map(partial(_rows, vocabulary=vocabulary), parts):
            for one in rows:
                if one.digest not in seen:
                    seen.add(one.digest)
                    found.append(one)
    return found


def _rows(place: tuple[Path, int], vocabulary: Path) -> list[Row]:
    path, part = place
    from tiebreak.learn.examples import read
    from tiebreak.learn.extend import extended

    pieces = _pieces(vocabulary)
    own = islice(read(path), part, None, PARTS)
    return [one for example in own if (one := row(extended(example), pieces)) is not None]


@cache
def _pieces(vocabulary: Path) -> Callable[[bytes], list[int]]:
    from tiebreak.ranker.vocabulary import load

    return load(vocabulary)


def pack(rows: Iterable[Row], path: Path, known: Sequence[str] = ()) -> None:
    """Write rows as flat arrays.

    `known` are the strata of the data that a model is trained on, in its order; a stratum that is
    not among them gets the number 0, as at merge time.
    """
    rows = list(rows)
    sequences = [sequence for one in rows for sequence in one.sequences]
    strata = list(known) or ["", *sorted({stratum for one in rows for stratum in one.strata})]
    number = {stratum: index for index, stratum in enumerate(strata)}
    arrays: dict[str, Any] = {
        "pieces": _flat([s.pieces for s in sequences], np.uint16),
        "codes": _flat([s.codes for s in sequences], np.uint8),
        "words": _flat([s.words for s in sequences], np.uint8),
        "seams": _flat([s.seams for s in sequences], np.uint8),
        "kept": _flat([kept for one in rows for kept in one.kept], np.uint8),
        "lengths": np.array([len(s.pieces) for s in sequences], np.uint16),
        "features": np.array([s.features for s in sequences], np.float16),
        "strata": np.array([number.get(s, 0) for one in rows for s in one.strata], np.uint16),
        "right": np.array([right for one in rows for right in one.right], np.uint8),
        "counts": np.array([len(one.sequences) for one in rows], np.uint8),
    }
    merges, places = numbers(one.merge for one in rows), numbers(map(_place, rows))
    about = {
        "features": names(),
        "strata": strata,
        "hunks": [
            {
                "digest": one.digest,
                "repo": one.repo,
                "language": one.language,
                "whole": one.whole,
                "source": one.source,
                "reach": one.reach,
                "time": one.time,
                "merge": merges[one.merge],
                "file": places[_place(one)],
            }
            for one in rows
        ],
    }
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez_compressed(path, **arrays)


def _place(row: Row) -> tuple[str, str]:
    return row.merge, row.path


def numbers(keys: Iterable[T]) -> dict[T, int]:
    """A number for each distinct key, in place of a name."""
    return {key: index for index, key in enumerate(dict.fromkeys(keys))}


def _flat(lists: Iterable[Sequence[int]], kind: Any) -> Any:
    return np.array([value for values in lists for value in values], kind)
