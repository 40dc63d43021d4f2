"""What commands that estimate something beside a model have in common: arguments and progress."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from tiebreak.cli.weights.bar import bar
from tiebreak.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.weights.importance import Kind

Command = Callable[..., None]
Option = Callable[[Command], Command]

NEEDED: Final = ("torch", "transformers")


def asking(batch: str, *more: Option) -> Option:
    """The argument and the options of such a command, and `more` that it has of its own.

    `batch` is the help of ``--batch``.
    """
    file = click.Path(exists=True, dir_okay=False)
    options: tuple[Option, ...] = (
        click.argument("model", type=click.Path(exists=True, file_okay=False)),
        click.option(
            "--data", multiple=True, required=True, type=file, metavar="FILE",
            help="Text that the model was trained for; may be given more than once.",
        ),
        click.option("-o", "--output", metavar="OUT", help="Default: beside the model."),
        click.option("--examples", type=click.IntRange(min=1), default=256, show_default=True),
        click.option("--length", type=click.IntRange(min=2), default=128, show_default=True,
                     help="Tokens of an example."),
        click.option("--batch", type=click.IntRange(min=1), default=4, show_default=True,
                     help=batch),
        click.option("--seed", type=int, default=0, show_default=True),
        *more,
        click.option("--device", default="cpu", show_default=True, help="Of torch, such as cuda."),
    )  # fmt: skip

    def decorated(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


def prepared(
    kind: Kind, model: str, output: str | None, data: Sequence[str]
) -> tuple[str, list[str]]:
    """Where to write, and the texts. Raises where something is missing or in the way."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        needs = f"needs {' and '.join(missing)}: pip install 'tiebreak[learn]'"
        raise UsageError(f"estimating a {kind.word} {needs}")
    return _output(kind, model, output), [_text(name) for name in data]


@contextmanager
def estimating(examples: int) -> Iterator[Callable[[int, int], None]]:
    """Progress, where somebody sees it: to be called with how many there are, and how many more."""
    with bar(examples, "estimating") as shown:

        def progress(total: int, more: int) -> None:
            shown.length = total
            shown.update(more)

        yield progress


def _output(kind: Kind, model: str, output: str | None) -> str:
    """Where to write. Only a file of this kind is ever replaced."""
    from tiebreak.weights.checkpoint import find_checkpoint

    path = output or os.path.join(model, kind.beside(os.path.basename(find_checkpoint(model))))
    if os.path.lexists(path) and not path.endswith(kind.ending):
        raise InputError(f"{path}: there is something already, which is no {kind.word} file")
    return path


def _text(name: str) -> str:
    try:
        with open(name, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: cannot be read as UTF-8 text: {error}") from error
