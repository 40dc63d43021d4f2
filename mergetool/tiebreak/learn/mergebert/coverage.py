"""What token merging and the nine labels can express of what people committed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tiebreak.learn.mergebert.labels import conflicts_of
from tiebreak.learn.mergebert.primitives import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.learn.mergebert.prepare import Prepared


def lines(hunks: Sequence[Prepared]) -> Iterator[str]:
    """A small report: clean merges, what labels express, and how often each label is right."""
    clean = [hunk for hunk in hunks if hunk.clean]
    left = [hunk for hunk in hunks if not hunk.clean]
    right = sum(hunk.labels is not None for hunk in clean)
    labelled = sum(hunk.labels is not None for hunk in left)
    yield f"hunks {len(hunks)}"
    yield f"tokens merge cleanly {_share(len(clean), hunks)}, of these right {_share(right, clean)}"
    yield f"not clean: nine labels express {_share(labelled, left)}"
    yield f"oracle: clean and right, or expressed {_share(right + labelled, hunks)}"
    sizes = Counter(min(len(conflicts_of(hunk.parts)), 3) for hunk in left)
    for size, count in sorted(sizes.items()):
        found = [h for h in left if min(len(conflicts_of(h.parts)), 3) == size]
        expressed = sum(hunk.labels is not None for hunk in found)
        more = " or more" if size == 3 else ""  # noqa: PLR2004
        yield (
            f"  {size}{more} sub-conflicts: {_share(count, left)} of those not clean, "
            f"expressed {_share(expressed, found)}"
        )
    chosen = Counter(label for hunk in left for label in hunk.labels or ())
    for label, count in chosen.most_common():
        yield f"  {NAMES[label]:24}{count:8} {100 * count / chosen.total():6.1f} %"


def _share(count: int, of: Sequence[object]) -> str:
    return f"{100 * count / len(of):.1f} %" if of else "none"
