"""Which git command is above the driver, told from its words alone."""

from __future__ import annotations

import pytest

from tiebreak.git.caller import Call, parse

ALIASES = {
    "alias.m": "merge --no-ff",
    "alias.mm": "-c a.b=c m",
    "alias.x": "!echo",
    "alias.lp": "lp",
}
COMMANDS = {
    "git merge other": Call("merge", ("other",)),
    "/usr/lib/git-core/git merge other": Call("merge", ("other",)),
    "git-merge other": Call("merge", ("other",)),
    "git -C d -c a=b --git-dir=g --no-pager log -p": Call("log", ("-p",)),
    "git --git-dir g --work-tree w rebase": Call("rebase"),
    "git m -X ours b": Call("merge", ("--no-ff", "-X", "ours", "b")),
    "git mm b": Call("merge", ("--no-ff", "b")),
    "git x": Call("x"),
    "git lp": Call("lp"),
    "git": Call(),
    "": Call(),
}
FAVORS = {
    "merge -X ours b": "ours",
    "merge -Xtheirs b": "theirs",
    "pull --strategy-option=ours -X theirs": "theirs",
    "rebase --strategy-option theirs": "theirs",
    "merge -X histogram b": None,
    "merge -- -Xours": None,
    "log -Xours": None,
    "merge -X": None,
}


@pytest.mark.parametrize("line", COMMANDS)
def test_command(line: str) -> None:
    assert parse(line.split(), ALIASES) == COMMANDS[line]


@pytest.mark.parametrize("line", FAVORS)
def test_favor(line: str) -> None:
    assert parse(["git", *line.split()], {}).favor == FAVORS[line]


@pytest.mark.parametrize("command", ["merge-tree", "log", "show", "rerere", "replay"])
def test_looking(command: str) -> None:
    assert Call(command).only_looks


@pytest.mark.parametrize("command", ["merge", "rebase", "stash", "am", "", "something-new"])
def test_what_is_not_known_is_recorded(command: str) -> None:
    assert not Call(command).only_looks
