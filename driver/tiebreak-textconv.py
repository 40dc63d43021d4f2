# ruff: noqa: INP001, E402
"""A checkpoint as text for `git diff`: `python -I tiebreak-textconv.py FILE` (gitattributes(5)).

`-I` keeps the repository and PYTHONPATH out, as for the merge driver.
"""

from __future__ import annotations

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
# installed: site-packages/tiebreak/_driver; in a checkout: driver, beside mergetool
for root in (os.path.dirname(os.path.dirname(here)), os.path.join(here, "..", "mergetool")):
    if os.path.isfile(os.path.join(root, "tiebreak", "cli", "dispatch.py")):
        sys.path.insert(0, root)
        break

from tiebreak.cli.dispatch import run

sys.exit(run(["weights", "textconv", *sys.argv[1:]]))
