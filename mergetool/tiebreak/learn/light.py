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
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tiebreak.learn import boosting, company, export, packed
from tiebreak.learn.calibrate import tables, trained
from tiebreak.ranker.light import TABLES
from tiebreak.ranker.model import LIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.learn.packed import Packed

TRAINED: Final = "light_trained"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args(arguments)
    data = packed.load(options.data)
    logits = boosting.out_of_fold(data, options.threads)
    found = build(data, logits, options.model, options.threads)
    path = options.model / "about.json"
    path.write_bytes(export.text({**json.loads(path.read_bytes()), **found}))
    sys.stdout.write(json.dumps(found[TRAINED], indent=1) + "\n")
    return 0


def build(data: Packed, logits: Any, model: Path, threads: int) -> dict[str, Any]:
    """Write the second look, from log-odds out of fold; what `about.json` then says."""
    first = 1 / (1 + np.exp(-logits))
    scores = company.build(data, first, model / LIGHT, threads)
    return {TABLES: tables(data, scores), TRAINED: trained(data, scores)}


if __name__ == "__main__":
    sys.exit(main())
