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


def in_share(repository: str, share: float) -> bool:
    """Whether a repository is among a share of all: a larger share has those of a smaller one."""
    return hashlib.blake2b(repository.encode()).digest()[1] < share * 256
