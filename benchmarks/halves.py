"""Which repositories tune and which report: a fixed rule, so that nobody can choose.

The names of `repositories.txt`, sorted, alternate: first tuning, second report, and so on. Whatever
is measured on one half is only claimed for the other.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

HALVES = ("tuning", "report")
NAMES = Path(__file__).with_name("repositories.txt")


def half_of(repository: str) -> str:
    """``tuning`` or ``report``; empty for a repository that is not on the list."""
    return split().get(repository, "")


@cache
def split() -> dict[str, str]:
    """The half of every repository on the list, by name."""
    lines = NAMES.read_text(encoding="utf-8").splitlines()
    names = sorted(line for line in lines if line and not line.startswith("#"))
    return {name: HALVES[place % 2] for place, name in enumerate(names)}


if __name__ == "__main__":
    for name, half in split().items():
        print(f"{half}\t{name}")
