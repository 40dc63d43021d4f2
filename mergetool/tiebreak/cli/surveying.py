"""Before `tiebreak solve` resolves anything, the judge looks at every conflict of the merge.

What it expects of the others is evidence for each. A survey that takes too long is left at that:
then the judge knows that it has not seen everything.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.cli.judging import LearnedJudge
from tiebreak.cli.limits import OutOfTime, limited
from tiebreak.text.file import Settings, document_of, is_binary

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS: Final = 60.0  # for all files together
FILES: Final = 300


class Sources(NamedTuple):
    """A conflict's three texts, and what governs it."""

    path: str  # from the top of the work tree
    base: bytes
    ours: bytes
    theirs: bytes
    how: Settings
    seconds: float
    disagrees_on_mode: bool


def survey(files: Sequence[Sources]) -> None:
    """Show the judge of these files all of them."""
    judge = files[0].how.judge if files else None
    if not isinstance(judge, LearnedJudge):
        return
    judge.load()
    if len(files) > FILES:
        return
    end = monotonic() + SECONDS
    for file in files:
        texts = (file.base, file.ours, file.theirs)
        if any(map(is_binary, texts)):
            continue
        try:
            with limited(min(file.seconds, max(0.01, end - monotonic()))):
                judge.survey(document_of(file.path, *texts, file.how))
        except OutOfTime:
            return
    judge.surveyed()
