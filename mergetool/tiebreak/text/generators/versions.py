"""The higher of two version numbers, where both sides raised one and nothing else is in conflict.

Which of two versions a project wants is nothing that a text can say: the higher one is a rule, and
a project's policy has to ask for it (``tiebreak.trust = versions``). Otherwise it is suggested.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.document import Hunk

NAME: Final = "versions"
_VERSION: Final = re.compile(
    rb"(?<![\w.])v?(\d+(?:\.\d+)+)((?:[-.+]?(?:alpha|beta|rc|dev|pre|snapshot|[ab])[-.]?\d*)?)(?![\w.])",
    re.IGNORECASE,
)
LARGEST: Final = 20_000  # bytes of a hunk


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The hunk with the higher version at each place where both sides have another one."""
    base, ours, theirs = hunk.region.base, hunk.region.ours, hunk.region.theirs
    if len(base) + len(ours) + len(theirs) > LARGEST:
        return
    cut = [_cut(text) for text in (base, ours, theirs)]
    if len({tuple(words) for words, _ in cut}) > 1 or not cut[0][1]:
        return  # more than versions differs
    words = cut[0][0]
    chosen = [_choose(b, o, t) for b, o, t in zip(*(found for _, found in cut), strict=True)]
    value = b"".join(x for pair in zip(words, [*chosen, b""], strict=True) for x in pair)
    lower = [v for pair in zip(cut[1][1], cut[2][1], strict=True) for v in pair if v not in chosen]
    shown = ", ".join(dict.fromkeys(v.decode("utf-8", "replace") for v in lower))
    why = "both sides raised a version; the higher one"
    yield Candidate(value, NAME, why, f"{NAME}/higher", drops=(f"the version {shown}",))


def _cut(text: bytes) -> tuple[list[bytes], list[bytes]]:
    """The text between its versions, and those."""
    words: list[bytes] = []
    versions: list[bytes] = []
    position = 0
    for found in _VERSION.finditer(text):
        words.append(text[position : found.start()])
        versions.append(found[0])
        position = found.end()
    return [*words, text[position:]], versions


def _choose(base: bytes, ours: bytes, theirs: bytes) -> bytes:
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    return max((ours, theirs), key=_order)


def _order(version: bytes) -> tuple[Sequence[int], bool, Sequence[int]]:
    """By numbers; what is released comes after what leads up to it."""
    found = _VERSION.match(version)
    numbers = [int(x) for x in found[1].split(b".")] if found else []
    suffix = found[2] if found else b""
    return numbers, not suffix, [int(x) for x in re.findall(rb"\d+", suffix)]
