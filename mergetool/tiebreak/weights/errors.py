"""What is raised when a checkpoint cannot be used as it is."""

from __future__ import annotations

from typing import Final

from tiebreak.errors import InputError

NEEDS_NUMPY: Final = "merging checkpoints needs numpy: pip install 'tiebreak[weights]'"


class CheckpointError(InputError):
    """One line: which file, which tensor, what was found, what was expected."""


def shown(text: str, limit: int = 120) -> str:
    """A name from a file that is not trusted, for use in a message: one line, no control codes."""
    plain = text if text.isprintable() else ascii(text)[1:-1]
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."
