"""``tiebreak weights``: commands for checkpoints, each imported when it is run."""

from __future__ import annotations

import importlib.util
from typing import Final

import click

from tiebreak.cli.dispatch import Commands
from tiebreak.errors import UsageError
from tiebreak.weights.errors import NEEDS_NUMPY

COMMANDS: Final = {
    "show": "tiebreak.cli.weights.show",
    "diff": "tiebreak.cli.weights.diff",
    "verify": "tiebreak.cli.weights.verify",
    "textconv": "tiebreak.cli.weights.textconv",
    "merge": "tiebreak.cli.weights.merge",
    "mergekit": "tiebreak.cli.weights.mergekit",
    "convert": "tiebreak.cli.weights.convert",
    "fisher": "tiebreak.cli.weights.fisher",
    "gram": "tiebreak.cli.weights.gram",
    "adapters": "tiebreak.cli.weights.adapters",
}


class _WeightsCommands(Commands):
    """The commands need what the base installation does not bring; ``--help`` does not."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command, or say what is missing for it."""
        if importlib.util.find_spec("numpy") is None:
            raise UsageError(NEEDS_NUMPY)
        return super().invoke(ctx)


@click.command(cls=_WeightsCommands, table=COMMANDS)
def command() -> None:
    """Look at checkpoints, compare them and check that their files fit.

    A checkpoint is a safetensors file, an index of shards, or a folder with one of them (a model or
    an adapter); in the work tree, anywhere else, or in a commit, as REV:PATH.
    """
