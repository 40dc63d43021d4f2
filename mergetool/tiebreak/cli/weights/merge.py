"""``tiebreak weights merge``: whole models by one method, outside of any git merge."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from tiebreak.cli.meter import Begun
from tiebreak.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.engine import Output
    from tiebreak.weights.methods.method import Method, Parameter
    from tiebreak.weights.vocabulary.models import Tables


def _list(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  (click's callback)
    if wanted:
        from tiebreak.weights.methods import METHODS

        list_methods(ctx, METHODS)


def list_methods(ctx: click.Context, methods: Mapping[str, Method]) -> None:
    """Print the methods with their parameters, and end."""
    click.echo("\n".join(line for method in methods.values() for line in _described(method)))
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
    "--vocabulary", type=click.Choice(["same", "union", "ignore"]), default="same",
    help="Tokens that models added: refuse a clash, match rows by token, or do not look.",
)  # fmt: skip
@click.option(
    "--html", type=click.Path(dir_okay=False),
    help="Write a page: how far each model moved, and how far the merged one is from each.",
)  # fmt: skip
@click.option(
    "--tokenizer", metavar="SOURCE",
    help="Of the result: union, base, or one of the MODELs. Rows are matched by token.",
)  # fmt: skip
@click.option(
    "--chat-template", "chat", metavar="TEMPLATE", help="auto, a name, a .jinja file, or Jinja."
)
@click.option(
    "--card/--no-card", default=None,
    help="Write README.md and tiebreak_merge.json. Default: into a folder.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Keep what is whole, and go on from it.")
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
    html: str | None,
    resume: bool,  # noqa: FBT001  (click's)
    vocabulary: str,
    tokenizer: str | None,
    chat: str | None,
    card: bool | None,  # noqa: FBT001
) -> None:
    """Merge the MODELs, whose common origin is BASE, into OUT.

    Files, folders, or REV:PATH. The first MODEL gives the shards, the order of the tensors, the
    metadata and the configuration files. The same inputs give the same bytes for any number of
    threads. An interrupted merge leaves nothing, or with --resume the shards that are whole: the
    same command goes on from them.
    """
    from tiebreak.cli.weights.sources import beside, opened, opened_beside, plan_of
    from tiebreak.cli.weights.tokens import Asked, aligned
    from tiebreak.weights.importance import KINDS
    from tiebreak.weights.kernels import computing_on
    from tiebreak.weights.methods import check, method_named
    from tiebreak.weights.whole import How, Models, index_text, merge_models, write_models

    if html is not None:
        from tiebreak.cli.weights.diff import check_page

        check_page(html)
    chosen = method_named(method)
    parameters = check(chosen, given(chosen, weight, density, scale, others), len(models))
    asked = Asked(tokenizer, chat, vocabulary)
    asked.check(chosen)
    with computing_on(device), ExitStack() as stack:
        origin, *sides = (stack.enter_context(opened(name)) for name in (base, *models))
        kind = KINDS.get(chosen.importance)
        files = [
            beside(kind, name, side)
            for name, side in zip(models, sides, strict=True)
            if kind is not None
        ]
        together = aligned(asked, (base, *models), (origin, *sides), chosen, output)
        origin, *sides = together.models
        tables = None if tokenizer else _tables(vocabulary, origin, sides)
        importances = [
            stack.enter_context(opened_beside(kind, name)) for name in files if kind is not None
        ]
        merged = Models(origin, sides, importances)
        planned = merge_models(merged, chosen, parameters, threads or 0, tables)
        meter = Begun()
        inputs = (base, *models, *files)
        named = [chosen.name, asked, sorted(parameters.items())]
        plan = plan_of(named, inputs) if resume else ""
        texts = together.texts | index_text(sides[0], planned)
        if tables is not None:
            _check_apart(texts, tables)
            texts |= tables.texts
        if _carded(card, sides[0]):
            from tiebreak.cli.weights.carding import card_files

            known = ((base, *models), (origin, *sides))
            texts |= card_files(chosen, parameters, known, together.notes)
        for note in (*together.notes, *_memory(chosen, planned, importances, threads)):
            click.echo(note, err=True)
        write_models(output, sides[0], planned, How(threads or 0, meter, plan, texts))
        planned.clear()
        meter.end(f"{output}: {len(sides[0])} tensors")
    _warn_of_variances(output)
    if html is not None:
        _write_page(html, base, (*models, output), chosen.name)


def _memory(
    method: Method,
    planned: Sequence[Sequence[Output]],
    importances: Sequence[Checkpoint],
    threads: int | None,
) -> list[str]:
    """A line where whole matrices are held in memory, before they are."""
    from tiebreak.cli.weights.wording import amount
    from tiebreak.weights.memory import most_held

    tensors, number = (
        [output for shard in planned for output in shard],
        threads or os.cpu_count() or 1,
    )
    held, alone = (most_held(method, tensors, importances, n) for n in (number, 1))
    if not held:
        return []
    if number == 1:
        return [f"{method.name}: holds at most {amount(held, 'B')} in memory"]
    fewer = f"with --threads 1 at most {amount(alone, 'B')}"
    return [f"{method.name}: {number} threads hold at most {amount(held, 'B')}; {fewer}"]


def _warn_of_variances(output: str) -> None:
    """A line where a sum of changes has made a variance less than 0."""
    from tiebreak.weights.checkpoint import open_checkpoint
    from tiebreak.weights.errors import shown
    from tiebreak.weights.variances import negative

    with open_checkpoint(output) as merged:
        found = negative(merged)
    if found:
        others = f" and {len(found) - 1} more" if len(found) > 1 else ""
        click.echo(
            f"warning: {shown(output, 400)}: {shown(found[0])}{others}: running variances below 0, "
            "which give NaN: use a smaller lambda or an average, or estimate them anew",
            err=True,
        )


def _write_page(path: str, base: str, models: tuple[str, ...], method: str) -> None:
    """What the merge did: its models and the merged one, which is the last, side by side."""
    from tiebreak.cli.weights.diff import compare_all, write_page

    write_page(path, compare_all(models, base, spectra=False), f"Merged by {method}")


def _check_apart(texts: Mapping[str, object], tables: Tables) -> None:
    """Raise `UsageError` where two things would write one file."""
    both = sorted(set(texts) & set(tables.texts))
    if both:
        raise UsageError(
            f"--vocabulary union, and models that are tied differently or a chat template, change "
            f"{both[0]}: use --tokenizer union"
        )


def _carded(wanted: bool | None, first: Checkpoint) -> bool:  # noqa: FBT001
    """Whether there is a card: beside a model in a folder, unless it is not wanted."""
    folder = os.path.isdir(first.path)
    if wanted and not folder:
        raise UsageError("--card needs a folder to write to: name folders, not files")
    return folder if wanted is None else wanted


def _tables(vocabulary: str, origin: Checkpoint, sides: Sequence[Checkpoint]) -> Tables | None:
    """The tables with a row for each token, where they are put together by token."""
    paths = [checkpoint.path for checkpoint in (origin, *sides)]
    folders = all(os.path.isdir(path) for path in paths)
    if vocabulary == "union" and not folders:
        raise UsageError("--vocabulary union needs the tokenizers: name folders, not files")
    if vocabulary == "ignore" or not folders:
        return None
    from tiebreak.weights.vocabulary.models import check_vocabularies, tables_of

    if vocabulary == "union":
        return tables_of(paths, origin, sides)
    check_vocabularies(paths)
    return None


def given(
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
