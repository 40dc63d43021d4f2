"""``tiebreak install``: register the merge driver, and show every line that is written."""

from __future__ import annotations

import click


@click.command("install")
@click.option("--global", "scope", flag_value="global", help="For all your repositories.")
@click.option(
    "--local", "scope", flag_value="local", default="local", help="For this one (default)."
)
@click.option(
    "--attributes",
    "first",
    metavar="PATTERN...",
    help="Only for files that match, as in .gitattributes. Default: known languages, checkpoints.",
)
@click.option("--hooks", is_flag=True, help="Verify checkpoints before a merge commit and a push.")
@click.argument("more", nargs=-1, metavar="")
def command(scope: str, first: str | None, hooks: bool, more: tuple[str, ...]) -> None:  # noqa: FBT001  (click's)
    """Register tiebreak as a merge driver.

    Writes git configuration and lines of an attributes file outside the work tree; nothing is
    committed. Running it again changes nothing. `tiebreak uninstall` takes it back. Hooks that are
    there already are kept, and run first.
    """
    from tiebreak.cli.patterns import default_patterns
    from tiebreak.errors import UsageError
    from tiebreak.git.hooks import check_hooks, install_hooks
    from tiebreak.git.install import LOCAL, install, registration

    if more and first is None:
        msg = f"unexpected argument {more[0]!r}; patterns follow --attributes"
        raise UsageError(msg)
    patterns = (first, *more) if first is not None else default_patterns()
    if hooks and scope != LOCAL:
        raise UsageError("hooks belong to a repository: tiebreak install --local --hooks there")
    if hooks:
        check_hooks()
    for line in install(registration(scope, patterns)):
        click.echo(line)
    for line in install_hooks() if hooks else ():
        click.echo(line)
