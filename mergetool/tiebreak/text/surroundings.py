"""The merged lines around a hunk: what a person, or a judge, sees of its neighbourhood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tiebreak.text.document import Hunk

LINES: Final = 8
BYTES: Final = 600


class Surroundings(NamedTuple):
    """Lines before and after; what is still in conflict there shows our side."""

    before: bytes
    after: bytes


def surroundings(hunk: Hunk) -> Surroundings:
    """At most `LINES` lines and `BYTES` bytes on each side of a hunk."""
    regions = hunk.document.regions
    texts = [region.ours if region.result is None else region.result for region in regions]
    before = _take(line for text in reversed(texts[: hunk.index]) for line in _reversed(text))
    after = _take(
        line for text in texts[hunk.index + 1 :] for line in text.splitlines(keepends=True)
    )
    return Surroundings(b"".join(reversed(before))[-BYTES:], b"".join(after)[:BYTES])


def _reversed(text: bytes) -> Iterator[bytes]:
    """The last lines of a text, the last first."""
    return reversed(text[-BYTES * LINES :].splitlines(keepends=True))


def _take(lines: Iterable[bytes]) -> list[bytes]:
    taken: list[bytes] = []
    size = 0
    for line in lines:
        taken.append(line)
        size += len(line)
        if len(taken) == LINES or size >= BYTES:
            break
    return taken
