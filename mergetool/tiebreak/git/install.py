"""Registration: the configuration that names the driver, and the attributes that select it.

Git runs ``merge.tiebreak.driver`` with ``sh`` (gitattributes(5), "Defining a custom merge driver").
A command that is missing makes git leave *our* file as the conflicted result, without a marker: one
``git add`` away from losing theirs. So the value tests for the launcher itself, and does git's text
merge without it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.git.command import git
from tiebreak.git.repository import config, config_section, find_repository

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCAL: Final = "local"
DRIVER: Final = "tiebreak"
SECTION: Final = f"merge.{DRIVER}"
DIFF: Final = "tiebreak-weights"
TEXTCONV: Final = f"diff.{DIFF}.textconv"
CHECKPOINTS: Final = ".safetensors"  # how their names end: driver/tiebreak-driver
BEGIN: Final = "# >>> tiebreak (written by `tiebreak install`, removed by `tiebreak uninstall`)"
END: Final = "# <<< tiebreak"

_NAME: Final = "resolves more than lines, else git's text merge (tiebreak)"

# The launcher's statuses are words (driver/tiebreak-driver); anything else means that it never got
# to work: not installed any more, truncated, not a shell script. Then: git's text merge, with what
# `git merge-file` calls an error told apart (binary: ours, in conflict; else nothing was written).
# A checkpoint stays ours, in conflict: markers in its LFS pointer would make it unreadable.
# Without %A git gives up and touches nothing, also before 2.42, where a status does not tell it to.
_GUARDED: Final = (
    "test -s {launcher} && {{ (set -- {launcher} {python} %O %A %B %L %P %S %X %Y; . {launcher});"
    " s=$?; case $s in"
    " 100) exit 0;; 101) exit 1;; 129|1[3-9]?|2??)"
    " rm -f %A %A.floor %A.ours %A.result; exit $s;; esac; }}; "
    "case %P in *.safetensors) exit 1;; esac; "
    "m=$(LC_ALL=C git merge-file -p --marker-size=%L -L ours -L base -L theirs %A %O %B"
    " 2>&1 >%A.floor); s=$?; "
    "if test $s -lt 128 && mv -f %A.floor %A; then test $s = 0; exit; fi; rm -f %A.floor; "
    "case $m in *'merge binary files'*) exit 1;; esac; rm -f %A; exit 129"
)


# `git diff` fails where a textconv does. Without ours, whatever changes a file still shows.
_TEXTCONV: Final = (
    't() {{ {python} -I {program} weights textconv "$1" 2>/dev/null || '
    "{{ echo '# not summarised: tiebreak doctor says why'; "
    'git hash-object --no-filters "$1"; }}; }}; t'
)


class Registration(NamedTuple):
    """Everything `install` writes: configuration, and lines of an attributes file."""

    scope: str
    settings: tuple[tuple[str, str], ...]
    attributes_file: str
    attributes: tuple[str, ...]


def launcher_path() -> str:
    """The launcher that belongs to this installation (or, in a checkout, to this source tree)."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    checkout = os.path.dirname(os.path.dirname(package))
    for directory in (os.path.join(package, "_driver"), os.path.join(checkout, "driver")):
        launcher = os.path.join(directory, "tiebreak-driver")
        if os.path.isfile(launcher):
            return launcher
    msg = f"{package} holds no tiebreak-driver: the installation is incomplete; reinstall tiebreak"
    raise InputError(msg)


def driver_command(launcher: str, python: str) -> str:
    """The value of ``merge.tiebreak.driver``."""
    return _GUARDED.format(launcher=_quoted(launcher), python=_quoted(python))


def textconv_command(launcher: str, python: str) -> str:
    """The value of ``diff.tiebreak-weights.textconv``."""
    return _TEXTCONV.format(python=for_shell(python), program=for_shell(run_path(launcher)))


def run_path(launcher: str) -> str:
    """The program that runs the command line for git: it lies beside the launcher."""
    return os.path.join(os.path.dirname(launcher), "tiebreak-run.py")


def _quoted(path: str) -> str:
    """A path for the shell, inside a string where git expands ``%``."""
    return for_shell(path).replace("%", "%%")


def for_shell(path: str) -> str:
    """A path as one word of a shell."""
    return "'" + path.replace("'", "'\\''") + "'"


