# ruff: noqa: INP001, E402
"""The command line for git and its hooks: `python -I tiebreak-run.py weights textconv FILE`.

`-I` keeps the repository and PYTHONPATH out, as for the merge driver (tiebreak-start.py).
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

from tiebreak.cli import main

sys.exit(main())
