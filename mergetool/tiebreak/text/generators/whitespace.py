"""One side changed only white space: the other side's content, moved along with its block.

White space is compared away by tokens, so ``int a`` is not ``inta``. Where indentation is meaning
(Python, YAML) it is part of what is compared, and only a uniform change of it, which moves a block
as a whole, counts as white space.

Proof takes more than tokens. Dropping a change of white space is right only where a syntax tree
says that it changed nothing (`tiebreak.text.shape`): in Markdown, a heredoc or a scalar blanks are
content. Moving an edit along with its block keeps both edits and needs no tree, as long as no new
line could also belong outside the block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.record import NamedTuple
from tiebreak.text.document import BASE, OURS, THEIRS
from tiebreak.text.generators import structure
from tiebreak.text.judge import measured_language
from tiebreak.text.lexer import solid_tokens
from tiebreak.text.lines import split_lines
from tiebreak.text.shape import shape
from tiebreak.text.structure import piece_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tiebreak.text.document import Hunk
    from tiebreak.text.language import Language

NAME: Final = "whitespace"
BLANKS: Final = b" \t"


class Reindent(NamedTuple):
    """A uniform change of indentation: a prefix put before or taken away, or one for another."""

    added: bytes = b""
    removed: bytes = b""
    known: Mapping[bytes, bytes] | None = None

    def apply(self, text: bytes) -> bytes | None:
        """`text` re-indented; None when a line has an indentation that does not fit."""
        lines = [self._line(line) for line in split_lines(text)]
        return None if None in lines else b"".join(line for line in lines if line is not None)

    def _line(self, line: bytes) -> bytes | None:
        if not line.strip():
            return line
        indent = _indent(line)
        if self.known is not None:
            new = self.known.get(indent)
            return None if new is None else new + line[len(indent) :]
        if not line.startswith(self.removed):
            return None
        return self.added + line[len(self.removed) :]


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """What is left when white space is no edit."""
    language = measured_language(hunk.document)
    base, ours, theirs = (_content(hunk.region.side(s), language) for s in (BASE, OURS, THEIRS))
    if ours == theirs:
        why = "the sides differ only in white space"
        proof = _is_layout(hunk, OURS, THEIRS)
        yield Candidate(hunk.region.ours, NAME, why, f"{NAME}/both", provable=proof)
    else:
        yield from _one_side(hunk, OURS, THEIRS, same=ours == base)
        yield from _one_side(hunk, THEIRS, OURS, same=theirs == base)


def _one_side(hunk: Hunk, side: str, other: str, *, same: bool) -> Iterator[Candidate[bytes]]:
    """`side` may have changed only white space (`same` says that it surely did)."""
    base, laid_out, edited = (hunk.region.side(s) for s in (BASE, side, other))
    reindent = _reindent(base, laid_out)
    moved = reindent.apply(edited) if reindent else None
    if moved is not None and edited:
        why = f"{side} only changed the indentation, {other} edited"
        proof = _same_indents(base, edited) or _moves(hunk, side, other)
        yield Candidate(moved, NAME, why, f"{NAME}/indent", provable=proof)
    elif same:
        why = f"{side} changed only white space"
        kind = _kind(base, laid_out, edited)
        value = _with_line_ends(edited, base, laid_out)
        value = value if value != edited else _in_layout(hunk, edited)
        proof = kind != "blank" and _is_layout(hunk, BASE, side)
        yield Candidate(value, NAME, why, f"{NAME}/{kind}", provable=proof)


def _in_layout(hunk: Hunk, edited: bytes) -> bytes:
    """`edited` in the other side's layout, where syntax trees can bring the two together."""
    merged = structure.merge(hunk) if edited.strip() else None
    value = merged.value if merged is not None else None
    same = value is not None and solid_tokens(value) == solid_tokens(edited)
    return value if value is not None and same else edited


