"""Generators propose resolutions of a hunk. One module each: ``generate(hunk)`` yields candidates.

The table's order matters where two generators propose the same text: the first names it, so the
more precise come first.
"""

from __future__ import annotations

from typing import Final

from tiebreak.text.generators import (
    adjacent,
    combos,
    identical,
    imports,
    keyed,
    renames,
    sets,
    sides,
    structure,
    subsumed,
    tokens,
    versions,
    whitespace,
)

GENERATORS: Final = (
    ("identical", identical.generate),
    ("whitespace", whitespace.generate),
    ("imports", imports.generate),
    ("sets", sets.generate),
    ("keyed", keyed.generate),
    ("subsumed", subsumed.generate),
    ("adjacent", adjacent.generate),
    ("renames", renames.generate),
    ("tokens", tokens.generate),
    ("versions", versions.generate),
    ("adjacent-others", adjacent.generate_others),
    ("structure", structure.generate),
    ("sides", sides.generate),
    ("combos", combos.generate),
)
