"""Plots as inline SVG, for pages that stand alone: heat maps, lines and square tables.

Colours are the page's (`STYLE`), which has light ones and dark ones. What a colour says is said
again in a title of its own, for whoever points at it or has it read out.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH: Final = 960.0
STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #d0d7de;
  --more: #1f6fb5; --less: #c2571a; --s0: #1f6fb5; --s1: #c2571a; --s2: #2d8a4e; --s3: #8a4fbf;
  --s4: #b0413e; --s5: #7a6a1f }
@media (prefers-color-scheme: dark) {
  :root { --ink: #d8dee6; --paper: #14171b; --faint: #3a4149; --more: #6cb2f5; --less: #f09a5f;
    --s0: #6cb2f5; --s1: #f09a5f; --s2: #6fd08c; --s3: #c79bf2; --s4: #f08a86; --s5: #d8c66a } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
h3 { font-size: 1rem; margin: 1.2rem 0 .2rem } p { max-width: 46rem }
code { overflow-wrap: anywhere } figure { margin: 0 0 1rem }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto }
th, td { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid var(--faint) }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left }
svg { width: 100%; height: auto } text { fill: var(--ink); font: 11px system-ui, sans-serif }
.more { fill: var(--more) } .less { fill: var(--less) } .none { fill: var(--faint) }
.axis { stroke: var(--faint) } .line { fill: none; stroke-width: 2 }
"""

_LEFT: Final = 190.0
_CELL: Final = 18.0  # the height of a cell, and the largest width
_DASHES: Final = ("", "7 3", "2 3", "9 3 2 3", "5 5", "1 4")
_LETTER: Final = 6.5  # about the width of one
_FAINTEST: Final = 0.08


class Scale(NamedTuple):
    """What the colours stand for: the strongest of each sign, and what is without colour."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Scale:
        """From 0 to the largest of the values."""
        return cls(0.0, 0.0, max((abs(v) for v in values if v is not None), default=0.0) or 1.0)

    def fill(self, value: float) -> str:
        """The attributes of a shape with the colour of a value."""
        share = min(abs(value - self.middle) / (self.high - self.middle), 1.0)
        opacity = _FAINTEST + (1 - _FAINTEST) * share
        kind = "less" if value < self.middle else "more"
        return f'class="{kind}" fill-opacity="{opacity:.3f}"'


SHARE: Final = Scale(0.0, 0.0, 1.0)
SIGNS: Final = Scale(0.0, 0.5, 1.0)  # of changes that have nothing to do with each other, a half
COSINE: Final = Scale(-1.0, 0.0, 1.0)


def heat(
    title: str,
    columns: Sequence[str],
    rows: Mapping[str, Sequence[float | None]],
    scale: Scale,
    unit: str = "layer",
) -> str:
    """A heat map: a line of cells for each of the rows, grey where there is no value."""
    step = min((WIDTH - _LEFT) / max(len(columns), 1), 2 * _CELL)
    parts = []
    for at, (name, values) in enumerate(rows.items()):
        y = at * _CELL
        parts.append(_text(_LEFT - 6, y + 13, _short(name), "end"))
        for place, value in enumerate(values):
            said = f"{name}, {unit} {columns[place]}: {_number(value)}"
            parts.append(_cell(_LEFT + place * step, y, step, value, scale, said))
    bottom = len(rows) * _CELL
    every = max(1, math.ceil(26 / step))
    parts += [
        _text(_LEFT + (place + 0.5) * step, bottom + 13, columns[place], "middle")
        for place in range(0, len(columns), every)
    ]
    parts.append(_key(bottom + 22, scale))
    return _figure(title, "".join(parts), bottom + 46)


def square(title: str, names: Sequence[str], values: Sequence[Sequence[float | None]]) -> str:
    """A table of pairs as cells with their numbers."""
    size = 64.0
    scale = Scale.of([v for row in values for v in row])
    parts = []
    for at, row in enumerate(values):
        parts.append(_text(_LEFT - 6, at * 30 + 19, names[at], "end"))
        parts.append(_text(_LEFT + (at + 0.5) * size, len(names) * 30 + 13, names[at], "middle"))
        for place, value in enumerate(row):
            x, said = _LEFT + place * size, f"{names[at]} and {names[place]}: {_number(value)}"
            faint = None if value is None else value * 0.6  # the number stays readable on it
            parts.append(_cell(x, at * 30, size, faint, scale, said, 30))
            parts.append(_text(x + size / 2, at * 30 + 19, _number(value, 3), "middle"))
    return _figure(title, "".join(parts), len(names) * 30 + 20)


def lines(
    title: str,
    columns: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    scale: Scale | None = None,
) -> str:
    """Lines over the columns, one for each series, with dots where there are values."""
    height, left = 180.0, 60.0
    found = scale or Scale.of([v for values in series.values() for v in values])
    low, span = found.low, found.high - found.low
    step = (WIDTH - left - 20) / max(len(columns) - 1, 1)
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = 10 + height * (1 - share)
        parts.append(f'<line class="axis" x1="{left}" y1="{y}" x2="{WIDTH}" y2="{y}"/>')
        parts.append(_text(left - 6, y + 4, _number(low + share * span, 3), "end"))
    for number, (name, values) in enumerate(series.items()):
        points = [
            (left + at * step, 10 + height * (1 - (value - low) / span), at)
            for at, value in enumerate(values)
            if value is not None
        ]
        titles = [
            f"{name}, {column}: {_number(v)}" for column, v in zip(columns, values, strict=True)
        ]
        parts.append(_series(number, points, titles))
        line, place = divmod(number, 4)
        parts.append(_legend(number, name, left + place * 225, height + 46 + 16 * line))
    parts += _labels(columns, left, step, height + 26)
    bottom = height + 46 + 16 * math.ceil(len(series) / 4)
    return _figure(title, "".join(parts), bottom)


def _labels(columns: Sequence[str], left: float, step: float, y: float) -> list[str]:
    """The last parts of the columns' names, of as many as do not run into each other."""
    found, end = [], -math.inf
    for at, column in enumerate(columns):
        label = _short(column.rpartition(".")[2], 14)
        half = _LETTER * len(label) / 2
        x = max(left + at * step, half)
        if x - half > end:
            found.append(_text(x, y, label, "middle"))
            end = x + half + 2 * _LETTER
    return found


