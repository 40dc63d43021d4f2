"""Boosted trees over the features of a hunk's candidates, as flat arrays.

Every tree is walked for every candidate at once: one step of all walks is one indexing of arrays.
Trees are small and deep thinking is left to the network; they know the counts, it knows the words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tiebreak.ranker.features import names

if TYPE_CHECKING:
    from collections.abc import Mapping

ARRAYS: Final = ("roots", "feature", "threshold", "left", "right", "value")


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

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        """`arrays` has `ARRAYS`: of nodes, and the first node of each tree; and ``depth``."""
        self._arrays = {name: arrays[name] for name in ARRAYS}
        self._depth = int(arrays["depth"])

    def logits(self, features: Any) -> Any:
        """The log-odds of every candidate of one hunk to be right."""
        import numpy as np

        rows = table(np.asarray(features, np.float32))
        a = self._arrays
        nodes = np.broadcast_to(a["roots"], (len(rows), len(a["roots"])))
        every = np.arange(len(rows))[:, None]
        for _ in range(self._depth):
            low = rows[every, a["feature"][nodes]] <= a["threshold"][nodes]
            nodes = np.where(low, a["left"][nodes], a["right"][nodes])
        return a["value"][nodes].sum(axis=1)
