"""Is the merge driver registered so that it works? Every check says what is wrong, and the fix.

A driver that is not found, or that no attribute selects, fails silently: git merges by lines and
says nothing (gitattributes(5)). That silence is what these checks are for.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import InputError, TiebreakError
from tiebreak.git import settings
from tiebreak.git.command import git
from tiebreak.git.install import (
    CHECKPOINTS,
    DIFF,
    DRIVER,
    SECTION,
    TEXTCONV,
    driver_command,
    launcher_path,
)
from tiebreak.git.repository import Repository, config, config_section, find_repository, git_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OLDEST: Final = (2, 38)  # git merge-tree --write-tree, and the least that is tested
_BUILT_IN: Final = {"text", "binary", "union", "set", "unset", "unspecified"}
_SHOWN: Final = 3  # names of files in one line
_COMMAND: Final = re.compile(r"set -- ((?:'[^']*'|\\')+) ((?:'[^']*'|\\')+) %O %A %B")


class Finding(NamedTuple):
    """What a check found: fine if it comes without a fix."""

    what: str
    fix: str = ""


class Setup(NamedTuple):
    """What the checks look at. `repository` is None outside one; `scope` where it is registered.

    `samples` are names of files that tiebreak is for, `is_source` says so of any path.
    """

    version: tuple[int, int]
    repository: Repository | None
    command: str | None
    scope: str
    launcher: str
    python: str
    samples: Sequence[str]
    is_source: Callable[[str], bool]


def examine(samples: Sequence[str], is_source: Callable[[str], bool]) -> list[Finding]:
    """Run every check, in the order in which one would mend things."""
    setup = _look(samples, is_source)
    return [finding for check in CHECKS for finding in check(setup)]


def _look(samples: Sequence[str], is_source: Callable[[str], bool]) -> Setup:
    try:
        repository: Repository | None = find_repository()
    except InputError:
        repository = None
    command = config(f"{SECTION}.driver")
    asked = git("config", "--show-scope", "--get", f"{SECTION}.driver", accept=(0, 1))
    scope = asked.line.partition("\t")[0]
    return Setup(
        git_version(), repository, command, scope, *_paths(command or ""), samples, is_source
    )


def _paths(command: str) -> tuple[str, str]:
    """The launcher and the interpreter that a registered command names; empty if it is not ours."""
    import shlex

    found = _COMMAND.search(command)
    if found is None:
        return "", ""
    launcher, python = (shlex.split(quoted)[0].replace("%%", "%") for quoted in found.groups())
    return launcher, python


def _check_git(setup: Setup) -> Iterator[Finding]:
    version = ".".join(map(str, setup.version))
    if setup.version < OLDEST:
        yield Finding(f"git {version} is too old", "install git 2.38 or newer")
    else:
        yield Finding(f"git {version}")


def _check_registered(setup: Setup) -> Iterator[Finding]:
    if setup.command is None:
        yield Finding(
            f"{SECTION}.driver is not set: git merges by lines, silently, even where an attribute"
            " names tiebreak",
            "tiebreak install, or tiebreak install --global",
        )
    elif setup.command == driver_command(launcher_path(), sys.executable):
        yield Finding(f"registered in the {setup.scope} configuration")
    else:
        other = f" ({setup.launcher}, run by {setup.python})" if setup.launcher else ""
        yield Finding(
            f"the {setup.scope} configuration registers another installation or version{other}",
            f"tiebreak install --{setup.scope}",
        )


def _check_launcher(setup: Setup) -> Iterator[Finding]:
    again = f"reinstall tiebreak, then: tiebreak install --{setup.scope}"
    if not setup.launcher:
        return
    if not os.path.isfile(setup.launcher):
        yield Finding(f"the launcher is gone: {setup.launcher}", again)
    elif not os.access(setup.python, os.X_OK):
        yield Finding(f"the interpreter is gone: {setup.python}", again)
    else:
        trouble = _try_out(setup)
        yield (
            Finding(f"a trial merge fails: {trouble}", again)
            if trouble
            else Finding(f"a trial merge works: {setup.launcher}")
        )


def _try_out(setup: Setup) -> str:
    """Run the command on a small conflict, away from any repository; what goes wrong, if so."""
    import subprocess
    import tempfile

    versions = {"O": "x = 1\ny = 2\n", "A": "x = 3\ny = 2\n", "B": "x = 1\ny = 4\n"}
    command = setup.command or ""
    words = {"P": "sample.py", "L": "7", "S": "base", "X": "ours", "Y": "theirs", "%": "%"}
    for letter, value in [*zip(versions, versions, strict=True), *words.items()]:
        command = command.replace(f"%{letter}", value)
    with tempfile.TemporaryDirectory(prefix="tiebreak-doctor-") as folder:
        for name, text in versions.items():
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write(text)
        done = subprocess.run(
            ("sh", "-c", command),
            cwd=folder,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": os.path.dirname(folder)},
            capture_output=True,
            check=False,
        )
    said = [line for line in os.fsdecode(done.stderr).splitlines() if "resolved" not in line]
    if said:
        return said[0]
    merged = done.returncode in {0, 1} and not done.stdout
    return "" if merged else f"it ended with status {done.returncode}"


def _check_dependencies(setup: Setup) -> Iterator[Finding]:
    import subprocess

    if not os.access(setup.python, os.X_OK):
        return
    for module, package in _needed(setup):
        asked = (setup.python, "-I", "-c", f"import {module}")
        done = subprocess.run(asked, capture_output=True, check=False)
        if done.returncode:
            said = os.fsdecode(done.stderr).strip().splitlines()
            yield Finding(
                f"{setup.python} cannot import {module}: {said[-1] if said else 'no reason given'}",
                f"{setup.python} -m pip install '{package}'",
            )


def _needed(setup: Setup) -> Iterator[tuple[str, str]]:
    """The modules that the driver imports, and what to install for each."""
    yield "tree_sitter", "tiebreak"
    yield "tree_sitter_language_pack", "tiebreak"
    tracked = _tracked(setup.repository) if setup.repository is not None else []
    if any(path.endswith(CHECKPOINTS) for path in tracked):
        yield "numpy", "tiebreak[weights]"


def _check_switches(_setup: Setup) -> Iterator[Finding]:
    """Settings that turn it off, on purpose or by a slip."""
    if os.environ.get("TIEBREAK") == "0":
        yield Finding("TIEBREAK=0 in the environment switches tiebreak off", "unset TIEBREAK")
    config = dict(config_section(settings.KEYS))
    for read in _SETTINGS:
        try:
            if read(config) is False and read is settings.enabled:
                fix = "git config --unset tiebreak.enabled"
                yield Finding("tiebreak.enabled is false: tiebreak is switched off", fix)
        except TiebreakError as error:
            yield Finding(f"{error}: nothing is resolved until it is right", "git config --edit")


_SETTINGS: Final = (
    settings.enabled,
    settings.timeout,
    settings.weights_timeout,
    settings.favor,
    settings.judge,
    settings.memory,
    settings.own_judge,
    settings.repository_languages,
    settings.allowed,
)


def _check_recursive(setup: Setup) -> Iterator[Finding]:
    if setup.command is not None and config(f"{SECTION}.recursive") != "text":
        yield Finding(
            f"{SECTION}.recursive is not text: merges of merge bases would run the driver",
            f"tiebreak install --{setup.scope}",
        )


def _check_textconv(setup: Setup) -> Iterator[Finding]:
    """Whether `git diff` shows checkpoints as text, where there are any."""
    if setup.repository is None or setup.command is None:
        return
    tracked = [path for path in _tracked(setup.repository) if path.endswith(CHECKPOINTS)]
    if not tracked:
        return
    again = f"tiebreak install --{setup.scope}"
    if config(TEXTCONV) is None:
        yield Finding(f"{TEXTCONV} is not set: git diff says nothing of checkpoints", again)
    by = Counter(value for _, value in _attributes("diff", tracked) if value != DIFF)
    if by:
        value, count = by.most_common(1)[0]
        yield Finding(
            f"note: git diff shows {count} checkpoint(s) by diff={value}, not as tensors; an"
            " attribute of the repository outranks tiebreak's (tiebreak install --local does not)"
        )


def _check_hooks(setup: Setup) -> Iterator[Finding]:
    from tiebreak.git.hooks import broken_hooks

    for file in broken_hooks() if setup.repository is not None else ():
        what = f"{file} was written by another installation or version, or was changed"
        yield Finding(what, "tiebreak install --hooks")


def _check_recipe(setup: Setup) -> Iterator[Finding]:
    from tiebreak.recipe import load_recipe
    from tiebreak.recipe_errors import NAME

    if setup.repository is None or setup.repository.top is None:
        return
    try:
        load_recipe(setup.repository.top)
    except TiebreakError as error:
        yield Finding(f"{error}: nothing is resolved until it is right", f"edit {NAME}")


def _check_attributes(setup: Setup) -> Iterator[Finding]:
    """Which driver git would choose for the tracked files of known languages."""
    if setup.repository is None:
        return
    known = [path for path in _tracked(setup.repository) if setup.is_source(path)]
    default = config("merge.default") or "text"
    by_driver: dict[str, list[str]] = {}
    for path, value in _merge_attributes(known or setup.samples):
        by_driver.setdefault(default if value == "unspecified" else value, []).append(path)
    ours = by_driver.pop(DRIVER, [])
    if not ours:
        yield Finding(
            "no attribute selects tiebreak for any file of a known language here",
            "tiebreak install",
        )
    elif known:
        yield Finding(f"tiebreak merges {len(ours)} of the {len(known)} tracked source files")
    for value, paths in sorted(by_driver.items()):
        if value != "text":
            yield _overridden(value, paths)


def _overridden(value: str, paths: Sequence[str]) -> Finding:
    files = f"{', '.join(paths[:_SHOWN])}{', ...' if len(paths) > _SHOWN else ''}"
    by = {"unset": "as binary (-merge, or the binary macro)", "set": "by lines (merge)"}
    return Finding(
        f"an attribute makes git merge {len(paths)} source file(s) {by.get(value, f'by {value}')}"
        f" instead: {files}",
        f"git check-attr -a {paths[0]} shows it; change that line of .gitattributes, or let"
        " `tiebreak install --local` outrank it",
    )


def _check_unknown_drivers(setup: Setup) -> Iterator[Finding]:
    """Attributes name drivers; a name without configuration means git's text merge, silently."""
    if setup.repository is None:
        return
    named = Counter(value for _, value in _merge_attributes(_tracked(setup.repository)))
    for name in sorted(set(named) - _BUILT_IN):
        if config(f"merge.{name}.driver") is None:
            yield Finding(
                f"attributes name the merge driver {name} for {named[name]} file(s), but no"
                " configuration knows it: git merges them by lines, silently",
                "tiebreak install" if name == DRIVER else f"git config merge.{name}.driver ...",
            )


