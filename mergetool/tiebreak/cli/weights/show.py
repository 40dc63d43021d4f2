"""``tiebreak weights show``: what a checkpoint holds, from its headers alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from tiebreak.cli import show
from tiebreak.cli.weights.wording import amount, extent

if TYPE_CHECKING:
    from tiebreak.weights.checkpoint import Checkpoint


@click.command("show")
@click.argument("checkpoint")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(checkpoint: str, *, as_json: bool) -> None:
    """List the tensors of CHECKPOINT: a file, a folder, or REV:PATH."""
    from tiebreak.cli.weights.sources import opened

    with opened(checkpoint) as found:
        if as_json:
            import json

            click.echo(json.dumps(_facts(found), indent=2))
            return
        click.echo("\n".join(_lines(found)))


def _facts(checkpoint: Checkpoint) -> dict[str, Any]:
    tensors = []
    for name in checkpoint.names:
        info, file = checkpoint.info(name), checkpoint.shard(name).path.rpartition("/")[2]
        tensors.append(
            {
                "name": name,
                "dtype": info.dtype,
                "shape": list(info.shape),
                "bytes": info.nbytes,
                "file": file,
            }
        )
    return {"format": 1, "metadata": checkpoint.metadata, "tensors": tensors}


def _lines(checkpoint: Checkpoint) -> list[str]:
    from tiebreak.weights.errors import shown

    infos = [checkpoint.info(name) for name in checkpoint.names]
    dtypes = Counter(info.dtype for info in infos)
    size = amount(sum(info.nbytes for info in infos), "B")
    values = amount(sum(info.elements for info in infos))
    files = show.count(len(checkpoint.layout), "file")
    lines = [
        f"{show.count(len(infos), 'tensor')}, {values} values, {size}, {files}",
        "types: " + ", ".join(f"{name} {number}" for name, number in sorted(dtypes.items())),
    ]
    for key, value in sorted((checkpoint.metadata or {}).items()):
        lines.append(f"metadata {shown(key)}: {shown(value)}")
    rows = [(shown(i.name), i.dtype, extent(i.shape), amount(i.nbytes, "B")) for i in infos]
    return [*lines, "", *show.columns(rows)] if rows else lines
