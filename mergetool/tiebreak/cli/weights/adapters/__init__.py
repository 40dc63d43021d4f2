"""``tiebreak weights adapters``: LoRA adapters, from their files alone."""

from __future__ import annotations

from typing import Final

import click

from tiebreak.cli.dispatch import Commands

COMMANDS: Final = {
    "merge": "tiebreak.cli.weights.adapters.merge",
    "extract": "tiebreak.cli.weights.adapters.extract",
    "apply": "tiebreak.cli.weights.adapters.apply",
}


@click.command(cls=Commands, table=COMMANDS)
def command() -> None:
    """Merge, apply and extract LoRA adapters.

    An adapter is a folder that PEFT wrote: adapter_model.safetensors and adapter_config.json; also
    one of a commit, as REV:PATH. The base model is never loaded.
    """
