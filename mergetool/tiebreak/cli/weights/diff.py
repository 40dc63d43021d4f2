"""``tiebreak weights diff``: two checkpoints side by side, as a table, JSON or a page."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from tiebreak.cli import show
from tiebreak.cli.weights.wording import extent, measure, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tiebreak.weights.comparison import Row, Sums

_HEADS: Final = ("changed", "|A|", "|B|", "|A-B|", "cosine", "same sign")


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option("--base", help="Compare what A and B changed since this checkpoint.")
@click.option("--tensors", is_flag=True, help="A line for each tensor, not for each layer.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the total, layers, tensors.")
@click.option("--html", type=click.Path(dir_okay=False), help="Write a page with plots.")
def command(  # noqa: PLR0913  (the command line)
    a: str, b: str, *, base: str | None, tensors: bool, as_json: bool, html: str | None
) -> None:
    """Compare the checkpoints A and B: files, folders, or REV:PATH.

    For each layer: the share of entries whose bits differ, the norms of A, B and A-B, the cosine,
    and the share of entries with the same sign. With --base, norms, cosine and signs are those of
    the changes since it.
    """
    rows = _rows(a, b, base)
    if html is not None:
        from tiebreak.cli.weights.page import page

        with open(html, "w", encoding="utf-8") as file:
            file.write(page(a, b, base, rows))
        click.echo(f"wrote {html}", err=True)
    if as_json:
        import json

        about = {"format": 1, "a": a, "b": b, "base": base}
        click.echo(json.dumps({**about, **facts(rows)}, indent=2, allow_nan=False))
    elif html is None:
        click.echo("\n".join(_table(rows, tensors=tensors)))


def _rows(a: str, b: str, base: str | None) -> list[Row]:
    from contextlib import ExitStack

    from tiebreak.cli.weights.sources import opened
    from tiebreak.weights.comparison import compare

    with ExitStack() as stack:
        ours, theirs = stack.enter_context(opened(a)), stack.enter_context(opened(b))
        return compare(ours, theirs, stack.enter_context(opened(base)) if base else None)


def measures(sums: Sums | None) -> dict[str, float | None]:
    """The numbers of a tensor, a layer or a model; None for what does not exist."""
    if sums is None:
        return {}
    found = {
        "elements": sums.elements,
        "changed": sums.changed_share,
        "norm_a": math.sqrt(sums.a),
        "norm_b": math.sqrt(sums.b),
        "distance": math.sqrt(sums.distance),
        "cosine": sums.cosine,
        "sign_agreement": sums.sign_agreement,
        "nonfinite": sums.nonfinite,
    }
    return {k: v if v is None or math.isfinite(v) else None for k, v in found.items()}


def facts(rows: Sequence[Row]) -> dict[str, Any]:
    """Everything that was measured, for a program."""
    from tiebreak.weights.comparison import by_layer, total

    layers = [
        {"name": layer.name, "tensors": len(layer.rows), "kinds": kinds(layer.rows)}
        | measures(layer.sums)
        for layer in by_layer(rows)
    ]
    tensors = [
        {"name": row.name, "kind": row.kind, "dtype": row.dtype, "shape": list(row.shape)}
        | measures(row.sums)
        for row in rows
    ]
    return {
        "total": {"tensors": len(rows), "kinds": kinds(rows)} | measures(total(rows)),
        "layers": layers,
        "tensors": tensors,
    }


def kinds(rows: Iterable[Row]) -> dict[str, int]:
    """How many tensors are the same, changed, only in A, ..."""
    return dict(sorted(Counter(row.kind for row in rows).items()))


def _table(rows: Sequence[Row], *, tensors: bool) -> list[str]:
    from tiebreak.weights.comparison import by_layer, total
    from tiebreak.weights.errors import shown

    if tensors:
        head = ("tensor", "", *_HEADS)
        body = [(shown(row.name), _what(row), *cells(row.sums)) for row in rows]
    else:
        head = ("layer", "tensors", *_HEADS)
        body = [(shown(n), _counts(found), *cells(sums)) for n, found, sums in by_layer(rows)]
    body.append(("all", _counts(rows), *cells(total(rows))))
    return show.columns([head, *body])


def cells(sums: Sums | None) -> tuple[str, ...]:
    """The measures as text, in the order of the heads."""
    found = measures(sums)
    if sums is None or not sums.elements:
        return ("-",) * len(_HEADS)
    norms = (measure(found[name]) for name in ("norm_a", "norm_b", "distance", "cosine"))
    note = f" ({sums.nonfinite} not finite)" if sums.nonfinite else ""
    return (percent(sums.changed_share), *norms, percent(sums.sign_agreement) + note)


def _what(row: Row) -> str:
    return f"{row.kind}, {row.dtype} {extent(row.shape)}"


def _counts(rows: Sequence[Row]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in kinds(rows).items())
