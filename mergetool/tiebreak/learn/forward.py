"""Whether trees that learned from earlier merges judge later ones: split by repository and time.

    python -m tiebreak.learn.forward DATA.npz

Hunks of the latest merges are judged, first look alone, by trees that learned from repositories of
other folds: from the merges before these alone, and from as many hunks of any time.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tiebreak.errors import InputError
from tiebreak.learn import boosting, packed
from tiebreak.learn.split import FOLDS, fold_of
from tiebreak.learn.verdicts import summary, verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.learn.packed import Packed

LATEST: Final = (0.2, 0.4)  # shares of all hunks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args(arguments)
    data = packed.load(options.data)
    if "time" not in data.hunks[0]:
        raise InputError(f"{options.data} has no times: make it again (tiebreak.learn.tensors)")
    times = np.array([hunk["time"] for hunk in data.hunks])
    for share in LATEST:
        since = np.quantile(times, 1 - share)
        for name, logits in compared(data, times < since, options.threads).items():
            found = summary(verdicts(data, logits).where(times >= since))
            date = datetime.fromtimestamp(int(since), UTC).date()
            shown = ", ".join(
                f"{what} {100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
                for what, (value, low, high) in (
                    ("top 1", found.top1),
                    ("top 3", found.top3),
                    ("at 90 %", found.coverage[0.9]),
                )
            )
            sys.stdout.write(f"{found.hunks} hunks since {date}, {name}: {shown}\n")
    return 0


def compared(data: Packed, before: Any, threads: int) -> dict[str, Any]:
    """Log-odds of every candidate, from a model of earlier hunks, and one of as many of any time.

    `before` says which hunks are earlier.
    """
    folds = np.array([fold_of(hunk["repo"]) for hunk in data.hunks])
    if len(set(folds[before])) < 2 or not set(folds) <= set(folds[before]):  # noqa: PLR2004
        raise InputError("too few repositories: every fold needs earlier and later hunks of others")
    chance = np.random.default_rng(0)
    found = {name: np.zeros(len(data.right)) for name in ("learned before", "of any time")}
    for fold in range(FOLDS):
        held = folds == fold
        others = np.nonzero(folds != fold)[0]
        earlier = others[before[others]]
        if not held.any():
            continue
        as_many = chance.choice(others, len(earlier), replace=False)
        judged = boosting.rows(data.where(held))
        for every, taken in zip(found.values(), (earlier, as_many), strict=True):
            models = boosting.fit(data.where(np.isin(np.arange(len(folds)), taken)), threads)
            every[data.rows_of(held)] = boosting.logits(models, judged)
    return found


if __name__ == "__main__":
    sys.exit(main())
