"""``tiebreak merge-file``: `git merge-file` with the same arguments, bytes and exit codes.

With ``--resolve`` the hunks go through the pipeline first; ``--json`` shows what it thinks of each.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from tiebreak.errors import InputError, TiebreakError, of_the_system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.text.file import Settings, TextMerge

# As git merge-file ends (git-merge-file(1), "DESCRIPTION")
ERROR: Final = 255
MOST_CONFLICTS: Final = 127
WRONG_USAGE: Final = 129
MOST_LABELS: Final = 3
BARE_MARKERS: Final = (2, 55)  # the version since which an empty label leaves no space behind
LARGEST: Final = 1023 * 1024 * 1024  # bytes; git's MAX_XDIFF_SIZE

_NAMES: Final = ("ours", "base", "theirs")


class _LikeGit(click.Command):
    """Ends in git's status when it is called in a wrong way."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Parse the arguments."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            error.show()
            raise click.exceptions.Exit(WRONG_USAGE) from error


class Options(NamedTuple):
    """The command line."""

    files: tuple[str, str, str]
    labels: tuple[str, ...]
    stdout: bool
    quiet: bool
    style: str | None
    favor: str | None
    marker_size: int
    diff_algorithm: str
    object_id: bool
    resolve: bool
    as_json: bool
    audit: bool
    path: str | None


@click.command("merge-file", cls=_LikeGit)
@click.argument("files", nargs=3, metavar="CURRENT BASE OTHER")
@click.option("-p", "--stdout", is_flag=True, help="Print the result; do not write CURRENT.")
@click.option("-q", "--quiet", is_flag=True, help="Print no errors.")
@click.option("-L", "labels", multiple=True, metavar="NAME", help="Label for CURRENT, BASE, OTHER.")
@click.option("--diff3", "style", flag_value="diff3", help="Show the base in conflicts.")
@click.option("--zdiff3", "style", flag_value="zdiff3", help="The same, common lines moved out.")
@click.option("--ours", "favor", flag_value="ours", help="Resolve conflicts as ours.")
@click.option("--theirs", "favor", flag_value="theirs", help="Resolve conflicts as theirs.")
@click.option("--union", "favor", flag_value="union", help="Resolve conflicts as both.")
@click.option("--marker-size", type=int, default=7, metavar="N", help="Length of the markers.")
@click.option(
    "--diff-algorithm",
    type=click.Choice(["myers", "minimal", "patience", "histogram"]),
    default="myers",
    help="How lines are compared.",
)
@click.option("--object-id", is_flag=True, help="The three are blobs; print the result's id.")
@click.option("--resolve", is_flag=True, help="Resolve what tiebreak can, by your policy.")
@click.option("--json", "as_json", is_flag=True, help="Print hunks and candidates; write nothing.")
@click.option(
    "--audit", is_flag=True, help="With these two: what is clean but wrong is in conflict."
)
@click.option("--path", metavar="PATH", help="Merge as if CURRENT were at PATH (its language).")
def command(**arguments: Any) -> int:
    """Merge OTHER's changes since BASE into CURRENT, exactly as git merge-file does.

    Ends with the number of conflicts (at most 127), 255 on an error, 129 on a wrong call.
    """
    options = Options(**arguments)
    try:
        return _run(options)
    except TiebreakError as error:
        said = str(error)
    except OSError as error:
        refused = of_the_system(error)
        if refused is None:
            raise
        said = refused
    if not options.quiet:
        click.echo(f"error: {said}", err=True)
    return ERROR


def _wrong(options: Options) -> str | None:
    """What is wrong with the options taken together."""
    if len(options.labels) > MOST_LABELS:
        return "too many labels on the command line"
    if options.audit and not (options.resolve or options.as_json):
        return "--audit goes with --resolve or --json"
    return None


def _run(options: Options) -> int:
    wrong = _wrong(options)
    if wrong is not None:
        click.echo(f"error: {wrong}", err=True)
        return WRONG_USAGE
    texts = _read_objects(options.files) if options.object_id else _read_files(options.files)
    settings = _settings(options)
    if options.resolve or options.as_json:
        from tiebreak.text.file import merge_text

        settings = _with_repository(settings, options.path or options.files[0])
        merge = merge_text(options.path or options.files[0], texts[1], texts[0], texts[2], settings)
        status = max(merge.conflicts, int(merge.unmerged))
        text = _json(merge, options) if options.as_json else merge.text
    else:
        text, status = _plain(texts, settings)
    if options.stdout or options.as_json:
        click.echo(text, nl=False)
    elif options.object_id:
        from tiebreak.git.stages import write_blob

        click.echo(write_blob(text, os.curdir))
    else:
        _write(options.files[0], text)
    return min(status, MOST_CONFLICTS)


