"""Three tokenisations of source text. Joining the tokens gives back the same bytes, always.

``space``   the language's tokens; runs of blanks and line ends are tokens of their own
``code``    the same tokens with the blanks around them attached: they are compared by `key`
``pieces``  words inside identifiers, strings and comments (``getUserName`` is three tokens)

Strings and comments are split at blanks, since they can be long. The generic lexer is one regular
expression over bytes and knows no encoding: every byte above 127 is a letter, so UTF-8 and latin-1
names stay whole and broken bytes are no error. `tokenise_leaves` lexes by a syntax tree instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Node, Tree


SPACE: Final = "space"
CODE: Final = "code"
PIECES: Final = "pieces"
TOKENISATIONS: Final = (SPACE, CODE, PIECES)

_BLANK = rb"[ \t\f\v]++|\r\n|\n|\r"
# Possessive repeats (`++`) keep an unclosed quote on a line of a megabyte from costing its square;
# so do the escaped pair, which cannot open a string, and the limit on a block comment (a longer one
# is lexed as code).
_QUOTED = rb"|".join(
    rb"%(q)s[^%(q)s\\\r\n]*+(?:\\.[^%(q)s\\\r\n]*+)*+%(q)s" % {b"q": quote}
    for quote in (b'"', b"'", b"`")
)
_COMMENT = rb"//[^\r\n]*+|/\*(?s:.{0,400}?)\*/|#(?=[ \t!#])[^\r\n]*+"
_WORD = rb"[A-Za-z_$\x80-\xff][0-9A-Za-z_$\x80-\xff]*+|[0-9](?:[0-9A-Za-z_]|\.(?=[0-9]))*+"
_SIGN = (
    rb"\\[^\r\n]|===|!==|>>>=?|<<=|>>=|\*\*=|\.\.\.|\.\.=?|[-+*/%&|^=<>!:]=|->|=>|::|&&|\|\||<<|>>"
    rb"|\+\+|--|\?\?|\?\.|\*\*"
)
_ANY = rb"(?s:.)"

_TOKEN = re.compile(b"|".join((_BLANK, _WORD, _QUOTED, _COMMENT, _SIGN, _ANY)))
_SPLIT = re.compile(_BLANK + rb"|[^ \t\f\v\r\n]++")
_PIECE = re.compile(
    _BLANK + rb"|[A-Z]+(?![a-z\x80-\xff])|[A-Z]?[a-z\x80-\xff]++|[0-9]++|" + _SIGN + b"|" + _ANY
)
_COMMENT_STARTS = (b"//", b"/*", b"#")
_LONG = (b'"', b"'", b"`", *_COMMENT_STARTS)
_BLANKS = b" \t\f\v\r\n"


def tokenise(text: bytes, how: str) -> list[bytes]:
    """The tokens of `text` in one of the `TOKENISATIONS`, by the generic lexer."""
    if how == PIECES:
        return _PIECE.findall(text)
    tokens = _split_long(_TOKEN.findall(text))
    return attach_blanks(tokens) if how == CODE else tokens


def tokenise_leaves(tree: Tree, source: bytes, span: tuple[int, int], how: str) -> list[bytes]:
    """The tokens of ``source[start:end]`` as the leaves of its syntax tree cut them.

    What lies between leaves, and what `span` cuts off a leaf, goes through the generic lexer, so
    the tokens are total whatever the tree holds. ``pieces`` needs no tree: see `tokenise`.
    """
    if how == PIECES:
        return _PIECE.findall(source[slice(*span)])
    tokens: list[bytes] = []
    position, end = span
    for start, stop in _leaves(tree, position, end):
        if start > position:
            tokens += _split_long(_TOKEN.findall(source[position:start]))
        tokens += _leaf_tokens(source[start:stop])
        position = stop
    if position < end:
        tokens += _split_long(_TOKEN.findall(source[position:end]))
    return attach_blanks(tokens) if how == CODE else tokens


def solid_tokens(text: bytes) -> list[bytes]:
    """The tokens of `text` without the blanks between them; a string is one token, blanks and all.

    What is left out is layout: in most languages texts with the same solid tokens mean the same.
    """
    solid: list[bytes] = []
    for token in _TOKEN.findall(text):
        if token.startswith(_COMMENT_STARTS):
            solid += token.split()
        elif token[0] not in _BLANKS:
            solid.append(token)
    return solid


def key(token: bytes, how: str) -> bytes:
    """What a token is compared by: in ``code``, its text without the blanks around it."""
    return token.strip(_BLANKS) if how == CODE else token


def attach_blanks(tokens: list[bytes]) -> list[bytes]:
    """Join blanks to their neighbours: to the token before on the same line, else to the next.

    The blanks after a token up to its line end are its own; indentation and empty lines belong to
    the token that follows them. Blanks with nothing after them stay a token of their own.
    """
    joined: list[bytes] = []
    held: list[bytes] = []  # blanks at the start of a line
    line_start = True
    for token in tokens:
        if token[0] in _BLANKS:
            if not line_start:
                line_start = token[-1] in b"\r\n"
                joined[-1] += token
            else:
                held.append(token)
            continue
        joined.append(b"".join([*held, token]) if held else token)
        held, line_start = [], False
    return [*joined, b"".join(held)] if held else joined


def _split_long(tokens: list[bytes]) -> list[bytes]:
    """Cut strings and comments at blanks."""
    out: list[bytes] = []
    for token in tokens:
        if len(token) > 2 and token.startswith(_LONG):  # noqa: PLR2004
            out += _SPLIT.findall(token)
        else:
            out.append(token)
    return out


def _leaf_tokens(leaf: bytes) -> list[bytes]:
    return [leaf] if leaf.isalnum() else _SPLIT.findall(leaf)


def _leaves(tree: Tree, start: int, end: int) -> list[tuple[int, int]]:
    """The byte ranges of the leaves in ``[start, end)``, clipped to it, in order.

    A node that is a string or a comment counts as a leaf: its inner structure (quotes, escapes)
    would cut words apart.
    """
    spans: list[tuple[int, int]] = []
    cursor = tree.walk()
    if cursor.goto_first_child_for_byte(start) is None:  # an index: 0 is the first child
        return spans
    while (node := cursor.node) is not None and node.start_byte < end:
        first, last = max(node.start_byte, start), min(node.end_byte, end)
        inside = first < last
        if inside and node.child_count and not _is_text(node) and cursor.goto_first_child():
            continue
        if inside and (not spans or first >= spans[-1][1]):
            spans.append((first, last))
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return spans
    return spans


def _is_text(node: Node) -> bool:
    return ("string" in node.type and "template" not in node.type) or "comment" in node.type