def _with_line_ends(edited: bytes, base: bytes, laid_out: bytes) -> bytes:
    """`edited` with the line ends that the other side gave to all of its lines, if it did."""
    before, after = _line_end(base), _line_end(laid_out)
    if before is None or after is None or before == after:
        return edited
    return after.join(line.rstrip(b"\r\n") for line in split_lines(edited)) + (
        after if edited.endswith(b"\n") else b""
    )


def _line_end(text: bytes) -> bytes | None:
    """The line end of all lines of a text; None when they are mixed or there is none."""
    lines, crlf = text.count(b"\n"), text.count(b"\r\n")
    if lines and crlf in {0, lines}:
        return b"\r\n" if crlf else b"\n"
    return None


def _is_layout(hunk: Hunk, side: str, other: str) -> bool:
    """Whether two sides say the same, white space aside; False where no syntax tree tells."""
    if measured_language(hunk.document) is None:
        return False
    shapes = [shape(piece) for s in (side, other) if (piece := piece_of(hunk, s))]
    return len(shapes) == 2 and shapes[0] is not None and shapes[0] == shapes[1]  # noqa: PLR2004


def _same_indents(base: bytes, edited: bytes) -> bool:
    """Whether every line is a line of base or stands in the place of one."""
    before, after = ([_indent(x) for x in split_lines(t) if x.strip()] for t in (base, edited))
    return before == after


def _moves(hunk: Hunk, side: str, other: str) -> bool:
    """Whether indentation is nothing but layout here, on the other side too."""
    language = measured_language(hunk.document)
    if language is None or language.indentation or not _is_layout(hunk, BASE, side):
        return False
    piece = piece_of(hunk, other)
    parts = shape(piece) if piece else None
    return parts is not None and not any(b"\n" in text for _, text in parts)


def _kind(base: bytes, laid_out: bytes, edited: bytes) -> str:
    if not base.strip():
        return "blank"  # nothing but blank lines was there, and one side put something
    if not edited.strip():
        return "deleted"
    return "trailing" if _lines_of(base) == _lines_of(laid_out) else "layout"


def _lines_of(text: bytes) -> list[bytes]:
    return [line.rstrip() for line in split_lines(text) if line.strip()]


def _content(text: bytes, language: Language | None) -> list[bytes]:
    """What is compared: tokens, and where indentation is meaning each line's indentation."""
    if language is not None and not language.indentation:
        return solid_tokens(text)
    content: list[bytes] = []
    for line in split_lines(text):
        if line.strip():
            content += [b"\n" + _indent(line), *solid_tokens(line)]
    return content


def _indent(line: bytes) -> bytes:
    return line[: len(line) - len(line.lstrip(BLANKS))]


def _reindent(before: bytes, after: bytes) -> Reindent | None:
    """How the indentation changed from one text to the other; None when more, or nothing, did."""
    olds, news = ([x for x in split_lines(text) if x.strip()] for text in (before, after))
    if [x.strip() for x in olds] != [x.strip() for x in news]:
        return None
    pairs = {(_indent(old), _indent(new)) for old, new in zip(olds, news, strict=True)}
    if all(old == new for old, new in pairs):
        return None
    for reindent in (_added(pairs), _added({(new, old) for old, new in pairs})):
        if reindent is not None:
            swap = reindent.added and pairs != {(o, reindent.added + o) for o, _ in pairs}
            return Reindent(removed=reindent.added) if swap else reindent
    known = dict(pairs)
    return Reindent(known=known) if len(known) == len(pairs) else None


def _added(pairs: set[tuple[bytes, bytes]]) -> Reindent | None:
    """The one prefix that every new indentation has before the old one."""
    prefixes = {new[: len(new) - len(old)] for old, new in pairs if new.endswith(old)}
    if len(prefixes) != 1 or any(not new.endswith(old) for old, new in pairs):
        return None
    return Reindent(added=prefixes.pop())
