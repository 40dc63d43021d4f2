# ruff: noqa: INP001, E402
"""Start the driver's Python half: `python -I -S tiebreak-start.py ARGS` (see `tiebreak-driver`).

`-I -S` keep the merged repository, PYTHONPATH and every .pth file out. The one directory put on the
path is the one that tiebreak was installed in; only if something is not found there (an editable
install) are the interpreter's own site-packages consulted.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends even C code that never comes back
signal.alarm(5)  # the default of tiebreak.timeout, which is read later

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec


class _SiteAtLast:
    """A finder for what no other finder knows: makes site-packages importable, once."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, _target: object = None
    ) -> ModuleSpec | None:
        if cls not in sys.meta_path or name.partition(".")[0] == "tiebreak":
            return None
        sys.meta_path.remove(cls)
        import site
        from importlib.machinery import PathFinder

        site.main()
        return PathFinder.find_spec(name, path)


here = os.path.dirname(os.path.abspath(__file__))
# installed: site-packages/tiebreak/_driver; in a checkout: driver, beside mergetool
for root in (os.path.dirname(os.path.dirname(here)), os.path.join(here, "..", "mergetool")):
    if os.path.isfile(os.path.join(root, "tiebreak", "cli", "drive.py")):
        sys.path.insert(0, root)
        break
sys.meta_path.append(_SiteAtLast)

from tiebreak.cli.drive import main

main(sys.argv[1:])
