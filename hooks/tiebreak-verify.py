# ruff: noqa: INP001, E402
"""`tiebreak weights verify` for the hooks beside this: `python -I tiebreak-verify.py OPTION`."""

from __future__ import annotations

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
# installed: site-packages/tiebreak/_hooks; in a checkout: hooks, beside mergetool
for root in (os.path.dirname(os.path.dirname(here)), os.path.join(here, "..", "mergetool")):
    if os.path.isfile(os.path.join(root, "tiebreak", "cli", "dispatch.py")):
        sys.path.insert(0, root)
        break

from tiebreak.cli.dispatch import run

sys.exit(run(["weights", "verify", *sys.argv[1:]]))
