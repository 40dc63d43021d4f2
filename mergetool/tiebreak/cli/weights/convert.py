"""``tiebreak weights convert``: pickled checkpoints as safetensors."""

from __future__ import annotations

import importlib.util
import os

import click

from tiebreak.cli.weights.bar import bar
from tiebreak.errors import UsageError


@click.command("convert")
@click.argument("source", metavar="IN")
@click.argument("output", metavar="OUT")
def command(source: str, output: str) -> None:
    """Convert the pickled checkpoint IN to safetensors.

    IN is a file of torch.save (.bin, .pt, .pth, .ckpt), an index of shards, or a folder with one of
    them; OUT is a file or a folder as IN is, and must not exist. A pickle is a program: nothing of
    it is run, and one that asks for more than tensors is refused.
    """
    if importlib.util.find_spec("torch") is None:
        raise UsageError("converting pickles needs torch: pip install 'tiebreak[torch]'")
    from tiebreak.weights.pickles import convert, sources

    size = sum(os.path.getsize(file) for file in sources(source) if os.path.isfile(file))
    with bar(size, "converting") as shown:
        remarks = convert(source, output, shown.update)
    for remark in remarks:
        click.echo(remark, err=True)
