"""``tiebreak weights fisher``: what every entry of a model matters to it, for Fisher merging."""

from __future__ import annotations

from typing import Final

import click

from tiebreak.cli.weights.estimating import asking, estimating, prepared

MUCH: Final = 0.5  # of the entries below the floor


@click.command("fisher")
@asking(
    "Examples at once: each needs as much memory as the model.",
    click.option("--empirical", is_flag=True, help="By the text's own tokens, not by the model's."),
)
def command(  # noqa: PLR0913  (one for each option)
    model: str,
    data: tuple[str, ...],
    output: str | None,
    *,
    examples: int,
    length: int,
    batch: int,
    seed: int,
    empirical: bool,
    device: str,
) -> None:
    """Estimate the diagonal Fisher information of the model in folder MODEL.

    A causal language model or a sequence classifier of transformers, with its tokenizer. The
    expectation is over what the model predicts (--empirical: over the text). The result,
    model.fisher.safetensors, is committed like any checkpoint; merging by the method "fisher" looks
    for it there.
    """
    from tiebreak.weights.importance import FISHER

    path, texts = prepared(FISHER, model, output, data)
    from tiebreak.learn.fisher import write_fisher
    from tiebreak.learn.loaded import How

    how = How(examples, length, batch, seed, empirical, device)
    with estimating(examples) as progress:
        told, low = write_fisher(model, texts, path, how, progress)
    click.echo(f"{path}: {told}", err=True)
    if low > MUCH:
        share = f"{100 * low:.0f} % of the entries are below the default floor of fisher merging"
        click.echo(f"{share}; merge with floor_mode = relative", err=True)
