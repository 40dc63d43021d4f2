"""``tiebreak weights adapters extract``: what a model was fine-tuned by, as an adapter."""

from __future__ import annotations

import click


@click.command("extract")
@click.argument("base")
@click.argument("finetune")
@click.option("-o", "--output", required=True, metavar="OUT", help="The folder to write.")
@click.option("--rank", required=True, metavar="R", help="The largest rank, or auto.")
@click.option(
    "--energy", type=click.FloatRange(0, 1, min_open=True), metavar="E",
    help="As low a rank as keeps this share of the squared change; auto is 0.99.",
)  # fmt: skip
@click.option("--tables", is_flag=True, help="Embeddings and outputs as factors, not as a whole.")
@click.option("--no-whole", is_flag=True, help="Leave out what cannot be factors.")
@click.option(
    "--dtype", type=click.Choice(["F32", "BF16", "F16"]), default="F32", show_default=True,
    help="The type of the factors.",
)  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Default: all processors.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(  # noqa: PLR0913  (one for each option)
    base: str,
    finetune: str,
    *,
    output: str,
    rank: str,
    energy: float | None,
    tables: bool,
    no_whole: bool,
    dtype: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Write what FINETUNE changed of BASE as the adapter OUT.

    Matrices become factors by a truncated SVD of their change; what else changed is stored as a
    whole (modules_to_save). One line for each module says what its rank is and how much was lost.
    """
    from tiebreak.cli.weights.adapters.merge import rank_of
    from tiebreak.cli.weights.adapters.report import report
    from tiebreak.cli.weights.bar import bar
    from tiebreak.cli.weights.sources import opened
    from tiebreak.weights.adapters import extracting
    from tiebreak.weights.adapters.stored import write_adapter
    from tiebreak.weights.whole import check_free

    check_free(output)
    how = extracting.How(rank_of(rank, energy), dtype, tables, not no_whole)
    with opened(base) as origin, opened(finetune) as tuned:
        models = extracting.models_of(origin, tuned)
        planned = extracting.plan(models, how)
        with bar(len(planned.factors), "extracting") as shown:
            stored = extracting.extract(models, planned, how, threads or 0, shown.update)
        settings = extracting.settings(models, planned, stored, base)
        tensors = [output for one in stored for output in one.outputs()]
        tensors += extracting.whole_outputs(models, planned)
        write_adapter(output, tensors, settings, {}, threads or 0)
    report(output, stored, planned.whole, as_json=as_json)
