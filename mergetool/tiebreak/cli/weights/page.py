"""The page of ``tiebreak weights diff --html``: one file, no scripts, nothing from elsewhere."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.cli.weights.diff import cells, kinds
from tiebreak.weights.comparison import by_layer, total

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiebreak.weights.comparison import Layer, Row, Sums

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #d0d7de; --bar: #2f6fb3 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #d8dee6; --paper: #14171b; --faint: #3a4149; --bar: #6aa5e3 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
code { overflow-wrap: anywhere }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto }
th, td { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid var(--faint) }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left }
svg { width: 100%; height: auto } rect { fill: var(--bar) }
line { stroke: var(--faint) } text { fill: var(--ink); font: 11px system-ui, sans-serif }
"""
_HEADS: Final = ("changed", "|A|", "|B|", "|A−B|", "cosine", "same sign")  # noqa: RUF001  (a minus)
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 960.0, 150.0, 60.0, 10.0, 20.0


class _Plot(NamedTuple):
    """One measure over the layers."""

    title: str
    value: Callable[[Sums], float | None]


_PLOTS: Final = (
    _Plot("Distance, relative to the norm of A", lambda s: _ratio(s.distance, s.a)),
    _Plot("Share of entries whose bits differ", lambda s: s.changed_share),
    _Plot("Cosine between A and B", lambda s: s.cosine),
    _Plot("Share of entries with the same sign", lambda s: s.sign_agreement),
)


def page(a: str, b: str, base: str | None, rows: Sequence[Row]) -> str:
    """The comparison as HTML."""
    layers = by_layer(rows)
    since = f" <p>Norms, cosine and signs are of the changes since {_code(base)}.</p>"
    measured = [layer for layer in layers if layer.sums.elements]
    plots = "".join(f"<h2>{escape(p.title)}</h2>{_svg(p, measured)}" for p in _PLOTS)
    lines = [(layer.name, _counts(layer.rows), *cells(layer.sums)) for layer in layers]
    lines.append(("all", _counts(rows), *cells(total(rows))))
    tensors = [(r.name, f"{r.kind}, {r.dtype} {list(r.shape)}", *cells(r.sums)) for r in rows]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{_safe(a)} and {_safe(b)}</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>Checkpoints compared</h1><p>A is {_code(a)}, B is {_code(b)}.</p>{since if base else ""}
{plots if measured else ""}
<h2>Layers</h2>{_table("layer", lines)}
<h2>Tensors</h2><details><summary>{len(rows)}</summary>{_table("tensor", tensors)}</details>
</body></html>
"""


def _svg(plot: _Plot, layers: Sequence[Layer]) -> str:
    """A bar for each layer. A layer without the measure has none."""
    values = [plot.value(layer.sums) for layer in layers]
    known = [value for value in values if value is not None]
    low, high = min([0.0, *known]), max([0.0, *known]) or 1.0
    step, scale = (_WIDTH - _LEFT) / max(len(layers), 1), _HEIGHT / (high - low)
    zero = _TOP + high * scale
    bars = [
        f'<rect x="{_LEFT + at * step:.1f}" y="{zero - max(value, 0) * scale:.1f}" '
        f'width="{max(step * 0.8, 0.5):.1f}" height="{abs(value) * scale:.1f}">'
        f"<title>{_safe(layer.name)}: {value:.6g}</title></rect>"
        for at, (layer, value) in enumerate(zip(layers, values, strict=True))
        if value is not None
    ]
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_TOP + _HEIGHT + _BOTTOM:.0f}" role="img" '
        f'aria-label="{escape(plot.title)}">'
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{zero:.1f}" y2="{zero:.1f}"/>'
        f'<text x="0" y="{_TOP + 8}">{high:.4g}</text><text x="0" y="{_TOP + _HEIGHT}">{low:.4g}'
        f"</text>{''.join(bars)}{_ends(layers)}</svg>"
    )


def _ends(layers: Sequence[Layer]) -> str:
    """The names of the first and the last layer under their bars."""
    y = _TOP + _HEIGHT + 15
    first, last = _safe(layers[0].name), _safe(layers[-1].name)
    right = f'<text x="{_WIDTH}" y="{y}" text-anchor="end">{last}</text>' if layers[1:] else ""
    return f'<text x="{_LEFT}" y="{y}">{first}</text>{right}'


def _table(first: str, lines: Sequence[Sequence[str]]) -> str:
    heads = "".join(f"<th>{escape(head)}</th>" for head in (first, "", *_HEADS))
    body = "".join(
        "<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in line) + "</tr>\n" for line in lines
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>\n{body}</tbody></table>"


def _counts(rows: Sequence[Row]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in kinds(rows).items())


def _ratio(distance: float, norm: float) -> float | None:
    found = math.sqrt(distance / norm) if norm else None
    return found if found is None or math.isfinite(found) else None


def _code(text: str | None) -> str:
    return f"<code>{_safe(text or '')}</code>"


def _safe(text: str) -> str:
    """Names come from files that are not trusted."""
    return escape(text if text.isprintable() else ascii(text))
