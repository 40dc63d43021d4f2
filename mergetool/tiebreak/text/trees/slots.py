"""What flows through the merge of a node's items: one item in three versions, and conflicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from tiebreak.text.trees.items import Item

BASE: Final = 0
OURS: Final = 1
THEIRS: Final = 2


class Clash(NamedTuple):
    """A stretch that stays in conflict."""

    base: bytes
    ours: bytes
    theirs: bytes


class Conflicted(Exception):  # noqa: N818  (a value that ends a computation)
    """These items cannot be put in one order: their parent is in conflict as a whole."""


class Slot:
    """One item through the three versions."""

    __slots__ = ("id", "versions")

    def __init__(self, number: int) -> None:
        """A slot without a version; `number` is its own among its siblings."""
        self.id = number
        self.versions: list[Item | None] = [None, None, None]

    @property
    def base(self) -> Item | None:
        """Base's version."""
        return self.versions[BASE]

    @property
    def any(self) -> Item:
        """A version of it: ours, else theirs, else base's."""
        return next(v for v in (self.versions[i] for i in (OURS, THEIRS, BASE)) if v is not None)

    @property
    def added(self) -> bool:
        """Whether base has none of it."""
        return self.versions[BASE] is None


class Knot(NamedTuple):
    """Additions of both sides at one place, in conflict: they take the place of one item."""

    base: list[Slot]
    ours: list[Slot]
    theirs: list[Slot]


Place = Slot | Knot
Parts = list["bytes | Clash"]
