"""``tiebreak languages``: what tiebreak knows of each language, and how often it was right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tiebreak.text.judge import Measured
    from tiebreak.text.language import Language


@click.command("languages")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(paths: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001  (click's callback)
    """List the languages, or say which one each PATH is in.

    For each: what of it has no order (imports, sets, entries of data, members of code), and in how
    many real conflicts a structural merge of it was what people committed. A language that was not
    measured only suggests.
    """
    from tiebreak.text.language import language_for
    from tiebreak.text.languages import shipped

    own = _of_repository()
    if paths:
        for path in paths:
            found = next((x for x in own if _claims(x, path)), None) or language_for(path)
            click.echo(f"{path}: {found.name if found else 'no language'}")
        return
    rows = [_row(language, brought=False) for language in shipped()]
    rows += [_row(language, brought=True) for language in own]
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(_line(row))


def _of_repository() -> tuple[Language, ...]:
    from tiebreak.errors import InputError
    from tiebreak.git.repository import find_repository
    from tiebreak.text.extending import LanguageError, read_folder

    try:
        top = find_repository().top
    except LanguageError:
        raise
    except InputError:
        return ()
    return read_folder(top) if top else ()


def _claims(language: Language, path: str) -> bool:
    from tiebreak.text.language import claims

    return claims(language, path)


def _row(language: Language, *, brought: bool) -> dict[str, Any]:
    from tiebreak.text.judge import COUNTED_TOGETHER
    from tiebreak.text.judge import languages as measured
    from tiebreak.text.parse import grammar_for

    found: Measured | None = None if brought else measured().get(language.name)
    return {
        "name": language.name,
        "files": [*language.extensions, *language.file_names],
        "from": "this repository" if brought else "tiebreak",
        "grammar": grammar_for(language) is not None,
        "can": _can(language),
        "right": found.right if found else 0,
        "seen": found.seen if found else 0,
        "lower": found.lower if found else 0.0,
        "suggests_only": brought or not (found or language.name in COUNTED_TOGETHER),
    }


def _can(language: Language) -> list[str]:
    """What the data lets be merged beyond nodes that only one side changed."""
    members = any(rule.members for rule in language.keyed if not rule.ordered)
    entries = any(not rule.members for rule in language.keyed if not rule.ordered)
    known = (
        ("imports", bool(language.imports.statements) and not language.imports.order),
        ("sets", bool(language.commutative)),
        ("entries", entries),
        ("members", members),
        ("audit", bool(language.definitions)),
    )
    return ["nodes", *(name for name, there in known if there)]


def _line(row: dict[str, Any]) -> str:
    precision = "only suggests" if row["suggests_only"] else "counted with others"
    if row["seen"]:
        precision = f"{row['right']} of {row['seen']} right"
    if not row["grammar"]:
        precision = "no grammar installed"
    brought = ", of this repository" if row["from"] != "tiebreak" else ""
    files = " ".join(row["files"][:6]) + (" ..." if len(row["files"]) > 6 else "")  # noqa: PLR2004
    return f"{row['name']:13}{', '.join(row['can']):40} {precision}{brought}\n{'':13}{files}"
