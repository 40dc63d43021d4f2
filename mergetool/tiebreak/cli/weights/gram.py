"""``tiebreak weights gram``: what a model's linear layers see, for merging by regmean."""

from __future__ import annotations

import click

from tiebreak.cli.weights.estimating import asking, estimating, prepared


@click.command("gram")
@asking("Examples at once.")
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
