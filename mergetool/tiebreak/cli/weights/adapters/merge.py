"""``tiebreak weights adapters merge``: several adapters as one, by what they change."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from tiebreak.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.adapters.adapter import Adapter
    from tiebreak.weights.adapters.lowrank import Rank


def _list(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  (click's callback)
    if wanted:
        from tiebreak.cli.weights.merge import list_methods
        from tiebreak.weights.adapters.rules import RULES

        list_methods(ctx, RULES)


@click.command("merge")
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER...")
@click.option("-o", "--output", required=True, metavar="OUT", help="The folder to write.")
@click.option("--method", required=True, metavar="NAME", help="How changes are merged.")
@click.option("--rank", metavar="R", help="Of the result, or auto. Default: the largest rank.")
@click.option(
    "--energy", type=click.FloatRange(0, 1, min_open=True), metavar="E",
    help="As low a rank as keeps this share of the squared change; auto is 0.99.",
)  # fmt: skip
@click.option("--base", metavar="ADAPTER", help="The adapter that the others were trained on from.")
@click.option("--weight", multiple=True, metavar="W", help="For all adapters, or one for each.")
@click.option("--density", multiple=True, metavar="D", help="The share of changes that is kept.")
@click.option("--lambda", "scale", metavar="L", help="Scale of the merged change.")
@click.option("-s", "--set", "others", multiple=True, metavar="NAME=VALUE", help="Any parameter.")
@click.option(
    "--whole", type=click.Choice(["refuse", "first", "average"]), default="refuse",
    help="Tensors that adapters store as a whole, and differently.",
)  # fmt: skip
@click.option("--any-base", is_flag=True, help="Merge adapters of different base models.")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Default: all processors.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--methods", is_flag=True, is_eager=True, expose_value=False, callback=_list,
    help="List the methods and their parameters, and exit.",
)  # fmt: skip
def command(  # noqa: PLR0913, PLR0917  (one for each option)
    adapters: tuple[str, ...],
    output: str,
    method: str,
    rank: str | None,
    energy: float | None,
    base: str | None,
    weight: tuple[str, ...],
    density: tuple[str, ...],
    scale: str | None,
    others: tuple[str, ...],
    whole: str,
    *,
    any_base: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Merge the ADAPTERs into the adapter OUT.

    What is merged is scale * B @ A of every module, never the factors by themselves. `cat` is the
    exact sum, with the sum of the ranks; `svd` its nearest matrix of lower rank, `linear` that of
    the average; other methods see the changes entry by entry. One line for each module says what
    its rank is and how much was lost.
    """
    from tiebreak.cli.weights.adapters.report import report
    from tiebreak.cli.weights.bar import bar
    from tiebreak.cli.weights.merge import given
    from tiebreak.cli.weights.sources import local
    from tiebreak.weights.adapters.adapter import open_adapter
    from tiebreak.weights.adapters.merging import Adapters, Rule, merge_changes
    from tiebreak.weights.adapters.rules import RULES, check_parameters
    from tiebreak.weights.adapters.stored import write_adapter
    from tiebreak.weights.adapters.together import check_base, merged_settings, wholes
    from tiebreak.weights.methods import check
    from tiebreak.weights.methods.method import nearest, numbers
    from tiebreak.weights.newfolder import beside
    from tiebreak.weights.whole import check_free

    check_free(output)
    chosen = nearest(RULES, method)
    asked = given(chosen, weight, density, scale, others)
    parameters = check(chosen, asked, len(adapters))
    check_parameters(chosen, parameters)
    with ExitStack() as stack:
        sides = [
            stack.enter_context(open_adapter(stack.enter_context(local(name)))) for name in adapters
        ]
        origin = (
            stack.enter_context(open_adapter(stack.enter_context(local(base)))) if base else None
        )
        together = Adapters(sides, origin)
        if not any_base:
            check_base(together.all)
        weights = numbers(parameters, "weight") if "weight" in parameters else (1.0,) * len(sides)
        tensors = wholes(sides, whole, weights)
        rule = Rule(chosen.name, parameters, _rank(chosen.name, rank, energy, sides))
        modules = dict.fromkeys(m for adapter in together.all for m in adapter.pairs)
        with bar(len(modules), "merging") as shown:
            stored = merge_changes(together, rule, threads or 0, shown.update)
        settings = merged_settings(sides, stored)
        written = [output for one in stored for output in one.outputs()] + tensors
        write_adapter(output, written, settings, beside(sides[0].path), threads or 0)
    report(output, stored, [tensor.name for tensor in tensors], as_json=as_json)


def rank_of(rank: str | None, energy: float | None) -> Rank:
    """What --rank and --energy ask for together."""
    from tiebreak.weights.adapters.lowrank import AUTO, Rank

    if rank == "auto":
        return Rank(None, energy or AUTO)
    if rank is None:
        return Rank(None, energy)
    if not rank.isdecimal() or not int(rank):
        raise UsageError(f"--rank {rank}: expected a whole number from 1 on, or auto")
    return Rank(int(rank), energy)


def _rank(method: str, rank: str | None, energy: float | None, sides: Sequence[Adapter]) -> Rank:
    from tiebreak.weights.adapters.lowrank import Rank
    from tiebreak.weights.adapters.rules import CAT

    if method == CAT and (rank or energy):
        raise UsageError("cat keeps all of the ranks; svd is the same with a lower one")
    if method != CAT and rank is None and energy is None:
        return Rank(max(pair.rank for side in sides for pair in side.pairs.values()))
    return rank_of(rank, energy)
