"""Which judge ranks the candidates: the learned one where it is wanted and can run.

The model is loaded with the first hunk that needs it. When it cannot be, the rule judge does its
work, and one line says why: a missing package must not stand in the way of a merge.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tiebreak.git import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.conflict import Candidate, Judge, Judgement
    from tiebreak.git.settings import Config
    from tiebreak.text.document import Hunk


def in_solve(config: Config) -> Judge[Hunk, bytes] | None:
    """The judge of `tiebreak solve`, and of the candidates that are shown; None: the rules."""
    if settings.judge(config) == settings.NEVER:
        return None
    from tiebreak.ranker.model import missing

    return None if missing() else _Learned()


def in_driver(config: Config) -> Judge[Hunk, bytes] | None:
    """The judge of the merge driver, which starts anew for every file; None: the rules."""
    if settings.judge(config) != settings.ALWAYS:
        return None
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy starts threads that nobody uses
    return _Learned()


class _Learned:
    """The learned judge, loaded on first use."""

    def __init__(self) -> None:
        self._judge: Judge[Hunk, bytes] | None = None

    def __call__(self, hunk: Hunk, candidates: Sequence[Candidate[bytes]]) -> Sequence[Judgement]:
        if self._judge is None:
            self._judge = _load()
        return self._judge(hunk, candidates)


def _load() -> Judge[Hunk, bytes]:
    from tiebreak.ranker.model import missing
    from tiebreak.text import judge as rules

    problem = missing()
    if problem is None:
        from tiebreak.ranker.judge import shipped

        try:
            return shipped()
        except TimeoutError:  # the time for this file is over, whoever judges
            raise
        except Exception as error:  # noqa: BLE001  (each library has its own for a damaged file)
            problem = str(error) or repr(error)
    sys.stderr.write(f"tiebreak: without the learned judge: {problem}\n")
    return rules.judge
