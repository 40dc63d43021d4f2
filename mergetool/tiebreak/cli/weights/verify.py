"""``tiebreak weights verify``: whether the files of a checkpoint's folder fit each other."""

from __future__ import annotations

import os

import click

from tiebreak.cli import show
from tiebreak.errors import CONFLICTS, OK, InputError


@click.command("verify")
@click.argument("folder")
def command(folder: str) -> int:
    """Check FOLDER (or REV:PATH): headers, index, config, tokenizer and adapter together.

    Exit code 1 and one line for each finding, with what to do about it.
    """
    from tiebreak.cli.weights.sources import local
    from tiebreak.weights.verify import counts, verify

    with local(folder) as path:
        if not os.path.isdir(path):
            raise InputError(f"{folder}: verify looks at a folder, whose files must fit each other")
        found, (checkpoints, others) = verify(path), counts(path)
    for finding in found:
        click.echo(str(finding))
    if not found:
        files = f"{show.count(checkpoints, 'safetensors file')}, {show.count(others, 'JSON file')}"
        click.echo(f"{files}: nothing is wrong")
    return CONFLICTS if found else OK
