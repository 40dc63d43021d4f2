"""What a repository's own merges add to the shipped model: a small correction, and lower bounds.

    own.npy     boosted trees over what a candidate is and how conflicts were settled here before
    about.json  how they were settled, calibrations, the figures it was kept for, two digests

Both are in ``<common git dir>/tiebreak/judge``, where no file of a merged tree gets. The digests
say which shipped model is corrected, and which trees belong to the file: anything else is refused.

The correction is added to the log-odds of the second look. It orders candidates and says how likely
each is; it has no better bound than the shipped model at the same score, and never makes a proof.
"""

from __future__ import annotations

import json
import os
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from tiebreak.errors import InputError
from tiebreak.ranker import calibration, trees
from tiebreak.ranker.company import described, opposite
from tiebreak.ranker.model import FILES, folder
from tiebreak.ranker.odds import corrected, log_odds
from tiebreak.ranker.situation import SITUATIONS
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tiebreak.ranker.calibration import Calibration
    from tiebreak.ranker.trees import Node

FOLDER: Final = os.path.join("tiebreak", "judge")
TREES: Final = "own.npy"
ABOUT: Final = "about.json"
UNFINISHED: Final = ".part"
MEND: Final = (
    "`tiebreak learn train --from shipped` learns anew, `tiebreak learn train --forget` removes it"
)
ALL: Final = "all"  # the habit of the whole repository
FEW: Final = 5.0  # merges that a share needs to weigh as much as the wider one behind it
COLUMNS: Final = 9  # of a row

Habit = tuple[float, float, float]  # how much was settled as ours is, as theirs is, otherwise
NOTHING: Final[Habit] = (0.0, 0.0, 0.0)
THIRDS: Final[Habit] = (1 / 3, 1 / 3, 1 / 3)


def places(path: str) -> tuple[str, str, str]:
    """What the habits of a file are looked up by: everything, its top folder, its ending."""
    top, slash, _ = path.partition("/")
    return ALL, f"folder {top if slash else ''}", f"ending {os.path.splitext(path)[1]}"


def shares(habits: Mapping[str, Habit], path: str) -> tuple[Habit, Habit, Habit]:
    """The shares of the kinds in the repository, the folder and the ending of a file.

    Little that was seen leans on the repository, and the repository on nothing: a third each.
    """
    everywhere, *narrow = (habits.get(place, NOTHING) for place in places(path))
    whole = _leaning(everywhere, THIRDS)
    folder_, ending = (_leaning(habit, whole) for habit in narrow)
    return whole, folder_, ending


def _leaning(habit: Habit, on: Habit) -> Habit:
    seen = sum(habit) + FEW
    ours, theirs, other = ((a + FEW * b) / seen for a, b in zip(habit, on, strict=True))
    return ours, theirs, other


def rows(
    odds: Sequence[float], kinds: Sequence[int], habits: tuple[Habit, Habit, Habit]
) -> list[list[float]]:
    """One row of `COLUMNS` numbers a candidate: what it is, and how its kind fared before."""
    around = [
        [number for habit in habits for number in (habit[kind], opposite(kind, habit))]
        for kind in kinds
    ]
    return described(odds, kinds, around)


class Own:
    """A correction that is ready to use."""

    def __init__(
        self,
        nodes: Iterable[Node],
        habits: Mapping[str, Habit],
        calibrations: Mapping[str, Calibration],
    ) -> None:
        """`nodes` are the trees; `calibrations` those of the corrected scores, by situation."""
        self._trees, self._habits, self._calibrations = trees.Trees(nodes), habits, calibrations

    def tables(self, shipped: Mapping[str, Calibration], situation: str) -> Calibration:
        """What corrected scores stand for; bounds are those of the shipped model at most."""
        return self._calibrations[situation]._replace(most=shipped[situation])

    def every_table(self, shipped: Mapping[str, Calibration]) -> dict[str, Calibration]:
        """The same in every situation."""
        return {situation: self.tables(shipped, situation) for situation in shipped}

    def corrected(self, scores: Sequence[float], kinds: Sequence[int], path: str) -> list[float]:
        """The scores of one hunk's candidates, as people settle conflicts here."""
        odds = [log_odds(score) for score in scores]
        return corrected(odds, self._trees, rows(odds, kinds, shares(self._habits, path)))


class Kept(NamedTuple):
    """What is in the folder beside the trees."""

    merges: int  # that it learned from
    figures: str  # that it was kept for, in words
    habits: dict[str, Habit]
    calibrations: dict[str, Calibration]


