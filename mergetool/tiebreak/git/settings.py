"""The settings of git's configuration that a merge goes by, read from names and values.

Every function raises `UsageError`, or its kind, naming the setting whose value makes no sense;
the driver then leaves git's own result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.errors import UsageError
from tiebreak.git.spawn import as_bool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tiebreak.policy import Policy

    Config = Mapping[str, str]

KEYS: Final = r"^tiebreak\.|^merge\.conflictstyle$"  # for `git config --get-regexp`
TIMEOUT: Final = "5"  # seconds for one file; driver/tiebreak-start.py has it too
WEIGHTS_TIMEOUT: Final = "3600"  # the same for a checkpoint, which takes as long as copying it

NEVER: Final = "never"  # values of tiebreak.judge: where the learned judge ranks
SOLVE: Final = "solve"
ALWAYS: Final = "always"

_FAVORS: Final = ("ours", "theirs", "union")
_LANGUAGES: Final = ("shipped", "repository")
_STYLES: Final = ("merge", "diff3", "zdiff3")


def enabled(config: Config) -> bool:
    """``tiebreak.enabled``: false leaves every conflict as git does."""
    return _switch(config, "tiebreak.enabled")


def _switch(config: Config, name: str) -> bool:
    """A setting that is on unless it says otherwise."""
    try:
        return as_bool(config.get(name.lower(), "true"))
    except ValueError as error:
        msg = f"git config {name}: {error}"
        raise UsageError(msg) from error


def timeout(config: Config) -> float:
    """``tiebreak.timeout``: seconds for one file, then git's own conflict is kept."""
    return _seconds("tiebreak.timeout", config.get("tiebreak.timeout", TIMEOUT))


def weights_timeout(config: Config) -> float:
    """``tiebreak.weightsTimeout``: seconds for one checkpoint, then ours is kept, in conflict."""
    value = config.get("tiebreak.weightstimeout", WEIGHTS_TIMEOUT)
    return _seconds("tiebreak.weightsTimeout", value)


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        msg = f"git config {name}: expected seconds, more than 0, got {value!r}"
        raise UsageError(msg)
    return seconds


def favor(config: Config) -> str | None:
    """``tiebreak.favor``: the side that gets what stays in conflict, as git's ``-X``."""
    value = config.get("tiebreak.favor")
    if value is not None and value not in _FAVORS:
        msg = f"git config tiebreak.favor: expected one of {', '.join(_FAVORS)}, got {value!r}"
        raise UsageError(msg)
    return value


def repository_languages(config: Config) -> bool:
    """``tiebreak.languages``: whether those of a repository count like the shipped ones."""
    value = config.get("tiebreak.languages", "shipped")
    if value not in _LANGUAGES:
        known = ", ".join(_LANGUAGES)
        msg = f"git config tiebreak.languages: expected one of {known}, got {value!r}"
        raise UsageError(msg)
    return value == "repository"


def judge(config: Config) -> str:
    """``tiebreak.judge``: ``solve`` (by default), ``always`` (in the driver too) or ``never``."""
    value = config.get("tiebreak.judge", SOLVE)
    if value not in {NEVER, SOLVE, ALWAYS}:
        msg = f"git config tiebreak.judge: expected never, solve or always, got {value!r}"
        raise UsageError(msg)
    return value


def memory(config: Config) -> bool:
    """``tiebreak.memory``: whether what was resolved before is offered again (yes by default)."""
    return _switch(config, "tiebreak.memory")


def own_judge(config: Config) -> bool:
    """``tiebreak.ownJudge``: whether a judge adapted to this repository is used (by default)."""
    return _switch(config, "tiebreak.ownJudge")


def style(config: Config) -> str:
    """``merge.conflictStyle``, which git itself complains of when it is wrong."""
    value = config.get("merge.conflictstyle", "merge")
    return value if value in _STYLES else "merge"


def allowed(config: Config) -> Policy:
    """The most the user allows: ``tiebreak.commit``, ``apply``, ``most`` and ``provable``."""
    from tiebreak.recipe import policy_from_config

    return policy_from_config(
        (name.removeprefix("tiebreak."), value) for name, value in config.items()
    )
