"""One TOML file per language; what is shipped is `tiebreak.text.language_table`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiebreak.text.language import Language


def shipped() -> list[Language]:
    """Every shipped language, by name."""
    from tiebreak.text.language import from_data
    from tiebreak.text.language_table import LANGUAGES

    return [from_data(name, LANGUAGES[name]) for name in sorted(LANGUAGES)]
