"""Boosted trees over the features of a hunk's candidates, as one array of nodes.

Every tree is walked for every candidate at once: one step of all walks is one indexing of arrays.
Trees are small and deep thinking is left to the network; they know the counts, it knows the words.
"""

from __future__ import annotations

from typing import Any, Final

from tiebreak.ranker.features import names

NODE: Final = [  # one record a node
    ("feature", "<i2"),
    ("threshold", "<f4"),
    ("left", "<i4"),  # the node to go on with where the feature is at most the threshold
    ("right", "<i4"),  # and else; a leaf goes on with itself
    ("value", "<f4"),  # of a leaf, in log-odds
]


def table(features: Any) -> Any:
    """The features of one hunk's candidates (candidates, features), and how they compare.

    What is told of a candidate itself also stands there less the most and less the least that any
    candidate of the hunk has.
    """
    import numpy as np

    own = features[:, _first_own() :]
    return np.concatenate([features, own - own.max(0), own - own.min(0)], axis=1)


def _first_own() -> int:
    """Where the features of a candidate begin; those of the hunk come before."""
    return names().index("code/1")


class Trees:
    """A forest; leaves point to themselves, so that walks of different lengths end together."""

    def __init__(self, nodes: Any) -> None:
        """`nodes` is an array of `NODE`. A node to which no other leads is the root of a tree."""
        import numpy as np

        self._columns = {name: np.ascontiguousarray(nodes[name]) for name, _ in NODE}
        left, right = self._columns["left"], self._columns["right"]
        inner = left != np.arange(len(nodes))
        led_to = np.zeros(len(nodes), bool)
        led_to[left[inner]] = led_to[right[inner]] = True
        self._inner, self._roots = inner, np.nonzero(~led_to)[0]

    def logits(self, features: Any) -> Any:
        """The log-odds of every candidate of one hunk to be right."""
        import numpy as np

        return self.sums(table(np.asarray(features, np.float32)))

    def sums(self, rows: Any) -> Any:
        """What all trees say together of each row (rows, columns)."""
        import numpy as np

        a = self._columns
        nodes = np.broadcast_to(self._roots, (len(rows), len(self._roots)))
        every = np.arange(len(rows))[:, None]
        while self._inner[nodes].any():
            low = rows[every, a["feature"][nodes]] <= a["threshold"][nodes]
            nodes = np.where(low, a["left"][nodes], a["right"][nodes])
        return a["value"][nodes].sum(axis=1)
