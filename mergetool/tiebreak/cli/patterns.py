"""Attribute patterns for the languages that tiebreak knows: what ``install`` writes by default."""

from __future__ import annotations


def default_patterns() -> list[str]:
    """One pattern for every extension and file name of every language, sorted for reading."""
    from tiebreak.text.language_table import EXTENSIONS, FILE_NAMES

    patterns = {f"*{extension}" for extension in EXTENSIONS} | set(FILE_NAMES)
    return sorted(patterns, key=lambda pattern: (pattern.lower(), pattern))
