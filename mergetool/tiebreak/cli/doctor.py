"""``tiebreak doctor``: what keeps the merge driver from working, and the fix."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tiebreak.git.doctor import Finding


@click.command("doctor")
def command() -> int:
    """Check the registration: git, launcher, interpreter, attributes, settings.

    Exits with 1 when something needs mending. Git itself says nothing of a driver that it cannot
    find or that no attribute selects; it merges by lines.
    """
    from tiebreak.cli.patterns import default_patterns
    from tiebreak.errors import CONFLICTS, OK
    from tiebreak.git import settings
    from tiebreak.git.doctor import examine
    from tiebreak.git.install import CHECKPOINTS
    from tiebreak.git.repository import config_section
    from tiebreak.text.language import language_for

    samples = [pattern.replace("*", "sample") for pattern in default_patterns()]
    findings = examine(
        samples, lambda path: path.endswith(CHECKPOINTS) or language_for(path) is not None
    )
    config = dict(config_section(settings.KEYS))
    findings += [*_trusted(config), *_own_judge(config), *_folders()]
    for finding in findings:
        click.echo(f"{'problem' if finding.fix else 'ok'}: {finding.what}")
        if finding.fix:
            click.echo(f"    fix: {finding.fix}")
    return CONFLICTS if any(finding.fix for finding in findings) else OK


def _trusted(config: Mapping[str, str]) -> Iterator[Finding]:
    """Words of `tiebreak.trust` that name nothing: they would be passed over in silence."""
    from tiebreak.errors import UsageError
    from tiebreak.git import settings
    from tiebreak.git.doctor import Finding
    from tiebreak.text.generators import GENERATORS

    known = dict.fromkeys(name.removesuffix("-others") for name, _ in GENERATORS)
    try:
        trust = settings.allowed(config).trust
    except UsageError:
        return  # the check of the settings says so
    for stratum in trust:
        if stratum.partition("/")[0] not in known:
            what = f"tiebreak.trust: no generator is called {stratum!r}; known: {', '.join(known)}"
            yield Finding(what, "git config --edit")


def _own_judge(config: Mapping[str, str]) -> Iterator[Finding]:
    """What was learned from this repository's merges (`tiebreak learn train --from shipped`)."""
    from tiebreak.errors import InputError, UsageError
    from tiebreak.git import settings
    from tiebreak.git.doctor import Finding
    from tiebreak.git.repository import find_repository
    from tiebreak.ranker import own

    try:
        common_dir = find_repository().common_dir
    except InputError:
        return
    try:
        used = settings.own_judge(config)
        if own.exists(common_dir):
            kept = own.read(common_dir)
            what = f"the judge is adapted to {kept.merges} merges of this repository"
            off = "" if used else "; tiebreak.ownJudge is false: it is ignored"
            yield Finding(f"{what}, better {kept.figures}{off}")
    except UsageError as error:
        yield Finding(str(error), "git config --unset tiebreak.ownJudge")
    except InputError as error:
        yield Finding(f"the shipped judge alone ranks: {error}", own.MEND)


def _folders() -> Iterator[Finding]:
    """Whether the files of each checkpoint in the work tree fit each other."""
    from tiebreak.errors import InputError
    from tiebreak.git.command import git
    from tiebreak.git.install import CHECKPOINTS
    from tiebreak.git.repository import find_repository

    try:
        top = find_repository().top
    except InputError:
        return
    files = git("ls-files", "-z", "--", f"*{CHECKPOINTS}", cwd=top).paths if top else []
    for folder in sorted({os.path.dirname(file) for file in files}):
        yield from _folder(os.path.join(top or "", folder), folder or ".")


def _folder(path: str, name: str) -> Iterator[Finding]:
    from tiebreak.cli.weights.sources import local
    from tiebreak.errors import TiebreakError
    from tiebreak.git.doctor import Finding

    if not os.path.isdir(path):
        return
    try:
        from tiebreak.weights.verify import verify

        with local(path) as here:
            found = verify(here)
    except ModuleNotFoundError:
        return  # numpy: the check of what the driver imports says so
    except TiebreakError as error:
        yield Finding(f"note: {name} was not verified: {error}")
        return
    for finding in found:
        yield Finding(f"{name}/{finding.file}: {finding.what}", finding.fix)
    if not found:
        yield Finding(f"the files of {name} fit each other")
