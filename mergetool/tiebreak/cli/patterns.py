"""Attribute patterns for what tiebreak merges: what ``install`` writes by default."""

from __future__ import annotations


def default_patterns() -> list[str]:
    """Patterns for the files of every known language, sorted for reading, and for checkpoints."""
    from tiebreak.git.install import CHECKPOINTS
    from tiebreak.text.language_table import EXTENSIONS, FILE_NAMES

    patterns = {f"*{extension}" for extension in EXTENSIONS} | set(FILE_NAMES)
    languages = sorted(patterns, key=lambda pattern: (pattern.lower(), pattern))
    return [*languages, f"*{CHECKPOINTS}"]
