"""``tiebreak weights verify``: whether the files of a checkpoint's folder fit each other."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from tiebreak.cli import show
from tiebreak.errors import CONFLICTS, OK, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.cli.weights.touched import Looked


@click.command("verify")
@click.argument("folder", required=False)
@click.option("--merge", is_flag=True, help="The folders that the merge in the index touches.")
@click.option("--push", is_flag=True, help="Those that a push touches; refs on standard input.")
def command(folder: str | None, merge: bool, push: bool) -> int:  # noqa: FBT001  (click's)
    """Check FOLDER (or REV:PATH): headers, index, config, tokenizer and adapter together.

    Exit code 1 and one line for each finding, with what to do about it. The hooks of `tiebreak
    install --hooks` run it with --merge and --push; then only what a merge or push made wrong
    counts.
    """
    if [bool(folder), merge, push].count(True) != 1:
        raise UsageError("say what to verify: FOLDER, or --merge, or --push")
    if folder is not None:
        return _verify(folder)
    from tiebreak.cli.weights.touched import look, of_merge, of_push
    from tiebreak.git.repository import find_repository

    repository = find_repository()
    top = repository.top or repository.git_dir
    touched = [of_merge(top)] if merge else list(of_push(sys.stdin, top))
    return _print([looked for one in touched for looked in look(repository, one)], merge=merge)


def _verify(folder: str) -> int:
    from tiebreak.cli.weights.sources import local
    from tiebreak.weights.verify import counts, verify

    with local(folder) as path:
        if not os.path.isdir(path):
            raise InputError(f"{folder}: verify looks at a folder, whose files must fit each other")
        found, (checkpoints, others) = verify(path), counts(path)
    for finding in found:
        click.echo(str(finding))
    if not found:
        files = f"{show.count(checkpoints, 'safetensors file')}, {show.count(others, 'JSON file')}"
        click.echo(f"{files}: nothing is wrong")
    return CONFLICTS if found else OK


def _print(found: Sequence[Looked], *, merge: bool) -> int:
    for looked in found:
        where = looked.folder or "."
        if looked.problem:
            click.echo(f"tiebreak: {where}: not verified: {looked.problem}")
        for finding in looked.findings:
            click.echo(f"tiebreak: {os.path.join(looked.folder, str(finding))}")
    if not any(looked.findings for looked in found):
        return OK
    again = "git commit" if merge else "push again"
    click.echo("tiebreak: the files of a checkpoint do not fit each other; mend them, then")
    click.echo(f"tiebreak: {again} (--no-verify does it as it is)")
    return CONFLICTS
