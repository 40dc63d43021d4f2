"""``tiebreak weights merge``: whole models by one method, outside of any git merge."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from tiebreak.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.methods.method import Method, Parameter

GB: Final = 1e9
BAR: Final = 0.1  # seconds between two updates of a line that is drawn again
LINES: Final = 10.0  # seconds between two lines


def _list(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  (click's callback)
    if wanted:
        from tiebreak.weights.methods import METHODS

        click.echo("\n".join(line for method in METHODS.values() for line in _described(method)))
        ctx.exit()


@click.command("merge")
@click.argument("base")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("-o", "--output", required=True, metavar="OUT", help="The file or folder to write.")
@click.option("--method", required=True, metavar="NAME", help="How tensors are merged.")
@click.option("--weight", multiple=True, metavar="W", help="For all models, or one for each.")
@click.option("--density", multiple=True, metavar="D", help="The share of changes that is kept.")
@click.option("--lambda", "scale", metavar="L", help="Scale of the merged change.")
@click.option("-s", "--set", "others", multiple=True, metavar="NAME=VALUE", help="Any parameter.")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Default: all processors.")
@click.option("--device", default="cpu", metavar="NAME", help="Compute on cuda. Default: cpu.")
@click.option(
    "--methods", is_flag=True, is_eager=True, expose_value=False, callback=_list,
    help="List the methods and their parameters, and exit.",
)  # fmt: skip
def command(  # noqa: PLR0913, PLR0917  (one for each option)
    base: str,
    models: tuple[str, ...],
    output: str,
    method: str,
    weight: tuple[str, ...],
    density: tuple[str, ...],
    scale: str | None,
    others: tuple[str, ...],
    threads: int | None,
    device: str,
) -> None:
    """Merge the MODELs, whose common origin is BASE, into OUT.

    Files, folders, or REV:PATH. The first MODEL gives the shards, the order of the tensors, the
    metadata and the configuration files. The same inputs give the same bytes for any number of
    threads.
    """
    from tiebreak.cli.weights.sources import opened, opened_fisher
    from tiebreak.weights.kernels import computing_on
    from tiebreak.weights.methods import check, method_named
    from tiebreak.weights.whole import Models, merge_models, write_models

    chosen = method_named(method)
    given = _given(chosen, weight, density, scale, others)
    parameters = check(chosen, given, len(models))
    with computing_on(device), ExitStack() as stack:
        origin, *sides = (stack.enter_context(opened(name)) for name in (base, *models))
        importances = [
            stack.enter_context(opened_fisher(name, side))
            for name, side in zip(models, sides, strict=True)
            if chosen.needs_importance
        ]
        planned = merge_models(Models(origin, sides, importances), chosen, parameters, threads or 0)
        meter = Meter(_size(sides[0]))
        write_models(output, sides[0], planned, threads or 0, meter)
        planned.clear()
        meter.end(f"{output}: {len(sides[0])} tensors")


def _given(
    method: Method,
    weight: Sequence[str],
    density: Sequence[str],
    scale: str | None,
    others: Sequence[str],
) -> dict[str, object]:
    """The parameters of the command line, read as the method's parameters are."""
    texts: dict[str, str] = {}
    for pair in others:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair}: expected NAME=VALUE")
        texts[name] = text
    named = {"weight": ",".join(weight), "density": ",".join(density), "lambda": scale or ""}
    texts.update({name: text for name, text in named.items() if text})
    return {name: _read(method.parameters, name, text) for name, text in texts.items()}


def _read(parameters: Mapping[str, Parameter], name: str, text: str) -> object:
    """A text, a truth, or numbers; what cannot be read is left for `check` to complain of."""
    parameter = parameters.get(name)
    if parameter is None or parameter.choices or parameter.check:
        return text
    if isinstance(parameter.default, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        return text
    return found if parameter.per_side else found[0] if len(found) == 1 else text


def _described(method: Method) -> list[str]:
    lines = [f"{method.name}: {method.summary}"]
    for name, parameter in method.parameters.items():
        words = f" ({', '.join(parameter.choices)})" if parameter.choices else ""
        default = "" if parameter.default is None else f" [{_plain(parameter.default)}]"
        lines.append(f"    {name}{default}  {parameter.help}{words}")
    return lines


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else f'"{value}"'


def _size(checkpoint: Checkpoint) -> int:
    return sum(checkpoint.info(name).nbytes for name in checkpoint.names)


class _Style(NamedTuple):
    """How progress is shown: what a line begins and ends with, and how often there is one."""

    begin: str
    end: str
    every: float


class Meter:
    """Progress on standard error: one line drawn again on a terminal, else a line now and then."""

    __slots__ = ("_begun", "_done", "_shown", "_style", "_total")

    def __init__(self, total: int) -> None:
        """Of so many bytes."""
        terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._style = _Style("\r\x1b[K", "", BAR) if terminal else _Style("", "\n", LINES)
        self._total, self._done = total, 0
        self._begun = self._shown = time.monotonic()

    def __call__(self, size: int) -> None:
        """So many bytes more are written."""
        self._done += size
        now = time.monotonic()
        if now - self._shown >= self._style.every:
            self._shown = now
            self._say(progress_line(self._done, self._total, now - self._begun))

    def end(self, what: str) -> None:
        """All is done."""
        seconds = time.monotonic() - self._begun
        rate = self._done / GB / seconds if seconds else 0.0
        self._say(f"{what}, {self._done / GB:.2f} GB in {seconds:.1f} s ({rate:.2f} GB/s)")
        sys.stderr.write("" if self._style.end else "\n")

    def _say(self, text: str) -> None:
        sys.stderr.write(f"{self._style.begin}{text}{self._style.end}")
        sys.stderr.flush()


def progress_line(done: int, total: int, seconds: float) -> str:
    """How far it is, how fast it goes, and how long it takes yet."""
    rate = done / seconds if seconds else 0.0
    left = (total - done) / rate if rate else 0.0
    share = 100 * done // total if total else 100
    return (
        f"{share:3d} %  {done / GB:.2f} of {total / GB:.2f} GB  {rate / GB:.2f} GB/s  "
        f"{left:.0f} s left"
    )
