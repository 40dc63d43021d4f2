"""Which repositories are held out together: by their names, so that nobody chooses."""

from __future__ import annotations

import hashlib
from typing import Final

FOLDS: Final = 5
TRAIN: Final = "train"
CALIBRATION: Final = "calibration"


def fold_of(repository: str) -> int:
    """The fold of a repository, 0 to `FOLDS` - 1: forks and copies aside, nothing is shared."""
    return hashlib.blake2b(repository.encode()).digest()[0] % FOLDS


def split_of(repository: str) -> str:
    """Where one split is enough: fold 0 calibrates, the others train."""
    return CALIBRATION if fold_of(repository) == 0 else TRAIN
