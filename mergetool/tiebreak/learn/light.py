"""The light judge of a model: calibrate its trees alone, with a second look of their own.

    python -m tiebreak.learn.light DATA.npz MODEL

adds it to a model that was assembled without, or from other data: out of fold, trees are made anew
by the same recipe; those of the model stay.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tiebreak.learn import boosting, company, packed
from tiebreak.learn.calibrate import calibrate
from tiebreak.learn.verdicts import summary, verdicts
from tiebreak.ranker import calibration
from tiebreak.ranker.light import COMPANY, TABLES
from tiebreak.ranker.model import MERGE, SCOPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.learn.packed import Packed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args(arguments)
    data = packed.load(options.data)
    rows = [boosting.rows(data), boosting.rows(data, hide=True)]
    logits = boosting.out_of_fold(data, rows, options.threads)
    scores = build(data, logits, options.model, options.threads)
    path = options.model / "about.json"
    about = json.loads(path.read_bytes())
    about[TABLES] = without_doubt(tables(data, scores))
    about["light_trained"] = trained(data, scores)
    path.write_bytes(json.dumps(about, indent=1).encode() + b"\n")
    sys.stdout.write(json.dumps(about["light_trained"], indent=1) + "\n")
    return 0


def build(data: Packed, logits: Any, model: Path, threads: int) -> dict[str, Any]:
    """The second look, from log-odds of the trees out of fold; scores out of fold, by scope."""
    return second_look(data, 1 / (1 + np.exp(-logits)), model / COMPANY, threads)


def second_look(data: Packed, first: Any, path: Path, threads: int) -> dict[str, Any]:
    """Write the trees of a second look at scores; scores out of fold, by scope."""
    views = company.table(data, first), company.table(data, first, whole_merge=False)
    np.save(path, boosting.flat(company.fit(views[0], data.right, first, threads)))
    scores = company.out_of_fold(data, views[0], first, views[1], threads)
    return dict(zip(SCOPES, scores, strict=True))


def tables(data: Packed, scores: Mapping[str, Any]) -> dict[str, Any]:
    """The calibration of each scope, as `about.json` has it."""
    found = {scope: calibrate(data, own, verdicts(data, own)) for scope, own in scores.items()}
    return {scope: calibration.to_json(of_scope) for scope, of_scope in found.items()}


def without_doubt(found: dict[str, Any]) -> dict[str, Any]:
    """Calibrations with which proofs stand: trees alone know less of them than the rules."""
    return {scope: {**of_scope, "doubt": 0.0} for scope, of_scope in found.items()}


def trained(data: Packed, scores: Mapping[str, Any]) -> dict[str, Any]:
    """On what, and how good the scores are out of fold."""
    figures = summary(verdicts(data, scores[MERGE]))
    return {
        "hunks": len(data.hunks),
        "repositories": sorted({hunk["repo"] for hunk in data.hunks}),
        "out_of_fold": {
            "top1": figures.top1,
            "top3": figures.top3,
            "coverage": {str(level): value for level, value in figures.coverage.items()},
        },
    }


if __name__ == "__main__":
    sys.exit(main())
