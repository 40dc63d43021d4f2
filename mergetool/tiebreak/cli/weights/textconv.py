"""``tiebreak weights textconv``: a checkpoint as text, for `git diff` (`tiebreak install`)."""

from __future__ import annotations

import click


@click.command("textconv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def command(file: str) -> None:
    """Print one line for each tensor of FILE, the same for the same content.

    What is no checkpoint is described in a line too: `git diff` must not fail on it.
    """
    from tiebreak.weights.checkpoint import open_checkpoint
    from tiebreak.weights.errors import CheckpointError, shown
    from tiebreak.weights.lfs import LONGEST_POINTER, parse_pointer
    from tiebreak.weights.summary import summary_lines

    with open(file, "rb") as opened:
        pointer = parse_pointer(opened.read(LONGEST_POINTER + 1))
    if pointer is not None:
        click.echo(f"# a Git LFS pointer: {pointer.oid}, {pointer.size} bytes")
        return
    try:
        with open_checkpoint(file) as checkpoint:
            for line in summary_lines(checkpoint):
                click.echo(line)
    except CheckpointError as error:  # the name is git's, of a temporary file
        click.echo(f"# unreadable: {str(error).removeprefix(f'{shown(file, 400)}: ')}")
