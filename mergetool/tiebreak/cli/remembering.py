"""Where a merge finds what was resolved before: the memories of its repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.git import settings
from tiebreak.memory import Shelf

if TYPE_CHECKING:
    from tiebreak.git.settings import Config
    from tiebreak.text.recall import Find


def remembered(config: Config, common_dir: str) -> Find | None:
    """The look-up by digest; None where nothing was remembered, or the user wants none of it."""
    if not settings.memory(config):
        return None
    shelf = Shelf(common_dir)
    return shelf.find if shelf.exists() else None
