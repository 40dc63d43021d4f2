"""``tiebreak weights gram``: what a model's linear layers see, for merging by regmean."""

from __future__ import annotations

import click

from tiebreak.cli.weights.estimating import estimating, prepared


@click.command("gram")
@click.argument("model", type=click.Path(exists=True, file_okay=False))
@click.option(
    "--data", multiple=True, required=True, type=click.Path(exists=True, dir_okay=False),
    metavar="FILE", help="Text that the model was trained for; may be given more than once.",
)  # fmt: skip
@click.option("-o", "--output", metavar="OUT", help="Default: beside the model.")
@click.option("--examples", type=click.IntRange(min=1), default=256, show_default=True)
@click.option("--length", type=click.IntRange(min=2), default=128, show_default=True,
              help="Tokens of an example.")  # fmt: skip
@click.option("--batch", type=click.IntRange(min=1), default=4, show_default=True,
              help="Examples at once.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Of torch, such as cuda.")
def command(  # noqa: PLR0913  (one for each option)
    model: str,
    data: tuple[str, ...],
    output: str | None,
    *,
    examples: int,
    length: int,
    batch: int,
    seed: int,
    device: str,
) -> None:
    """Collect the Gram matrices of the linear layers of the model in folder MODEL.

    A causal language model or a sequence classifier of transformers, with its tokenizer; no labels
    are needed. The result, model.gram.safetensors, has the square of a layer's inputs for every
    layer. It is committed like any checkpoint; merging by the method "regmean" looks for it there.
    """
    from tiebreak.weights.importance import GRAM

    path, texts = prepared(GRAM, model, output, data)
    from tiebreak.learn.gram import write_gram
    from tiebreak.learn.loaded import How

    how = How(examples, length, batch, seed, device=device)
    with estimating(examples) as progress:
        told = write_gram(model, texts, path, how, progress)
    click.echo(f"{path}: {told}", err=True)
