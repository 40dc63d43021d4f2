"""A bar with the remaining time, where somebody watches."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar


def bar(length: int, label: str) -> ProgressBar[int]:
    """For a ``with`` statement. Where standard error is no terminal nothing is shown."""
    file = sys.stderr if sys.stderr.isatty() else io.StringIO()
    return click.progressbar(length=length, label=label, file=file)
