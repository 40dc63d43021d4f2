"""Path patterns as in .gitignore (gitignore(5), "PATTERN FORMAT"), matched in linear time.

A pattern is a small automaton whose possible states are followed together. A regular expression
would do as well, were it not that a recipe comes with the merged tree: twelve asterisks in a row of
its own making must not keep a merge busy for hours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Test = Callable[[str], bool]

_GLOB: Final = re.compile(
    r"(?P<any_depth>(?<![^/])\*\*/)|(?P<below>(?<=/)\*\*\Z)|(?P<stars>\*+)|(?P<one>\?)"
    r"|(?P<set>\[[!^]?\]?[^\]]*\])|(?P<escaped>\\.)|(?P<plain>.)",
    re.DOTALL,
)


class Move(NamedTuple):
    """From a state over one character that passes the test to another state."""

    test: Test
    to: int


class Pattern(NamedTuple):
    """The automaton: state 0 is the start, the last one the end.

    `moves` and `jumps` (which take no character) are given by state. `directory` says that only
    what is below a match counts; otherwise the match itself counts too.
    """

    moves: tuple[tuple[Move, ...], ...]
    jumps: tuple[tuple[int, ...], ...]
    directory: bool

    def matches(self, path: str) -> bool:
        """Whether the pattern names this path, or a directory that it is in."""
        end = len(self.moves) - 1
        states = self._reached([0])
        for at, character in enumerate(path):
            if end in states and character == "/" and at + 1 < len(path):
                return True
            states = self._reached(
                move.to for s in states for move in self.moves[s] if move.test(character)
            )
        return end in states and not self.directory

    def _reached(self, states: Iterable[int]) -> set[int]:
        """The states, and all that jumps lead to."""
        reached: set[int] = set()
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            if state not in reached:
                reached.add(state)
                waiting.extend(self.jumps[state])
        return reached


def parse_pattern(text: str) -> Pattern:
    """Read a pattern; raises `ValueError` with what is wrong. Negation is not for us.

    One with a slash before its end is anchored at the top, any other matches at every depth.
    """
    body = text.rstrip("/")
    if not body or body.startswith("!"):
        msg = "expected a pattern as in .gitignore, and no negation"
        raise ValueError(msg)
    if body.endswith("\\") and not body.endswith("\\\\"):
        msg = "not a pattern as in .gitignore: it ends in a backslash"
        raise ValueError(msg)
    builder = _Builder()
    if "/" not in body:
        builder.any_depth("")
    for found in _GLOB.finditer(body.removeprefix("/")):
        _ADD[found.lastgroup or "plain"](builder, found[0])
    moves, jumps = (*map(tuple, builder.moves), ()), (*map(tuple, builder.jumps), ())
    return Pattern(moves, jumps, directory=body != text)


class _Builder:
    """The automaton so far; the next state to be added is the one that was reached."""

    def __init__(self) -> None:
        self.moves: list[list[Move]] = []
        self.jumps: list[list[int]] = []

    def state(self, *moves: Move, jumps: tuple[int, ...] = ()) -> None:
        self.moves.append(list(moves))
        self.jumps.append(list(jumps))

    def single(self, test: Test) -> None:
        self.state(Move(test, len(self.moves) + 1))

    def plain(self, text: str) -> None:
        self.single(lambda character: character == text)

    def escaped(self, text: str) -> None:
        self.plain(text[1:])

    def one(self, _text: str) -> None:
        self.single(_in_name)

    def set(self, text: str) -> None:
        test = _set(text)
        self.single(lambda character: character != "/" and test(character))

    def stars(self, _text: str) -> None:
        here = len(self.moves)
        self.state(Move(_in_name, here), jumps=(here + 1,))

    def any_depth(self, _text: str) -> None:
        """No directory, or any number of them."""
        here = len(self.moves)
        self.state(jumps=(here + 1, here + 2))
        self.state(Move(_anything, here + 1), Move(_slash, here + 2))

    def below(self, _text: str) -> None:
        """Everything inside a directory, but not the directory."""
        here = len(self.moves)
        self.state(Move(_anything, here + 1))
        self.state(Move(_anything, here + 1), jumps=(here + 2,))


_ADD: Final[dict[str, Callable[[_Builder, str], None]]] = {
    "any_depth": _Builder.any_depth,
    "below": _Builder.below,
    "stars": _Builder.stars,
    "one": _Builder.one,
    "set": _Builder.set,
    "escaped": _Builder.escaped,
    "plain": _Builder.plain,
}


def _anything(_character: str) -> bool:
    return True


def _slash(character: str) -> bool:
    return character == "/"


def _in_name(character: str) -> bool:
    return character != "/"


def _set(text: str) -> Test:
    """A set of characters, ``[a-c]`` or ``[!a-c]``; a ``]`` may come first in it."""
    inside = text[1:-1]
    negated = inside.startswith(("!", "^"))
    inside = (inside[1:] if negated else inside).replace("\\", "\\\\").replace("[", "\\[")
    inside = "\\" + inside if inside.startswith("]") else inside
    try:
        expression = re.compile(f"[{'^' if negated else ''}{inside}]", re.DOTALL)
    except re.error as error:
        msg = f"not a pattern as in .gitignore: {text}: {error.msg}"
        raise ValueError(msg) from error
    return lambda character: expression.match(character) is not None
