"""``tiebreak demo``: real conflicts in a small repository, by git alone and then with tiebreak."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from tiebreak.errors import OK, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tiebreak.git.command import Output

CART: Final = """\
import argparse
import csv
import json
import re
import sys
import time


def total(items):
    return sum(i.price * i.count for i in items)


def load(path):
    with open(path) as file:
        return [row for row in csv.DictReader(file) if re.match("[A-Z]", row["name"])]


def save(cart, path):
    with open(path, "w") as file:
        json.dump(cart,file)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    started = time.time()
    save(load(parser.parse_args(sys.argv[1:]).path), "cart.json")
    print(time.time() - started)


TAX = 0.19
"""
SETTINGS_JSON: Final = """\
{
  "currency": "EUR",
  "locale": "de"
}
"""


def _edited(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        text = text.replace(old, new)
    return text


BASE: Final = {"cart.py": CART, "settings.json": SETTINGS_JSON}
# main: a log, a formatter's run over save(), a time limit; the tax rate of 2020
MAIN: Final = {
    "cart.py": _edited(
        CART,
        ("import json\n", "import json\nimport logging\n"),
        ("print(time", "logging.info(time"),
        ("(cart,file)", "(cart, file)"),
        ("0.19", "0.16"),
    ),
    "settings.json": _edited(SETTINGS_JSON, ('"de"', '"de",\n  "timeout": 30')),
}
# feature: a path, a readable file, retries; the reduced tax rate
FEATURE: Final = {
    "cart.py": _edited(
        CART,
        ("import json\n", "import json\nimport os\n"),
        ("open(path) as", "open(os.path.expanduser(path)) as"),
        ("(cart,file)", "(cart,file,indent=2)"),
        ("0.19", "0.07"),
    ),
    "settings.json": _edited(SETTINGS_JSON, ('"de"', '"de",\n  "retries": 3')),
}
# The demonstration's own: nothing of the user's set-up shall change what it shows.
SETTINGS: Final = {
    "user.name": "Tiebreak Demo",
    "user.email": "demo@example.com",
    "commit.gpgSign": "false",
    "core.autocrlf": "false",
    "core.hooksPath": ".git/no-hooks",
    "merge.conflictStyle": "merge",
    "rerere.enabled": "false",
    "tiebreak.judge": "never",
}


@click.command("demo")
@click.argument("directory", default="tiebreak-demo", type=click.Path(path_type=str))
def command(directory: str) -> int:
    """Create a small repository in DIRECTORY and show a merge by git alone and with tiebreak."""
    from tiebreak.cli.dispatch import run

    _build(directory)
    os.chdir(directory)
    click.echo(
        f"A repository in {directory}: main and feature both changed cart.py, settings.json.\n"
        "In it tiebreak goes by its rules alone (git config tiebreak.judge never)."
    )
    _heading("git merge feature", "without tiebreak")
    _merge(TIEBREAK="0")
    conflicts = _git("grep", "-c", "^<<<<<<< ", accept=(0, 1)).line.splitlines()
    click.echo("conflicts left: " + ", ".join(line.replace(":", " ") for line in conflicts))
    _git("merge", "--abort")
    _heading("tiebreak install --local", "and the same merge again")
    _register()
    _heading("git merge feature")
    click.echo(_merge())
    for arguments in (
        ("review", "--all"),
        ("undo", "settings.json"),
        ("solve", "--all"),
    ):
        _heading(f"tiebreak {' '.join(arguments)}")
        run(arguments)
    _heading("git diff", "what is left is for a person to decide")
    click.echo(_git("diff", "--no-color").line)
    click.echo(f"\nGo on there: cd {directory}; tiebreak review shows every resolution as a diff.")
    return OK


def _build(directory: str) -> None:
    """Three commits: a base, and one on each branch."""
    if os.path.exists(directory) and (not os.path.isdir(directory) or os.listdir(directory)):
        msg = f"{directory} is there already and not empty; name another directory"
        raise InputError(msg)
    os.makedirs(directory, exist_ok=True)
    _git("init", "-q", "-b", "main", "--template=", cwd=directory)
    for name, value in SETTINGS.items():
        _git("config", name, value, cwd=directory)
    _commit(directory, BASE, "A cart")
    _git("checkout", "-q", "-b", "feature", cwd=directory)
    _commit(directory, FEATURE, "Paths, readable files, retries")
    _git("checkout", "-q", "main", cwd=directory)
    _commit(directory, MAIN, "Log, format, time out")


def _commit(directory: str, files: Mapping[str, str], message: str) -> None:
    for name, content in files.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8", newline="\n") as file:
            file.write(content)
    _git("add", "--all", cwd=directory)
    _git("commit", "-q", "-m", message, cwd=directory)


def _merge(**environment: str) -> str:
    """``git merge feature``: what it and the driver print. No attributes but the repository's."""
    attributes = f"core.attributesFile={os.devnull}"
    merged = _git("-c", attributes, "merge", "feature", accept=(0, 1), env=environment)
    return os.fsdecode(merged.err + merged.out).strip()


def _register() -> None:
    """Register the driver in the demonstration only, for the two kinds of file it has."""
    from tiebreak.git.install import LOCAL, install, registration

    install(registration(LOCAL, ["*.py", "*.json"]))


def _git(
    *arguments: str,
    cwd: str | None = None,
    accept: tuple[int, ...] = (0,),
    env: Mapping[str, str] | None = None,
) -> Output:
    from tiebreak.git.command import git

    return git(*arguments, cwd=cwd, accept=accept, env=env)


def _heading(typed: str, remark: str = "") -> None:
    """A command as typed, on a line of its own."""
    sys.stdout.flush()
    click.echo()
    click.secho(f"$ {typed}" + (f"    # {remark}" if remark else ""), bold=True)
