"""``tiebreak check``: what may be wrong with a merge that git found clean."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from tiebreak.errors import CONFLICTS, OK

if TYPE_CHECKING:
    from tiebreak.text.audit import Objection


@click.command("check")
@click.argument("commit", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the objections as JSON.")
def command(commit: str | None, as_json: bool) -> int:  # noqa: FBT001  (click's callback)
    """Look at the files that both sides of a merge changed.

    Reports what neither side has and the merged file does: a key, definition or import twice in one
    scope, a name that is used though its import was removed, a file that does not parse.

    COMMIT is a merge; without it the merge that is under way, else the one at HEAD. Ends with 1 if
    there is something to report.
    """
    found = _all(commit)
    if as_json:
        import json

        click.echo(json.dumps([_as_json(path, objection) for path, objection in found], indent=2))
    else:
        for path, objection in found:
            click.echo(_line(path, objection))
    return CONFLICTS if found else OK


def _all(commit: str | None) -> list[tuple[str, Objection]]:
    from tiebreak.git.merged import commits_of, merged_files
    from tiebreak.git.repository import find_repository
    from tiebreak.text.audit import objections
    from tiebreak.text.document import Document
    from tiebreak.text.file import is_binary
    from tiebreak.text.language import language_for
    from tiebreak.text.markers import has_markers
    from tiebreak.text.merge3 import merge_lines

    cwd = find_repository().top or os.getcwd()
    found: list[tuple[str, Objection]] = []
    for file in merged_files(commits_of(commit, cwd), cwd):
        language = language_for(file.path)
        if language is None or is_binary(file.merged) or has_markers(file.merged):
            continue
        regions = merge_lines(file.base, file.ours, file.theirs)
        document = Document(file.path, regions, language)
        found += [(file.path, objection) for objection in objections(document, file.merged)]
    return found


def _line(path: str, objection: Objection) -> str:
    place = f"{path}:{objection.lines[-1]}" if objection.lines else path
    first = f" (first at line {objection.lines[0]})" if len(objection.lines) > 1 else ""
    return f"{place}: {objection.reason}{first}"


def _as_json(path: str, objection: Objection) -> dict[str, Any]:
    return {"path": path, "reason": objection.reason, "lines": list(objection.lines)}
