"""``tiebreak weights adapters apply``: adapters into the model that they were trained for."""

from __future__ import annotations

import math
from contextlib import ExitStack

import click

from tiebreak.cli.meter import Begun
from tiebreak.errors import UsageError


@click.command("apply")
@click.argument("base")
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER...")
@click.option("-o", "--output", required=True, metavar="OUT", help="The file or folder to write.")
@click.option(
    "--weight", multiple=True, type=float, metavar="W",
    help="How much of the change is added: for all adapters, or one for each.",
)  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Default: all processors.")
def command(
    base: str,
    adapters: tuple[str, ...],
    output: str,
    weight: tuple[float, ...],
    threads: int | None,
) -> None:
    """Write the model BASE with the ADAPTERs merged into it.

    Tensors that no adapter is about are copied byte for byte; the others are computed in float64
    and rounded once. BASE is streamed, never loaded.
    """
    from tiebreak.cli.weights.sources import local, opened
    from tiebreak.weights.adapters.adapter import open_adapter
    from tiebreak.weights.adapters.applying import Weighted, apply_adapters
    from tiebreak.weights.blas import one_thread
    from tiebreak.weights.whole import How, write_models

    weights = spread(weight, len(adapters))
    with one_thread(), ExitStack() as stack:
        model = stack.enter_context(opened(base))
        given = [
            Weighted(stack.enter_context(open_adapter(stack.enter_context(local(name)))), factor)
            for name, factor in zip(adapters, weights, strict=True)
        ]
        planned = apply_adapters(model, given)
        meter = Begun()
        write_models(output, model, planned, How(threads or 0, meter))
        planned.clear()
        meter.end(f"{output}: {len(model)} tensors")


def spread(weights: tuple[float, ...], number: int) -> tuple[float, ...]:
    """A weight for each of so many adapters."""
    found = weights or (1.0,)
    if not all(map(math.isfinite, found)):
        raise UsageError("--weight: expected numbers that are finite")
    if len(found) not in {1, number}:
        raise UsageError(f"--weight: {len(found)} numbers for {number} adapters")
    return found if len(found) == number else found * number
