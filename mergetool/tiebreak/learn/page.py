"""The evaluation as one HTML page with two plots: no scripts, nothing loaded from anywhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.learn.evaluate import Reliability

Point = tuple[float, float]

WIDTH: Final = 460
HEIGHT: Final = 320
MARGIN: Final = 48
STYLE: Final = (
    "body{font:15px system-ui,sans-serif;margin:2rem;color:#222}"
    "svg{margin-right:2rem}table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child{text-align:left}text{font-size:12px;fill:#444}"
)


def page(
    title: str,
    table: Sequence[Sequence[str]],
    curve: Sequence[Point],
    bins: Sequence[Reliability],
) -> str:
    """The page: a table whose first row is its head, the risk-coverage curve, the reliability."""
    head, *body = table
    rows = [
        "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>",
        *("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in body),
    ]
    covered = plot("share of hunks, the surest first", "right", curve, (0.5, 1.0))
    points = [(one.said, one.right) for one in bins]
    reliable = plot("probability said", "right", points, (0.0, 1.0), diagonal=True)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>"
        f"<table>{''.join(rows)}</table>{covered}{reliable}</html>\n"
    )


def plot(
    across: str, up: str, points: Sequence[Point], span: Point, *, diagonal: bool = False
) -> str:
    """A line through points whose x runs from 0 to 1 and y over `span`, as SVG."""
    low, high = span

    def at(x: float, y: float) -> str:
        inside = min(max(y, low), high)
        right = MARGIN + x * (WIDTH - 2 * MARGIN)
        down = HEIGHT - MARGIN - (inside - low) / (high - low) * (HEIGHT - 2 * MARGIN)
        return f"{right:.1f},{down:.1f}"

    def label(x: float, y: float, text: str, anchor: str) -> str:
        return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'

    lines = [
        f'<polyline fill="none" stroke="#999" points="{at(0, high)} {at(0, low)} {at(1, low)}"/>'
    ]
    if diagonal:
        lines.append(f'<polyline stroke="#ccc" points="{at(low, low)} {at(high, high)}"/>')
    path = " ".join(at(x, y) for x, y in points)
    lines.append(f'<polyline fill="none" stroke="#0a58ca" stroke-width="2" points="{path}"/>')
    for x, y in points:
        where_x, where_y = at(x, y).split(",")
        lines.append(f'<circle cx="{where_x}" cy="{where_y}" r="2.5" fill="#0a58ca"/>')
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = MARGIN + tick * (WIDTH - 2 * MARGIN)
        lines.append(label(x, HEIGHT - MARGIN + 16, f"{tick:.0%}", "middle"))
        y = HEIGHT - MARGIN - tick * (HEIGHT - 2 * MARGIN)
        lines.append(label(MARGIN - 6, y + 4, f"{low + tick * (high - low):.0%}", "end"))
    lines.append(label(WIDTH / 2, HEIGHT - 8, across, "middle"))
    lines.append(label(MARGIN, MARGIN - 14, up, "start"))
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{"".join(lines)}</svg>'
