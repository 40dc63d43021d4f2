"""One side only renamed: what the other side wrote, with those names renamed.

A line merge sees two edits of one line; by names they do not meet. The other side's new uses of a
name are renamed too: nobody wants half of the uses to keep the old one. A name that was there
before, in base or on the other side, is no new name, and taking it is another edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.text import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tiebreak.text.document import Hunk

NAME: Final = "renames"
LARGEST: Final = 20_000  # bytes of a hunk


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The text of one side under the names that the other gave."""
    base, ours, theirs = hunk.region.base, hunk.region.ours, hunk.region.theirs
    if len(base) + len(ours) + len(theirs) > LARGEST:
        return
    names, text = renamed(base, ours), theirs
    if not names:
        names, text = renamed(base, theirs), ours
    written = words.NAME.findall(text)
    if not names.keys() & set(written) or set(names.values()) & set(written):
        return
    value = words.NAME.sub(lambda found: names.get(found[0], found[0]), text)
    shown = ", ".join(f"{_shown(old)} is {_shown(new)} now" for old, new in names.items())
    before = words.NAME.findall(base)
    more = [_shown(old) for old in names if written.count(old) > before.count(old)]
    drops = tuple(f"the name {old} in new uses" for old in more)
    yield Candidate(value, NAME, f"one side only renamed: {shown}", NAME, drops=drops)


def renamed(base: bytes, side: bytes) -> Mapping[bytes, bytes]:
    """Old names and new ones, where a side did nothing to base but rename; else none.

    A name that the side still has was not renamed, nor is one new that base has.

    >>> renamed(b"size = f(size, 1)", b"length = f(length, 1)")
    {b'size': b'length'}
    >>> renamed(b"size = f(size, 1)", b"length = f(size, 1)")
    {}
    """
    old, new = words.NAME.findall(base), words.NAME.findall(side)
    if len(old) != len(new) or _between(base) != _between(side):
        return {}
    became = dict(zip(old, new, strict=True))
    if any(became[name] != now for name, now in zip(old, new, strict=True)):
        return {}
    changed = {name: now for name, now in became.items() if name != now}
    there = changed.keys() & set(new) or set(changed.values()) & set(old)
    return {} if there else changed


def _between(text: bytes) -> list[bytes]:
    """What stands between the names, without white space."""
    return [b"".join(part.split()) for part in words.NAME.split(text)]


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")
