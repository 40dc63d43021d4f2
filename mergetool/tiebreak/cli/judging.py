"""Which judge ranks the candidates: the learned one where it is wanted and can run.

The model is loaded with the first hunk that needs it. Without its packages the light judge ranks,
and so it does, with a line that says why, where they do not load; with files that do not load the
rule judge does, and one line says why.
"""

from __future__ import annotations

import sys
from functools import cached_property, partial
from typing import TYPE_CHECKING

from tiebreak.errors import InputError, line_of
from tiebreak.git import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiebreak.conflict import Candidate, Judge, Judgement
    from tiebreak.git.settings import Config
    from tiebreak.ranker.judge import Learned
    from tiebreak.ranker.own import Own
    from tiebreak.text.document import Document, Hunk


def in_solve(config: Config, common_dir: str | None) -> LearnedJudge | None:
    """The judge of `tiebreak solve`, and of the candidates that are shown; None: the rules.

    `common_dir` is the common git directory; None outside of a repository.
    """
    if settings.judge(config) == settings.NEVER:
        return None
    return LearnedJudge(_own(config, common_dir))


def in_driver(config: Config, common_dir: str | None) -> Judge[Hunk, bytes] | None:
    """The judge of the merge driver, which starts anew for every file; None: the rules.

    That is the light one, for which nothing has to be imported, but where this repository has a
    judge of its own: that corrects the whole model.
    """
    if settings.judge(config) != settings.ALWAYS:
        return None
    return LearnedJudge(_own(config, common_dir), light=True)


def _own(config: Config, common_dir: str | None) -> str | None:
    """Where the repository's own judge would be, if it is wanted."""
    return common_dir if settings.own_judge(config) else None


class LearnedJudge:
    """The learned judge, loaded on first use; the rule judge where its model does not load."""

    def __init__(self, own: str | None, *, light: bool = False) -> None:
        """Nothing is loaded yet.

        What was learned from the repository with the common git directory `own` corrects the model,
        if anything was; with `light`, the light judge does where nothing was.
        """
        self._own, self._light = own, light

    @cached_property
    def _model(self) -> Learned | None:
        return _load(partial(_made, self._own, light=self._light))

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


def _made(own: str | None, *, light: bool) -> Learned:
    """See `LearnedJudge`; the light judge, too, where the packages of the whole do not load."""
    from tiebreak.ranker import judge
    from tiebreak.ranker.model import lacking

    if lacking() or (light and not _kept(own)):
        return judge.light()
    try:
        return judge.shipped(adapted(own))
    except ImportError as error:  # a package is there, but not for this interpreter or machine
        sys.stderr.write(f"tiebreak: the light judge instead of the whole one: {line_of(error)}\n")
        return judge.light()


def _load(made: Callable[[], Learned]) -> Learned | None:
    try:
        return made()
    except Exception as error:  # noqa: BLE001  (each library has its own for a damaged file)
        problem = line_of(error)
    sys.stderr.write(f"tiebreak: without the learned judge: {problem}\n")
    return None


def _kept(common_dir: str | None) -> bool:
    """Whether a repository keeps a judge of its own."""
    from tiebreak.ranker import own

    return common_dir is not None and own.exists(common_dir)


def adapted(common_dir: str | None) -> Own | None:
    """What was learned from the merges of a repository, by its common git directory.

    None without; one line says why where it cannot be used.
    """
    from tiebreak.ranker import own

    if common_dir is None or not own.exists(common_dir):
        return None
    try:
        return own.load(common_dir)
    except InputError as error:
        sys.stderr.write(f"tiebreak: the shipped judge alone: {error}; {own.MEND}\n")
        return None
