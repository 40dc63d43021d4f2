"""``tiebreak weights fisher``: what every entry of a model matters to it, for Fisher merging."""

from __future__ import annotations

import importlib.util
import os
from typing import Final

import click

from tiebreak.cli.weights.bar import bar
from tiebreak.errors import InputError, UsageError

NEEDED: Final = ("torch", "transformers")
MUCH: Final = 0.5  # of the entries below the floor


@click.command("fisher")
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
              help="Examples at once: each needs as much memory as the model.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--empirical", is_flag=True, help="By the text's own tokens, not by the model's.")
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
    empirical: bool,
    device: str,
) -> None:
    """Estimate the diagonal Fisher information of the model in folder MODEL.

    A causal language model or a sequence classifier of transformers, with its tokenizer. The
    expectation is over what the model predicts (--empirical: over the text). The result,
    model.fisher.safetensors, is committed like any checkpoint; merging by the method "fisher" looks
    for it there.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        msg = f"estimating a Fisher needs {' and '.join(missing)}: pip install 'tiebreak[learn]'"
        raise UsageError(msg)
    path = _output(model, output)
    texts = [_text(name) for name in data]
    from tiebreak.learn.fisher import How, write_fisher

    how = How(examples, length, batch, seed, empirical, device)
    with bar(examples, "estimating") as shown:

        def progress(total: int, more: int) -> None:
            shown.length = total
            shown.update(more)

        told, low = write_fisher(model, texts, path, how, progress)
    click.echo(f"{path}: {told}", err=True)
    if low > MUCH:
        share = f"{100 * low:.0f} % of the entries are below the default floor of fisher merging"
        click.echo(f"{share}; merge with floor_mode = relative", err=True)


def _output(model: str, output: str | None) -> str:
    """Where to write. Only a Fisher file is ever replaced."""
    from tiebreak.weights.checkpoint import FISHER_ENDING, find_checkpoint
    from tiebreak.weights.importance import beside

    path = output or os.path.join(model, beside(os.path.basename(find_checkpoint(model))))
    if os.path.lexists(path) and not path.endswith(FISHER_ENDING):
        raise InputError(f"{path}: there is something already, which is no Fisher file")
    return path


def _text(name: str) -> str:
    try:
        with open(name, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: cannot be read as UTF-8 text: {error}") from error
