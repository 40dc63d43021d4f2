"""Names for what tensors hold, short enough for a journal and for a line of `git diff`.

A digest is that of a tensor's bytes alone, so that anyone can compute it; dtype and shape stand
beside it wherever it is shown. It tells versions apart and finds accidents; against somebody who
makes files to deceive, git's own object names are what counts.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from tiebreak.weights.checkpoint import open_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

SIZE: Final = 8  # bytes


def digest(raw: memoryview | bytes) -> str:
    """BLAKE2b of 8 bytes, in hex: what `tiebreak weights textconv` ends its lines with."""
    return blake2b(raw, digest_size=SIZE).hexdigest()


def digests_of(file: str, names: Iterable[str]) -> dict[str, str]:
    """The digests of the tensors of these names that a checkpoint has, in threads.

    Opening it checks its header once more: it is what was written.
    """
    with open_checkpoint(file) as found, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        present = [name for name in names if name in found]
        values = pool.map(lambda name: digest(found.raw(name)), present)
        return dict(zip(present, values, strict=True))