def registration(scope: str, patterns: Sequence[str]) -> Registration:
    """What `install` will write in a scope, for the files that match `patterns`."""
    settings = (
        (f"{SECTION}.name", _NAME),
        (f"{SECTION}.driver", driver_command(launcher_path(), sys.executable)),
        # The merge of merge bases is shown to nobody, and a conflict must stay one there.
        (f"{SECTION}.recursive", "text"),
        (TEXTCONV, textconv_command(launcher_path(), sys.executable)),
    )
    lines = tuple(f"{_attribute(p)} merge={DRIVER}{_also(p)}" for p in patterns)
    return Registration(scope, settings, attributes_file(scope), lines)


def _also(pattern: str) -> str:
    """A checkpoint is no text whatever its first bytes are; a filter (LFS) stays what it is."""
    return f" diff={DIFF} -text" if pattern.endswith(CHECKPOINTS) else ""


def _attribute(pattern: str) -> str:
    """A pattern as gitattributes(5) wants it: quoted where it holds white space or starts oddly."""
    if not pattern or pattern.startswith("!"):
        msg = f"--attributes {pattern!r}: not a pattern for an attributes file (gitattributes(5))"
        raise InputError(msg)
    if any(c in pattern for c in ' \t\n"') or pattern.startswith("#"):
        escaped = pattern.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'.replace("\n", "\\n").replace("\t", "\\t")
    return pattern


def attributes_file(scope: str) -> str:
    """The attributes file of a scope (gitattributes(5), "DESCRIPTION")."""
    if scope == LOCAL:
        return find_repository().attributes_file
    named = config("core.attributesFile", "--global", path=True)
    return named or os.path.join(_user_config(), "git", "attributes")


def _user_config() -> str:
    return os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")


def install(wanted: Registration) -> list[str]:
    """Write a registration; a second time changes nothing. Gives every line that was written."""
    written = []
    scope = f"--{wanted.scope}"
    for name, value in wanted.settings:
        if config(name, scope) != value:
            git("config", scope, "--replace-all", name, value)
        written.append(f"git config {scope} {name} {value}")
    block = [BEGIN, *wanted.attributes, END]
    before = _read_lines(wanted.attributes_file)
    after = _split_block(before)[0] + block
    if before != after:
        _write_lines(wanted.attributes_file, after)
    written.extend(f"{wanted.attributes_file}: {line}" for line in wanted.attributes)
    return written


def uninstall(scope: str) -> list[str]:
    """Remove exactly what `install` wrote in a scope. Gives every line that was removed."""
    removed: list[str] = []
    flag = f"--{scope}"
    names = dict(config_section(rf"^merge\.{DRIVER}\.", flag))
    if names:
        git("config", flag, "--remove-section", SECTION)
        removed.extend(f"git config {flag} --unset {name}" for name in names)
    if config(TEXTCONV, flag) is not None:
        git("config", flag, "--unset-all", TEXTCONV)
        removed.append(f"git config {flag} --unset {TEXTCONV}")
    file = attributes_file(scope)
    outside, inside = _split_block(_read_lines(file))
    if inside:
        _write_lines(file, outside)
        removed.extend(f"{file}: {line}" for line in inside)
    return removed


def _split_block(lines: list[str]) -> tuple[list[str], list[str]]:
    """What stands outside the marks, and the marks with what is between them.

    A mark without its other half is left alone: somebody edited the file by hand.
    """
    if BEGIN not in lines or END not in lines[lines.index(BEGIN) :]:
        return lines, []
    start = lines.index(BEGIN)
    end = lines.index(END, start) + 1
    return lines[:start] + lines[end:], lines[start:end]


def _read_lines(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape", newline="\n") as opened:
            text = opened.read()
    except FileNotFoundError:
        return []
    return text.removesuffix("\n").split("\n") if text else []


def _write_lines(file: str, lines: list[str]) -> None:
    """Replace a file at once. A link is followed: people keep this file among their dotfiles."""
    target = os.path.realpath(file)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    temporary = f"{target}.tiebreak-new"
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as opened:
        opened.write("".join(f"{line}\n" for line in lines))
    if os.path.exists(target):
        os.chmod(temporary, os.stat(target).st_mode & 0o7777)
    os.replace(temporary, target)
