"""What became of every module of an adapter that was written, for people and for programs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from tiebreak.cli import show
from tiebreak.cli.weights.wording import extent, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.adapters.stored import Stored


def report(output: str, stored: Sequence[Stored], whole: Sequence[str], *, as_json: bool) -> None:
    """Print a line for each module: its rank, the norm of its change, and what was lost of it.

    `whole` are the tensors that are stored as they are.
    """
    from tiebreak.weights.errors import shown

    total = math.hypot(*(one.norm for one in stored))
    lost = math.hypot(*(one.norm * one.error for one in stored)) / total if total else 0.0
    if as_json:
        import json

        modules = [
            {
                "name": one.place.module,
                "shape": list(one.shape),
                "rank": one.rank,
                "norm": one.norm,
                "error": one.error,
            }
            for one in stored
        ]
        about = {"format": 1, "output": output, "norm": total, "error": lost}
        click.echo(json.dumps({**about, "modules": modules, "whole": list(whole)}, indent=2))
        return
    rows = [
        (shown(one.place.module), extent(one.shape), *_numbers(one.rank, one.norm, one.error))
        for one in stored
    ]
    most = max(one.rank for one in stored)
    rows.append(("all", show.count(len(stored), "module"), *_numbers(most, total, lost)))
    head = ("module", "change", "rank", "norm", "relative error")
    click.echo("\n".join(show.columns([head, *rows])))
    if whole:
        click.echo(f"stored as a whole: {', '.join(map(shown, whole))}")


def _numbers(rank: int, norm: float, error: float) -> tuple[str, str, str]:
    return str(rank), measure(norm), f"{error:.3g}"
