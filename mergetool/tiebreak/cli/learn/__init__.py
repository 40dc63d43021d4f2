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
    "remember": "tiebreak.cli.learn.remember",
}
REMEMBER_NEEDS: Final = ("pygit2", "rich")
NEEDS: Final = ("pygit2", "pyarrow", "tokenizers", "torch", "lightgbm", "sklearn", "onnxruntime")


class _LearnCommands(Commands):
    """The commands need what the base installation does not bring; ``--help`` does not."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command to run, or what is missing for it."""
        found = super().resolve_command(ctx, args)
        needs = REMEMBER_NEEDS if found[0] == "remember" else NEEDS
        lacking = [name for name in needs if find_spec(name) is None]
        if lacking:
            msg = f"learning needs {', '.join(lacking)}: pip install 'tiebreak[learn]'"
            raise UsageError(msg)
        return found


@click.command(cls=_LearnCommands, table=COMMANDS)
def command() -> None:
    """Mine merges, train the judge that ranks resolutions, and measure how good it is.

    Nothing here is needed to use tiebreak: a trained judge comes with it. `remember` reads how the
    conflicts of this repository were resolved, so that the same can be offered again.
    """
