"""``tiebreak weights diff``: checkpoints side by side, as a table, JSON or a page."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import click

from tiebreak.cli import show
from tiebreak.cli.weights.measures import (
    LETTERS,
    Compared,
    facts,
    kinds,
    matrices,
    measures,
    stable_rank,
)
from tiebreak.cli.weights.wording import extent, measure, percent
from tiebreak.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tiebreak.weights.comparison import Row

_TWO: Final = 2


@click.command("diff")
@click.argument("models", nargs=-1, required=True, metavar="A B [MODEL]...")
@click.option("--base", help="Compare what the models changed since this checkpoint.")
@click.option("--spectrum", is_flag=True, help="Also how many directions the changes have.")
@click.option("--tensors", is_flag=True, help="A line for each tensor, not for each layer.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the total, layers, tensors.")
@click.option("--html", type=click.Path(dir_okay=False), help="Write a page with plots.")
def command(  # noqa: PLR0913  (the command line)
    models: tuple[str, ...],
    *,
    base: str | None,
    spectrum: bool,
    tensors: bool,
    as_json: bool,
    html: str | None,
) -> None:
    """Compare the checkpoints A and B, or more: files, folders, or REV:PATH.

    For each layer: the share of entries whose bits differ, the norms of A, B and A-B, the cosine,
    and the share of entries with the same sign. With --base, norms, cosine and signs are those of
    the changes since it. More than two models are compared in pairs.
    """
    if not _TWO <= len(models) <= len(LETTERS):
        raise UsageError(f"diff compares 2 to {len(LETTERS)} models, {len(models)} are named")
    check_page(html)
    compared = compare_all(models, base, spectra=spectrum)
    if html is not None:
        write_page(html, compared, "Checkpoints compared")
    if as_json:
        import json

        click.echo(json.dumps(facts(compared), indent=2, allow_nan=False))
    elif html is None:
        click.echo("\n".join(_table(compared, tensors=tensors)))


def check_page(path: str | None) -> None:
    """Raise `InputError` where no page can be written, before the work begins."""
    folder = os.path.dirname(path or "") or os.curdir
    if not os.path.isdir(folder):
        raise InputError(f"{path}: there is no folder {folder}")


def write_page(path: str, compared: Compared, title: str) -> None:
    """Write the page of a comparison."""
    from tiebreak.cli.weights.page import page

    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(page(compared, title))
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    click.echo(f"wrote {path}", err=True)


def compare_all(models: Sequence[str], base: str | None, *, spectra: bool) -> Compared:
    """Compare what the arguments name."""
    from tiebreak.cli.weights.sources import opened
    from tiebreak.weights.comparison import compare

    with ExitStack() as stack:
        held = [stack.enter_context(opened(name)) for name in models]
        origin = stack.enter_context(opened(base)) if base else None
        return Compared(tuple(models), base, compare(held, origin, spectra=spectra))


def _table(compared: Compared, *, tensors: bool) -> list[str]:
    from tiebreak.weights.comparison import by_layer
    from tiebreak.weights.errors import shown

    rows = compared.rows
    if tensors:
        first = ("tensor", "")
        body = [(shown(row.name), _what(row), *cells(compared, [row])) for row in rows]
    else:
        first = ("layer", "tensors")
        body = [
            (shown(layer.name), counts(layer.rows), *cells(compared, layer.rows))
            for layer in by_layer(rows)
        ]
    body.append(("all", counts(rows), *cells(compared, rows)))
    lines = show.columns([(*first, *heads(compared)), *body])
    return lines + (_matrices(compared) if len(compared.models) > _TWO else [])


def _matrices(compared: Compared) -> list[str]:
    """The pairs of models as square tables."""
    tables = matrices(compared)
    lines = []
    for name, title in MATRICES.items():
        rows = [
            (letter, *map(measure, values))
            for letter, values in zip(compared.letters, tables[name], strict=True)
        ]
        lines += ["", title, *show.columns([("", *compared.letters), *rows])]
    return lines


MATRICES: Final = {
    "cosine": "cosine",
    "sign_agreement": "share of entries with the same sign",
    "distance": "distance",
}


def heads(compared: Compared) -> list[str]:
    """The names of the columns."""
    norms = [f"|{letter}|" for letter in compared.letters]
    pair = ["|A-B|", "cosine", "same sign"]
    many = ["cosines", "same signs"]
    ranks = [f"stable rank {name}" for name in compared.changes] if _has_spectra(compared) else []
    return ["changed", *norms, *(pair if len(norms) == _TWO else many), *ranks]


def cells(compared: Compared, rows: Sequence[Row]) -> list[str]:
    """The measures of some rows as text, in the order of the heads."""
    from tiebreak.weights.comparison import squares_of, total

    if not any(row.pairs for row in rows) or not total(rows).elements:
        return ["-"] * len(heads(compared))
    sums = [total(rows, pair) for pair in range(len(compared.pairs))]
    norms = [measure(s**0.5) for s in squares_of(sums, len(compared.models))]
    found = [measures(one) for one in sums]
    worst = max(one.nonfinite for one in sums)
    note = f" ({worst} not finite)" if worst else ""
    if len(sums) == 1:
        pair = [measure(found[0][name]) for name in ("distance", "cosine")]
        pair.append(percent(sums[0].sign_agreement) + note)
    else:
        pair = [_span(measure, [one.cosine for one in sums])]
        pair.append(_span(percent, [one.sign_agreement for one in sums]) + note)
    changed = percent(max(one.changed_share for one in sums))
    ranks = range(len(compared.changes)) if _has_spectra(compared) else ()
    return [changed, *norms, *pair, *(measure(stable_rank(rows, change)) for change in ranks)]


def _span(text: Callable[[float], str], values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{text(min(known))} to {text(max(known))}" if known else "-"


def _has_spectra(compared: Compared) -> bool:
    return any(row.spectra for row in compared.rows)


def _what(row: Row) -> str:
    return f"{row.kind}, {row.dtype} {extent(row.shape)}"


def counts(rows: Iterable[Row]) -> str:
    """How many tensors are of which kind."""
    return ", ".join(f"{number} {kind}" for kind, number in kinds(rows).items())
