"""Which repositories a model learns from, and which its probabilities are calibrated on."""

from __future__ import annotations

import hashlib
from typing import Final

TRAIN: Final = "train"
CALIBRATION: Final = "calibration"
_PARTS: Final = 5  # one of them is for calibration


def split_of(repo: str) -> str:
    """The part of a repository, by a hash of its name, so that it never changes with the data."""
    first = hashlib.blake2b(repo.encode()).digest()[0]
    return CALIBRATION if first % _PARTS == 0 else TRAIN