def where(common_dir: str) -> str:
    """The folder of a repository's own judge; `common_dir` is the common git directory."""
    return os.path.join(common_dir, FOLDER)


def exists(common_dir: str) -> bool:
    """Whether the repository has a judge of its own, fit for use or not."""
    return os.path.isdir(where(common_dir))


def read(common_dir: str) -> Kept:
    """Read and check what was kept; `InputError` where it is damaged or for another model."""
    here = where(common_dir)
    try:
        with open(os.path.join(here, ABOUT), "rb") as file:
            about: dict[str, Any] = json.load(file)
        if about["model"] != digest(folder(), FILES):
            raise InputError(f"{here} was made for another shipped model")
        whole = about["trees"] == digest(here, [TREES])
        habits = {place: _habit(habit) for place, habit in about["habits"].items()}
        tables = {one: _calibration(about["calibrations"][one]) for one in SITUATIONS}
        found = Kept(int(about["merges"]), str(about["figures"]), habits, tables)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{here} cannot be read ({type(error).__name__})") from error
    if not whole:
        raise InputError(f"{here} is damaged: {TREES} is not the file that {ABOUT} names")
    return found


def load(common_dir: str) -> Own:
    """The repository's own judge; `InputError` as in `read`."""
    kept = read(common_dir)
    try:
        nodes = trees.read(os.path.join(where(common_dir), TREES))
    except (OSError, ValueError) as error:
        raise InputError(f"{where(common_dir)} cannot be read ({error})") from error
    if not _walkable(nodes):
        raise InputError(f"{where(common_dir)} is damaged: {TREES} holds no trees")
    return Own(nodes, kept.habits, kept.calibrations)


def _walkable(nodes: Sequence[Node]) -> bool:
    """Whether every walk ends: a node leads to later ones, or is a leaf and leads to itself."""
    return bool(nodes) and all(
        (left == right == at or (at < left < len(nodes) and at < right < len(nodes)))
        and 0 <= feature < COLUMNS
        and isfinite(threshold)
        and isfinite(value)
        for at, (feature, threshold, left, right, value) in enumerate(nodes)
    )


def _habit(found: Any) -> Habit:
    ours, theirs, other = (float(number) for number in found)
    if not all(isfinite(n) and n >= 0 for n in (ours, theirs, other)):
        raise ValueError(found)
    return ours, theirs, other


def _calibration(found: Mapping[str, Any]) -> Calibration:
    tables = calibration.from_json(found)
    numbers = [tables.doubt, *(n for row in (*tables.knots, *tables.steps) for n in row)]
    rising = list(tables.knots) == sorted(tables.knots)
    if not (tables.knots and rising and all(isfinite(number) for number in numbers)):
        raise ValueError(found)
    return tables


def digest(place: str, names: Sequence[str]) -> str:
    """A digest of some files of a folder."""
    import hashlib

    found = hashlib.blake2b(digest_size=16)
    for name in names:
        with open(os.path.join(place, name), "rb") as file:
            content = file.read()
        found.update(b"%s %d\0" % (name.encode(), len(content)) + content)
    return found.hexdigest()


def keep(common_dir: str, nodes: Any, kept: Kept) -> None:
    """Store a judge in place of the one that was there.

    Each file is replaced at once; between the two, the digest makes the pair unusable, not wrong.
    """
    import numpy as np

    here = where(common_dir)
    os.makedirs(here, exist_ok=True)
    with open(os.path.join(here, TREES + UNFINISHED), "wb") as file:
        np.save(file, nodes)
    os.replace(os.path.join(here, TREES + UNFINISHED), os.path.join(here, TREES))
    about = {
        **kept._asdict(),
        "model": digest(folder(), FILES),
        "trees": digest(here, [TREES]),
        "calibrations": {one: calibration.to_json(t) for one, t in kept.calibrations.items()},
    }
    with open(os.path.join(here, ABOUT + UNFINISHED), "w", encoding="utf-8") as text:
        json.dump(about, text, indent=1, sort_keys=True)
    os.replace(os.path.join(here, ABOUT + UNFINISHED), os.path.join(here, ABOUT))


def forget(common_dir: str) -> bool:
    """Remove the repository's own judge; whether there was one."""
    import shutil

    there = exists(common_dir)
    if there:
        shutil.rmtree(where(common_dir))
    return there
