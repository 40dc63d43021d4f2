"""The door of the command line: the commands by name, and what an error looks like.

Every command lives in a module of its own and is imported when asked for. Nothing below prints an
error or ends the process: a `TiebreakError` becomes one line here, anything else that goes wrong
is a defect and becomes a log to paste into an issue.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import click

from tiebreak.errors import BUG, INTERRUPTED, OK, USAGE, TiebreakError, of_the_system

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BROKEN_PIPE: Final = 141  # 128 + SIGPIPE, as git ends when its reader has gone

COMMANDS: Final = {
    "install": "tiebreak.cli.install",
    "uninstall": "tiebreak.cli.uninstall",
    "doctor": "tiebreak.cli.doctor",
    "solve": "tiebreak.cli.solve",
    "review": "tiebreak.cli.review",
    "undo": "tiebreak.cli.undo",
    "check": "tiebreak.cli.check",
    "merge-file": "tiebreak.cli.merge_file",
    "languages": "tiebreak.cli.languages",
    "weights": "tiebreak.cli.weights",
    "learn": "tiebreak.cli.learn",
    "demo": "tiebreak.cli.demo",
}


class Commands(click.Group):
    """Imports a command when it is run; all of them only for ``--help``.

    `table` gives the module of each command.
    """

    def __init__(self, *args: Any, table: Mapping[str, str], **attributes: Any) -> None:
        """The other arguments are click's."""
        super().__init__(*args, **attributes)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands in the order in which one meets them."""
        return list(self._table)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """The command of that name: ``command`` of its module."""
        if cmd_name not in self._table:
            return None
        return cast("click.Command", importlib.import_module(self._table[cmd_name]).command)


def _show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  (click's callback)
    if wanted:
        click.echo(f"tiebreak {version()}")
        ctx.exit()


def version() -> str:
    """The installed version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tiebreak")
    except PackageNotFoundError:
        return "(not installed)"


@click.command(
    cls=Commands, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version,
    help="Show the version and exit.",
)  # fmt: skip
def cli() -> None:
    """Make git merge resolve more, safely.

    `install` registers the merge driver. After a merge that stopped, `solve` resolves what it can
    in the conflicted files; `review` shows what was resolved automatically, `undo` takes it back.

    \b
    Exit codes: 0 all done, 1 conflicts are left, 2 the request cannot be carried out,
    3 a defect of tiebreak, 130 interrupted.
    """  # noqa: D301  (the backspace is click's: lines that stay as they are)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code."""
    try:
        status = cli.main(args=arguments, prog_name="tiebreak", standalone_mode=False)
        sys.stdout.flush()
    except TiebreakError as error:
        _say(str(error))
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        return INTERRUPTED
    except (SystemExit, BrokenPipeError):  # click turns a reader that has gone into SystemExit
        # Python flushes standard output once more at its end, and must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001  (the edge: whatever is not foreseen is a defect)
        return _unforeseen(error)
    return status if isinstance(status, int) else OK


def _unforeseen(error: Exception) -> int:
    """Say what the system refused, or that this is a defect; the exit code."""
    refused = of_the_system(error)
    if refused is not None:
        _say(refused)
        return USAGE
    _say(f"a defect of tiebreak, nothing was lost: {error!r}")
    _say(f"please report it with this file (read it first, it names paths): {_log(error)}")
    return BUG


def _say(line: str) -> None:
    click.echo(f"tiebreak: {line}", err=True)


def _log(error: Exception) -> str:
    """Write all that a report needs to a new file in the temporary directory."""
    import platform
    import tempfile
    import traceback

    from tiebreak.git.command import git

    try:
        git_says = git("version").line
    except TiebreakError as failure:
        git_says = str(failure)
    report = f"""### What I did

    tiebreak {" ".join(sys.argv[1:])}

### What happened

```
{"".join(traceback.format_exception(error))}```

### Where

tiebreak {version()}, {git_says}, Python {platform.python_version()}, {platform.platform()}
"""
    with tempfile.NamedTemporaryFile(
        "wb", prefix="tiebreak-bug-", suffix=".md", delete=False
    ) as file:
        file.write(report.encode("utf-8", "backslashreplace"))
    return file.name
