"""``tiebreak uninstall``: take back exactly what ``tiebreak install`` wrote."""

from __future__ import annotations

import click


@click.command("uninstall")
@click.option("--global", "scope", flag_value="global", help="What `install --global` wrote.")
@click.option(
    "--local",
    "scope",
    flag_value="local",
    default="local",
    help="What `install` wrote here (default).",
)
def command(scope: str) -> None:
    """Remove the merge driver's registration. The journal stays; `tiebreak undo` still works."""
    from tiebreak.git.hooks import uninstall_hooks
    from tiebreak.git.install import LOCAL, uninstall

    removed = uninstall(scope)
    removed += uninstall_hooks() if scope == LOCAL else []
    for line in removed:
        click.echo(f"removed {line}")
    if not removed:
        click.echo(f"nothing of tiebreak is registered in the {scope} scope")
