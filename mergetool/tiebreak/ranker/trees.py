"""Boosted trees over the features of a hunk's candidates, walked one by one.

In plain Python: a hunk's sixteen candidates pass some five hundred trees in some milliseconds, and
importing numpy takes longer than a merge driver has for a whole file.
Trees are small and deep thinking is left to the network; they know the counts, it knows the words.
"""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING, Any, Final

from tiebreak.ranker.features import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Node = tuple[int, float, int, int, float]

NODE: Final = [  # one record a node, as numpy describes it
    ("feature", "<i2"),
    ("threshold", "<f4"),
    ("left", "<i4"),  # the node to go on with where the feature is at most the threshold
    ("right", "<i4"),  # and else; a leaf goes on with itself
    ("value", "<f4"),  # of a leaf, in log-odds
]
_RECORD: Final = "<hfiif"
_MAGIC: Final = b"\x93NUMPY\x01\x00"  # numpy.lib.format, version 1.0


def read(path: str) -> list[Node]:
    """The nodes in a file that numpy wrote; `ValueError` when they are something else."""
    with open(path, "rb") as file:
        magic, length = file.read(len(_MAGIC)), int.from_bytes(file.read(2), "little")
        header, content = file.read(length), file.read()
    said = f"'descr': {NODE}, 'fortran_order': False, 'shape': (".encode()
    before, found, shape = header.partition(said)
    if magic != _MAGIC or before != b"{" or not found:
        msg = f"{path} holds no trees"
        raise ValueError(msg)
    if len(content) != int(shape.partition(b",")[0]) * struct.calcsize(_RECORD):
        msg = f"{path} is cut off"
        raise ValueError(msg)
    return list(struct.iter_unpack(_RECORD, content))


def first_own() -> int:
    """Where the features of a candidate begin; those of the hunk come before."""
    return names().index("code/1")


class Trees:
    """A forest. What leads on stands before what it leads to; nothing leads to a root."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        """Nest the nodes: a leaf is its value, another node what it asks and where it leads."""
        every = list(nodes)
        built: list[Any] = [0.0] * len(every)
        led_to = bytearray(len(every))
        for at in range(len(every) - 1, -1, -1):
            feature, threshold, left, right, value = every[at]
            if left == at:
                built[at] = value
            else:
                built[at] = feature, threshold, built[left], built[right]
                led_to[left] = led_to[right] = True
        self._roots = [node for node, led in zip(built, led_to, strict=True) if not led]

    def logits(self, features: Sequence[Sequence[float]]) -> list[float]:
        """The log-odds of every candidate of one hunk to be right.

        What is told of a candidate itself also stands there less the most and less the least that
        any candidate of the hunk has; all rounded to float32, as when the trees were made.
        """
        first = first_own()
        rounded = [array("f", one) for one in features]
        own = [one[first:] for one in rounded]
        ends = [[end(column) for column in zip(*own, strict=True)] for end in (max, min)]
        return self.sums(
            [
                [*one, *(a - b for of_hunk in ends for a, b in zip(mine, of_hunk, strict=True))]
                for one, mine in zip(rounded, own, strict=True)
            ]
        )

    def sums(self, rows: Iterable[Sequence[float]]) -> list[float]:
        """What all trees say together of each row of features."""
        return [self._sum(array("f", row)) for row in rows]

    def _sum(self, row: Sequence[float]) -> float:
        total = 0.0
        for root in self._roots:
            node = root
            while node.__class__ is tuple:
                feature, threshold, low, high = node
                node = low if row[feature] <= threshold else high
            total += node
        return total