def _plain(texts: Sequence[bytes], settings: Settings) -> tuple[bytes, int]:
    """The merge as git does it, and the number of conflicts."""
    from tiebreak.text.merge3 import merge_lines

    ours, base, theirs = texts
    regions = merge_lines(base, ours, theirs, algorithm=settings.algorithm)
    return settings.render(regions)


def _settings(options: Options) -> Settings:
    from tiebreak.git.repository import config, git_version
    from tiebreak.text.diff import algorithm_of
    from tiebreak.text.file import Settings
    from tiebreak.text.markers import STYLES, Labels

    style = options.style or config("merge.conflictStyle") or "merge"
    if style not in STYLES:
        msg = f"unknown style {style!r} given for merge.conflictStyle"
        raise InputError(msg)
    algorithm = options.diff_algorithm
    if algorithm != "myers":  # which is the same in every version of git
        algorithm = algorithm_of(algorithm, git_version())
    labels: list[str | None] = [*options.labels, *options.files[len(options.labels) :]]
    if "" in labels and git_version() >= BARE_MARKERS:
        labels = [label or None for label in labels]
    return Settings(
        style=style,
        marker_size=options.marker_size,
        labels=Labels(*labels),
        algorithm=algorithm,
        level="zealous_alnum",
        favor=options.favor,
        audit=options.audit,
    )


def _with_repository(how: Settings, path: str) -> Settings:
    """The user's policy and judge, limited by the recipe of the repository, and its languages."""
    from tiebreak.cli.judging import in_solve
    from tiebreak.cli.remembering import remembered
    from tiebreak.git import settings
    from tiebreak.git.repository import config_section, find_repository
    from tiebreak.recipe import load_recipe
    from tiebreak.text.extending import read_folder

    config = dict(config_section(settings.KEYS))
    try:
        repository = find_repository()
    except InputError:
        repository = None
    how = how._replace(
        policy=settings.allowed(config),
        judge=in_solve(config, repository.common_dir if repository else None),
        trust_languages=settings.repository_languages(config),
    )
    if repository is None:
        return how
    how = how._replace(remembered=remembered(config, repository.common_dir))
    top = repository.top
    if top is None:
        return how
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(top))
    policy = load_recipe(top).policy_for(inside, how.policy)
    return how._replace(policy=policy, languages=read_folder(top))


def _read_files(names: Sequence[str]) -> list[bytes]:
    return [_checked(name, _read_file(name)) for name in names]


def _read_file(name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError as error:
        msg = f"Could not open {name}: {error.strerror}"
        raise InputError(msg) from error


def _read_objects(names: Sequence[str]) -> list[bytes]:
    from tiebreak.git.stages import read_objects

    texts = []
    for name, text in zip(names, read_objects(names, os.curdir), strict=True):
        if text is None:
            msg = f"object '{name}' does not exist"
            raise InputError(msg)
        texts.append(_checked(name, text))
    return texts


def _checked(name: str, text: bytes) -> bytes:
    from tiebreak.text.file import is_binary

    if len(text) > LARGEST or is_binary(text):
        msg = f"Cannot merge binary files: {name}"
        raise InputError(msg)
    return text


def _write(name: str, text: bytes) -> None:
    """Replace a regular file at once, through links; write anything else (a pipe) as it is."""
    from tiebreak.git.worktree import read_file, write_file

    target = os.path.realpath(name)
    before = read_file(target)
    if before is not None:
        write_file(target, text, instead_of=before)
        return
    try:
        with open(target, "wb") as file:
            file.write(text)
    except OSError as error:
        msg = f"Could not open {name} for writing: {error.strerror}"
        raise InputError(msg) from error


def _json(merge: TextMerge, options: Options) -> bytes:
    import json

    from tiebreak.cli.hunks import report

    return json.dumps(report(merge, options.path or options.files[0]), indent=2).encode() + b"\n"