def _check_command_line(_setup: Setup) -> Iterator[Finding]:
    if not os.path.exists("/proc/self/cmdline"):
        yield Finding(
            "note: git does not pass -X ours/theirs to a merge driver, and this system does not"
            " show the command line; use git -c tiebreak.favor=ours"
        )


CHECKS: Final[tuple[Callable[[Setup], Iterator[Finding]], ...]] = (
    _check_git,
    _check_registered,
    _check_launcher,
    _check_dependencies,
    _check_switches,
    _check_recursive,
    _check_textconv,
    _check_hooks,
    _check_recipe,
    _check_attributes,
    _check_unknown_drivers,
    _check_command_line,
)


def _tracked(repository: Repository) -> list[str]:
    if repository.top is None:
        return []
    paths = git("ls-files", "-z", cwd=repository.top).paths
    return list(dict.fromkeys(paths))  # a path in conflict is listed once per stage


def _merge_attributes(paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    return _attributes("merge", paths)


def _attributes(name: str, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each path with an attribute, as git-check-attr(1) prints it."""
    top = git("rev-parse", "--show-cdup").line or None
    asked = git("check-attr", "-z", "--stdin", name, cwd=top, stdin=os.fsencode("\0".join(paths)))
    fields = asked.out.split(b"\0")
    for path, value in zip(fields[0::3], fields[2::3], strict=False):
        yield os.fsdecode(path), os.fsdecode(value)
