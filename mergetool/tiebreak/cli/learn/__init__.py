"""``tiebreak learn``: mining, training and evaluating the learned judge."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import click

from tiebreak.cli.dispatch import Commands
from tiebreak.errors import UsageError

COMMANDS: Final = {
    "mine": "tiebreak.cli.learn.mine",
    "train": "tiebreak.cli.learn.train",
    "evaluate": "tiebreak.cli.learn.evaluate",
}
NEEDS: Final = ("pygit2", "pyarrow", "tokenizers", "torch", "lightgbm", "sklearn", "onnxruntime")


class _LearnCommands(Commands):
    """The commands need what the base installation does not bring; ``--help`` does not."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command, or say what is missing for it."""
        lacking = [name for name in NEEDS if find_spec(name) is None]
        if lacking:
            msg = f"learning needs {', '.join(lacking)}: pip install 'tiebreak[learn]'"
            raise UsageError(msg)
        return super().invoke(ctx)


@click.command(cls=_LearnCommands, table=COMMANDS)
def command() -> None:
    """Mine merges, train the judge that ranks resolutions, and measure how good it is.

    Nothing here is needed to use tiebreak: a trained judge comes with it.
    """
