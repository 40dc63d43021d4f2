"""A part of the two sequences under comparison."""

from __future__ import annotations

from tiebreak.record import NamedTuple


class Box(NamedTuple):
    """Elements ``a[a_low:a_high]`` against ``b[b_low:b_high]``."""

    a_low: int
    a_high: int
    b_low: int
    b_high: int

    @property
    def size(self) -> int:
        """How many elements there are on both sides."""
        return self.a_high - self.a_low + self.b_high - self.b_low

    def around(self, inner: Box) -> tuple[Box, Box]:
        """What comes before and what comes after a box inside this one, on both sides."""
        return (
            Box(self.a_low, inner.a_low, self.b_low, inner.b_low),
            Box(inner.a_high, self.a_high, inner.b_high, self.b_high),
        )

    def cut(self, a: list[int], b: list[int]) -> tuple[list[int], list[int]]:
        """The elements in the box."""
        return a[self.a_low : self.a_high], b[self.b_low : self.b_high]

    def flag(self, changed_a: bytearray, changed_b: bytearray) -> None:
        """Flag everything in the box as changed."""
        changed_a[self.a_low : self.a_high] = b"\1" * (self.a_high - self.a_low)
        changed_b[self.b_low : self.b_high] = b"\1" * (self.b_high - self.b_low)

    def paste(
        self, changed_a: bytearray, changed_b: bytearray, part: tuple[bytearray, bytearray]
    ) -> None:
        """Take over the flags that an algorithm gave for the elements in the box."""
        changed_a[self.a_low : self.a_high] = part[0][:-1]
        changed_b[self.b_low : self.b_high] = part[1][:-1]
