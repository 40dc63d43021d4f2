"""The packed arrays of `tiebreak.learn.tensors` without their sequences: what reports need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


class Packed(NamedTuple):
    """One row a candidate in `features`, `right` and `kinds`; `counts` says how many a hunk has."""

    features: Any
    right: Any
    counts: Any
    hunks: list[dict[str, Any]]  # digest, repo, language, whole, source, reach, time, merge, file
    names: list[str]  # of the features
    strata: list[str]
    kinds: Any  # the stratum of each row, as its place in `strata`

    @property
    def firsts(self) -> Any:
        """For each hunk the row of its first candidate; one more at the end."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    def rows_of(self, wanted: Any) -> Any:
        """Which rows are of the hunks that are `wanted`."""
        return np.repeat(wanted, self.counts)

    def where(self, wanted: Any) -> Packed:
        """Some of the hunks."""
        rows = self.rows_of(wanted)
        return self._replace(
            features=self.features[rows],
            right=self.right[rows],
            kinds=self.kinds[rows],
            counts=self.counts[wanted],
            hunks=[hunk for hunk, want in zip(self.hunks, wanted, strict=True) if want],
        )


def load(path: Path) -> Packed:
    """Read a file that `tiebreak.learn.tensors.pack` wrote."""
    raw = np.load(path)
    about = json.loads(raw["about"].tobytes())
    return Packed(
        raw["features"],
        raw["right"].astype(bool),
        raw["counts"].astype(np.int64),
        about["hunks"],
        about["features"],
        about["strata"],
        raw["strata"].astype(np.int64),
    )
