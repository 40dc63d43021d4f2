"""Files that a program writes: lock files. Their contents depend on each other.

A lock file that was put together from two is one that no resolver ever made. Git's own line merge
stays as it is; what is in conflict is for the program to write anew, so nothing is done with it.
"""

from __future__ import annotations

from typing import Final

NAMES: Final = frozenset(
    {
        "Cargo.lock",
        "Gemfile.lock",
        "Gopkg.lock",
        "Pipfile.lock",
        "Podfile.lock",
        "bun.lock",
        "composer.lock",
        "deno.lock",
        "flake.lock",
        "mix.lock",
        "npm-shrinkwrap.json",
        "package-lock.json",
        "packages.lock.json",
        "paket.lock",
        "pdm.lock",
        "pnpm-lock.yaml",
        "poetry.lock",
        "pubspec.lock",
        "uv.lock",
        "yarn.lock",
    }
)


def is_generated(path: str) -> bool:
    """Whether a file is one that no resolver should put together."""
    return path.rpartition("/")[2] in NAMES
