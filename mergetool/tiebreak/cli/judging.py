"""Which judge ranks the candidates: the learned one where it is wanted and can run.

The model is loaded with the first hunk that needs it. Without its packages the light judge ranks;
with files that do not load the rule judge does, and one line says why.
"""

from __future__ import annotations

import sys
from functools import cached_property, partial
from typing import TYPE_CHECKING

from tiebreak.errors import InputError
from tiebreak.git import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiebreak.conflict import Candidate, Judge, Judgement
    from tiebreak.git.settings import Config
    from tiebreak.ranker.judge import Learned
    from tiebreak.ranker.own import Own
    from tiebreak.text.document import Document, Hunk


def in_solve(config: Config) -> LearnedJudge | None:
    """The judge of `tiebreak solve`, and of the candidates that are shown; None: the rules."""
    if settings.judge(config) == settings.NEVER:
        return None
    return LearnedJudge(own=settings.own_judge(config))


def in_driver(config: Config) -> Judge[Hunk, bytes] | None:
    """The judge of the merge driver, which starts anew for every file; None: the rules.

    That is the light one, for which nothing has to be imported, but where this repository has a
    judge of its own: that corrects the whole model.
    """
    if settings.judge(config) != settings.ALWAYS:
        return None
    return LearnedJudge(own=settings.own_judge(config), light=True)


class LearnedJudge:
    """The learned judge, loaded on first use; the rule judge where its model does not load."""

    def __init__(self, *, own: bool = False, light: bool = False) -> None:
        """Nothing is loaded yet.

        With `own`, what was learned from this repository corrects the model, if anything was; with
        `light`, the light judge does where nothing was.
        """
        self._own, self._light = own, light

    @cached_property
    def _model(self) -> Learned | None:
        return _load(partial(_made, own=self._own, light=self._light))

    def load(self) -> bool:
        """Load the model now, where no file's time runs out over it; whether that is possible."""
        return self._model is not None

    def __call__(self, hunk: Hunk, candidates: Sequence[Candidate[bytes]]) -> Sequence[Judgement]:
        """See `tiebreak.conflict.Judge`."""
        from tiebreak.text import judge as rules

        if self._model is None:
            return rules.judge(hunk, candidates)
        return self._model(hunk, candidates)

    def survey(self, document: Document) -> None:
        """Take one file of the merge into account before any of them is judged."""
        if self._model is not None:
            self._model.survey(document)

    def surveyed(self) -> None:
        """Say that these were all files of the merge."""
        if self._model is not None:
            self._model.surveyed()


def _light() -> Learned:
    from tiebreak.ranker.judge import light

    return light()


def _made(*, own: bool, light: bool) -> Learned:
    """See `LearnedJudge`; the light judge, too, where the packages of the whole are missing."""
    from tiebreak.ranker.judge import shipped
    from tiebreak.ranker.model import lacking

    if lacking() or (light and not (own and _kept())):
        return _light()
    return shipped(adapted() if own else None)


def _load(made: Callable[[], Learned]) -> Learned | None:
    try:
        return made()
    except Exception as error:  # noqa: BLE001  (each library has its own for a damaged file)
        problem = str(error) or repr(error)
    sys.stderr.write(f"tiebreak: without the learned judge: {problem}\n")
    return None


def _kept(place: str | None = None) -> str | None:
    """The git directory in which the repository at `place` keeps a judge of its own, if it does."""
    from tiebreak.git.repository import find_repository
    from tiebreak.ranker import own

    try:
        common_dir = find_repository(place).common_dir
    except InputError:
        return None
    return common_dir if own.exists(common_dir) else None


def adapted(place: str | None = None) -> Own | None:
    """What was learned from the merges of the repository at `place` (the current directory).

    None without; one line says why where it cannot be used.
    """
    from tiebreak.ranker import own

    common_dir = _kept(place)
    if common_dir is None:
        return None
    try:
        return own.load(common_dir)
    except InputError as error:
        sys.stderr.write(f"tiebreak: the shipped judge alone: {error}; {own.MEND}\n")
        return None