def _series(number: int, points: Sequence[tuple[float, float, int]], titles: Sequence[str]) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" style="fill:{_colour(number)}">'
        f"<title>{_safe(titles[at])}</title></circle>"
        for x, y, at in points
    )
    return f'<polyline class="line" style="{_stroke(number)}" points="{path}"/>{dots}'


def _legend(number: int, name: str, x: float, y: float) -> str:
    place = f'x1="{x}" y1="{y - 4}" x2="{x + 26}" y2="{y - 4}"'
    line = f'<line class="line" style="{_stroke(number)}" {place}/>'
    return line + _text(x + 32, y, _short(name, 28), "start")


def _stroke(number: int) -> str:
    """Of as many lines as there are colours, none has the pattern of another of its colour."""
    dash = _DASHES[(number + number // len(_DASHES)) % len(_DASHES)]
    return f"stroke:{_colour(number)}" + (f";stroke-dasharray:{dash}" if dash else "")


def _colour(number: int) -> str:
    return f"var(--s{number % len(_DASHES)})"


def _cell(  # noqa: PLR0913, PLR0917  (where, how large, what)
    x: float, y: float, width: float, value: float | None, scale: Scale, said: str,
    height: float = _CELL,
) -> str:  # fmt: skip
    how = 'class="none" fill-opacity="0.25"' if value is None else scale.fill(value)
    size = f'width="{max(width - 1, 0.5):.1f}" height="{height - 1:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} {how}><title>{_safe(said)}</title></rect>'


def _key(y: float, scale: Scale) -> str:
    """What the colours stand for."""
    values = [scale.low + (scale.high - scale.low) * at / 8 for at in range(9)]
    cells = [
        f'<rect x="{_LEFT + at * 22:.1f}" y="{y}" width="21" height="10" {scale.fill(value)}/>'
        for at, value in enumerate(values)
    ]
    ends = _text(_LEFT - 6, y + 9, _number(scale.low, 3), "end")
    return "".join(cells) + ends + _text(_LEFT + 204, y + 9, _number(scale.high, 3), "start")


def _figure(title: str, content: str, height: float) -> str:
    return (
        f"<figure><h3>{_safe(title)}</h3>"
        f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{_safe(title)}">'
        f"{content}</svg></figure>\n"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_safe(text)}</text>'


def _short(name: str, limit: int = 30) -> str:
    """The end of a name says more than its beginning."""
    return name if len(name) <= limit else f"…{name[1 - limit :]}"


def _number(value: float | None, digits: int = 4) -> str:
    return "none" if value is None else f"{value:.{digits}g}"


def _safe(text: str) -> str:
    """Names come from files that are not trusted."""
    return escape(text if text.isprintable() else ascii(text))
