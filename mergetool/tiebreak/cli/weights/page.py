"""The page of ``tiebreak weights diff --html``: one file, no scripts, nothing from elsewhere.

Over the layers, how far each model moved; by layer and kind of tensor, as heat maps, the same, and
how the changes of two models lie to each other; then the directions of the changes, where they were
looked at; then all numbers as tables.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final

from tiebreak.cli.weights.diff import MATRICES, cells, counts, heads
from tiebreak.cli.weights.measures import matrices, shares, stable_rank
from tiebreak.cli.weights.plots import COSINE, SHARE, SIGNS, STYLE, Scale, heat, lines, square
from tiebreak.weights.comparison import by_layer, squares_of, total
from tiebreak.weights.directions import RANKS
from tiebreak.weights.places import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tiebreak.cli.weights.measures import Compared
    from tiebreak.weights.comparison import Row

    Measure = Callable[[Sequence[Row]], float | None]
    Stack = Mapping[tuple[str, int], list[Row]]

_TWO: Final = 2
_MAPS: Final = 6  # pairs of models with heat maps of their own
_KINDS: Final = 12  # lines of a plot of kinds
_EXPLAINED: Final = (
    "The stable rank says how many equally strong directions would have as much energy (the sum of "
    "the squared singular values). The energy in r directions is what an adapter of rank r can "
    "hold of the change. In large matrices the leading values are from a subspace iteration, and "
    "the energy is at least what is shown."
)


def page(compared: Compared, title: str) -> str:
    """The comparison as HTML."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{_safe(title)}</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<h1>{_safe(title)}</h1>{_about(compared)}
{_pairs(compared)}{_layers(compared)}{_maps(compared)}{_directions(compared)}{_tables(compared)}
</body></html>
"""


def _about(compared: Compared) -> str:
    names = [
        f"{letter} is {_code(name)}"
        for letter, name in zip(compared.letters, compared.models, strict=True)
    ]
    since = (
        f" Norms, cosines and signs are of the changes since {_code(compared.base)}."
        if compared.base
        else ""
    )
    return f"<p>{'; '.join(names)}.{since}</p>"


def _pairs(compared: Compared) -> str:
    """The models in pairs, where there are more than two."""
    if len(compared.models) == _TWO:
        return ""
    tables = matrices(compared)
    plots = [square(title.capitalize(), compared.letters, tables[name])
             for name, title in MATRICES.items()]  # fmt: skip
    return "<h2>In pairs</h2>" + "".join(plots)


def _layers(compared: Compared) -> str:
    layers = [layer for layer in by_layer(compared.rows) if layer.sums.elements]
    if not layers:
        return ""
    names = [layer.name for layer in layers]
    moved = {
        name: [measure(layer.rows) for layer in layers]
        for name, measure in _movements(compared).items()
    }
    pairs = _shown_pairs(compared)
    plots = [lines(_movement_title(compared), names, moved)]
    for title, of, scale in (
        ("Cosine", _cosine, COSINE),
        ("Share of entries with the same sign", _signs, SIGNS),
        ("Share of entries whose bits differ", _changed, SHARE),
    ):
        series = {name: [of(pair)(layer.rows) for layer in layers] for pair, name in pairs}
        plots.append(lines(title, names, series, scale))
    return "<h2>By layer</h2>" + "".join(plots)


def _movement_title(compared: Compared) -> str:
    if compared.base:
        return "How far each model moved, relative to the norm of the base"
    return "Distance between the models, relative to the norm of the first"


def _movements(compared: Compared) -> dict[str, Measure]:
    """How far each model moved; without a base, how far apart each pair is."""
    count = len(compared.models)

    def moved(model: int) -> Measure:
        def measure(rows: Sequence[Row]) -> float | None:
            sums = [total(rows, pair) for pair in range(len(compared.pairs))]
            return _ratio(squares_of(sums, count)[model], sums[0].origin)

        return measure

    def apart(pair: int) -> Measure:
        return lambda rows: _ratio(total(rows, pair).distance, total(rows, pair).a)

    if compared.base:
        return {letter: moved(model) for model, letter in enumerate(compared.letters)}
    return {name: apart(pair) for pair, name in _shown_pairs(compared)}


def _shown_pairs(compared: Compared) -> list[tuple[int, str]]:
    """All pairs, or where they are many those with the first model."""
    found = list(enumerate(compared.pairs))
    return found if len(found) <= _MAPS else [p for p in found if p[1].startswith("A-")]


def _maps(compared: Compared) -> str:
    """Heat maps for every stack of layers, by depth and kind of tensor."""
    found = []
    for name, stack in _stacks(compared.rows).items():
        moved = {
            f"{_map_title(compared)} {key}": measure
            for key, measure in _movements(compared).items()
        }
        found.append(f"<h2>By layer and kind of tensor: {_code(name)}</h2>")
        found += _heats(stack, moved)
        cosines = {f"Cosine, {n}": _cosine(pair) for pair, n in _shown_pairs(compared)}
        found += _heats(stack, cosines, COSINE)
        signs = {
            f"Share of entries with the same sign, {n}": _signs(pair)
            for pair, n in _shown_pairs(compared)
        }
        found += _heats(stack, signs, SIGNS)
    return "".join(found)


def _changed(pair: int) -> Measure:
    return lambda rows: total(rows, pair).changed_share


def _map_title(compared: Compared) -> str:
    return "Movement relative to the base," if compared.base else "Relative distance,"


def _cosine(pair: int) -> Measure:
    return lambda rows: total(rows, pair).cosine


def _signs(pair: int) -> Measure:
    return lambda rows: total(rows, pair).sign_agreement


def _heats(stack: Stack, measures: Mapping[str, Measure], scale: Scale | None = None) -> list[str]:
    """A heat map for each measure, all with one scale, so that they can be compared."""
    depths = sorted({depth for _, depth in stack})
    kinds = list(dict.fromkeys(kind for kind, _ in stack))
    tables = {
        title: {kind: [measure(stack.get((kind, depth), ())) for depth in depths] for kind in kinds}
        for title, measure in measures.items()
    }
    every = [v for table in tables.values() for values in table.values() for v in values]
    if not any(value is not None for value in every):
        return []
    columns, used = [str(depth) for depth in depths], scale or Scale.of(every)
    return [heat(title, columns, table, used) for title, table in tables.items()]


def _stacks(rows: Sequence[Row]) -> dict[str, dict[tuple[str, int], list[Row]]]:
    """The rows that can be compared, by stack of layers, kind and depth."""
    found: dict[str, dict[tuple[str, int], list[Row]]] = {}
    for row in rows:
        place = place_of(row.name)
        if place is not None and row.pairs:
            cell = found.setdefault(place.stack, {})
            cell.setdefault((place.kind, place.depth), []).append(row)
    return found


def _directions(compared: Compared) -> str:
    """How many directions the changes have."""
    rows = [row for row in compared.rows if row.spectra]
    if not rows:
        return ""
    found = [f"<h2>Directions of the changes</h2><p>{_EXPLAINED}</p>"]
    for name, stack in _stacks(rows).items():
        measures = {
            f"Stable rank in {name}, {n}": _stable(change)
            for change, n in enumerate(compared.changes)
        }
        found += _heats(stack, measures)
    ranks = [str(rank) for rank in RANKS]
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        place = place_of(row.name)
        by_kind.setdefault(place.kind if place else row.name, []).append(row)
    largest = sorted(by_kind, key=lambda k: -sum(math.prod(row.shape) for row in by_kind[k]))
    for change, n in enumerate(compared.changes):
        series = {kind: shares(by_kind[kind], change) for kind in largest[:_KINDS]}
        known = {kind: values for kind, values in series.items() if values is not None}
        if known:
            title = f"Share of the energy by number of directions, {n}"
            found.append(lines(title, ranks, known, SHARE))
    return "".join(found)


def _stable(change: int) -> Measure:
    return lambda rows: stable_rank(rows, change)


def _tables(compared: Compared) -> str:
    rows = compared.rows
    layers = [
        (layer.name, counts(layer.rows), *cells(compared, layer.rows)) for layer in by_layer(rows)
    ]
    layers.append(("all", counts(rows), *cells(compared, rows)))
    tensors = [
        (row.name, f"{row.kind}, {row.dtype} {list(row.shape)}", *cells(compared, [row]))
        for row in rows
    ]
    titles = heads(compared)
    return (
        f"<h2>Layers</h2>{_table(('layer', '', *titles), layers)}"
        f"<h2>Tensors</h2><details><summary>{len(rows)}</summary>"
        f"{_table(('tensor', '', *titles), tensors)}</details>"
    )


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    body = "".join(
        "<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in line) + "</tr>\n" for line in lines
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


def _ratio(distance: float, norm: float) -> float | None:
    found = math.sqrt(distance / norm) if norm else None
    return found if found is None or math.isfinite(found) else None


def _code(text: str | None) -> str:
    return f"<code>{_safe(text or '')}</code>"


def _safe(text: str) -> str:
    """Names come from files that are not trusted."""
    return escape(text if text.isprintable() else ascii(text))
