"""Conflict markers: write them exactly as git does, and read them.

`render` takes the regions of a line merge, some of them resolved since, and writes what git would:
in the merge style conflicts are narrowed to the lines that differ between the sides and close ones
are joined; with the base shown (diff3) they stay whole; zdiff3 moves equal lines at the ends out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.diff import diff
from tiebreak.text.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.document import Region

STYLES: Final = ("merge", "diff3", "zdiff3")
LEVELS: Final = ("zealous", "zealous_alnum")  # of ort, and of git merge-file
FAVORS: Final = ("ours", "theirs", "union")
MOST_LINES_BETWEEN: Final = 3  # conflicts no further apart than this are joined
ALNUM: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class Labels(NamedTuple):
    """What is written behind the markers. None writes nothing; an empty label writes its space."""

    ours: str | None
    base: str | None
    theirs: str | None


class Rendered(NamedTuple):
    """A merged file, and how many conflicts are marked in it."""

    text: bytes
    conflicts: int


class Style(NamedTuple):
    """How to write conflicts; see `render`."""

    style: str
    level: str
    labels: Labels
    marker_size: int
    favor: str | None
    algorithm: str


class _Entry(NamedTuple):
    """A place where the merged file is not simply ours: a conflict, or text that is decided.

    `start` and `end` are lines of the whole ours; those of base and theirs are for conflicts.
    """

    start: int
    end: int
    base_start: int
    base_end: int
    theirs_start: int
    theirs_end: int
    result: bytes | None


def render(  # noqa: PLR0913  (git's options, all by name)
    regions: Sequence[Region],
    *,
    style: str = "merge",
    level: str = "zealous",
    labels: Labels,
    marker_size: int = 7,
    favor: str | None = None,
    algorithm: str = "histogram",
) -> Rendered:
    """Write the merged file. A region that has a result is written so, the others as git does.

    `style` is merge, diff3 or zdiff3; `level` zealous (ort) or zealous_alnum (git merge-file);
    `favor` ours, theirs or union settles what is left in conflict, after narrowing, as git's
    ``--ours`` does. `algorithm` is the one the file was merged with.
    """
    results = [region.result for region in regions]
    if None not in results:
        return Rendered(b"".join(r for r in results if r is not None), 0)
    how = Style(style, level, labels, marker_size, favor, algorithm)
    return _Page(regions, how).write()


class _Page:
    """The three files as lines, and the entries to write."""

    __slots__ = ("base", "entries", "how", "ours", "theirs")

    def __init__(self, regions: Sequence[Region], how: Style) -> None:
        self.how = how
        self.base: list[bytes] = []
        self.ours: list[bytes] = []
        self.theirs: list[bytes] = []
        entries = list(self._entries(regions))
        if how.style == "merge":
            entries = [part for entry in entries for part in self._narrowed(entry)]
            entries = self._joined(entries)
        elif how.style == "zdiff3":
            entries = [self._trimmed(entry) for entry in entries]
        self.entries = entries

    def _entries(self, regions: Sequence[Region]) -> Iterator[_Entry]:
        """The regions that are more than a stretch where both sides agree.

        One agreed stretch separates two entries and is no entry. A second one in a row is: a
        conflict that someone resolved, between whose neighbours nothing may be joined.
        """
        gap = False
        for region in regions:
            starts = len(self.ours), len(self.base), len(self.theirs)
            self.ours += split_lines(region.ours)
            self.base += split_lines(region.base)
            self.theirs += split_lines(region.theirs)
            gap = not gap and region.result == region.ours == region.theirs
            if not gap:
                yield _Entry(
                    starts[0],
                    len(self.ours),
                    starts[1],
                    len(self.base),
                    starts[2],
                    len(self.theirs),
                    region.result,
                )

    def _narrowed(self, entry: _Entry) -> Iterator[_Entry]:
        """A conflict cut down to where the sides differ from each other; may be several."""
        one_sided = entry.start == entry.end or entry.theirs_start == entry.theirs_end
        if entry.result is not None or one_sided:
            yield entry
            return
        ours = self.ours[entry.start : entry.end]
        theirs = self.theirs[entry.theirs_start : entry.theirs_end]
        changes = diff(ours, theirs, self.how.algorithm)
        if not changes:
            yield entry._replace(result=b"".join(ours))
        for change in changes:
            yield entry._replace(
                start=entry.start + change.a_start,
                end=entry.start + change.a_end,
                theirs_start=entry.theirs_start + change.b_start,
                theirs_end=entry.theirs_start + change.b_end,
            )

    def _joined(self, entries: list[_Entry]) -> list[_Entry]:
        """Conflicts with little between them made one, which takes fewer lines to show."""
        joined: list[_Entry] = []
        for entry in entries:
            last = joined[-1] if joined else None
            if last is not None and self._joins(last, entry):
                joined[-1] = last._replace(end=entry.end, theirs_end=entry.theirs_end)
            else:
                joined.append(entry)
        return joined

    def _joins(self, last: _Entry, entry: _Entry) -> bool:
        if last.result is not None or entry.result is not None:
            return False
        if entry.start - last.end <= MOST_LINES_BETWEEN:
            return True
        if self.how.level != "zealous_alnum":
            return False
        return all(ALNUM.isdisjoint(line) for line in self.ours[last.end : entry.start])

    def _trimmed(self, entry: _Entry) -> _Entry:
        """A conflict without the lines that are equal on both sides at its ends."""
        if entry.result is not None:
            return entry
        ours = self.ours[entry.start : entry.end]
        theirs = self.theirs[entry.theirs_start : entry.theirs_end]
        head = _common(ours, theirs)
        tail = _common(ours[head:][::-1], theirs[head:][::-1])
        return entry._replace(
            start=entry.start + head,
            end=entry.end - tail,
            theirs_start=entry.theirs_start + head,
            theirs_end=entry.theirs_end - tail,
        )

    def write(self) -> Rendered:
        """Ours, with every entry in its place."""
        parts: list[bytes] = []
        conflicts = position = 0
        for entry in self.entries:
            parts += self.ours[position : entry.start]
            if entry.result is not None:
                parts.append(entry.result)
            elif self.how.favor is not None:
                parts += self._favored(entry, self.how.favor)
            else:
                parts += self._marked(entry)
                conflicts += 1
            position = entry.end
        parts += self.ours[position:]
        return Rendered(b"".join(parts), conflicts)

    def _favored(self, entry: _Entry, favor: str) -> list[bytes]:
        ours = self.ours[entry.start : entry.end]
        theirs = self.theirs[entry.theirs_start : entry.theirs_end]
        if favor == "union":
            return _complete(ours, self._end_of_line(entry)) + theirs
        return ours if favor == "ours" else theirs

    def _marked(self, entry: _Entry) -> list[bytes]:
        end_of_line = self._end_of_line(entry)
        size, labels = self.how.marker_size, self.how.labels
        lines = [_marker(b"<", size, labels.ours, end_of_line)]
        lines += _complete(self.ours[entry.start : entry.end], end_of_line)
        if self.how.style != "merge":
            lines.append(_marker(b"|", size, labels.base, end_of_line))
            lines += _complete(self.base[entry.base_start : entry.base_end], end_of_line)
        lines.append(_marker(b"=", size, None, end_of_line))
        lines += _complete(self.theirs[entry.theirs_start : entry.theirs_end], end_of_line)
        lines.append(_marker(b">", size, labels.theirs, end_of_line))
        return lines

    def _end_of_line(self, entry: _Entry) -> bytes:
        """CRLF when the lines before the conflict on both sides, and the base's first, end so."""
        crlf = _ends_in_crlf(self.ours, max(entry.start - 1, 0))
        if crlf is not False:
            crlf = _ends_in_crlf(self.theirs, max(entry.theirs_start - 1, 0))
        if crlf is not False:
            crlf = _ends_in_crlf(self.base, 0)
        return b"\r\n" if crlf else b"\n"


def _common(one: list[bytes], other: list[bytes]) -> int:
    """How many lines are equal from the start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _ends_in_crlf(lines: list[bytes], index: int) -> bool | None:
    """How a line ends. A last line without end takes after the one before; None: nobody knows."""
    if not lines:
        return None
    if not lines[index].endswith(b"\n"):
        if index == 0:
            return None
        index -= 1
    return lines[index].endswith(b"\r\n")


def _complete(lines: list[bytes], end_of_line: bytes) -> list[bytes]:
    """The lines, with an end put to the last one if it has none."""
    if lines and not lines[-1].endswith(b"\n"):
        return [*lines, end_of_line]
    return lines


def _marker(character: bytes, size: int, label: str | None, end_of_line: bytes) -> bytes:
    behind = b"" if label is None else b" " + label.encode("utf-8", "surrogateescape")
    return character * (size if size > 0 else 7) + behind + end_of_line


class MarkedConflict(NamedTuple):
    """A conflict in a file: all of its `text`, and its parts; no `base` in the merge style."""

    ours: bytes
    base: bytes | None
    theirs: bytes
    text: bytes
    labels: Labels


def has_markers(data: bytes, size: int = 7) -> bool:
    """Whether a line begins with a conflict marker of at least this size.

    Only ``<`` and ``>`` count, which every conflict has; ``=`` and ``|`` are found in prose.
    """
    if b"<" * size not in data and b">" * size not in data:
        return False
    lines = split_lines(data)
    return any(_is_marker(line, mark, size) for line in lines for mark in (b"<", b">"))


def _is_marker(line: bytes, character: bytes, size: int, *, exact: bool = False) -> bool:
    rest = line.lstrip(character)
    length = len(line) - len(rest)
    if length < size or (exact and length != size):
        return False
    return rest[:1] in {b"", b" ", b"\r", b"\n", b"\t"}


def parse_markers(data: bytes, marker_size: int = 7) -> list[bytes | MarkedConflict]:
    """Split a file into text and the conflicts marked in it; together they are the file again.

    Markers count when they have exactly `marker_size` characters. Conflicts inside a conflict
    belong to the side they are in. What is not a complete conflict is text.
    """
    lines = split_lines(data)
    parts: list[bytes | MarkedConflict] = []
    plain: list[bytes] = []
    position = 0
    while position < len(lines):
        found = None
        if _is_marker(lines[position], b"<", marker_size, exact=True):
            found = _conflict_at(lines, position, marker_size)
        if found is None:
            plain.append(lines[position])
            position += 1
            continue
        conflict, position = found
        if plain:
            parts.append(b"".join(plain))
            plain = []
        parts.append(conflict)
    if plain:
        parts.append(b"".join(plain))
    return parts


def _conflict_at(lines: list[bytes], start: int, size: int) -> tuple[MarkedConflict, int] | None:
    """The conflict that starts at a line, and the line after it; None if it is not complete."""
    marks = {b"<": start}
    depth = 0
    for position in range(start + 1, len(lines)):
        character = lines[position][:1]
        if not character or character not in b"<|=>":
            continue
        if not _is_marker(lines[position], character, size, exact=True):
            continue
        if character == b"<":
            depth += 1
        elif depth:
            depth -= character == b">"
        elif character == b">":
            if b"=" not in marks:
                return None
            return _conflict(lines, marks, position), position + 1
        elif character in marks or b"=" in marks:
            return None
        else:
            marks[character] = position
    return None


def _conflict(lines: list[bytes], marks: dict[bytes, int], end: int) -> MarkedConflict:
    start, middle = marks[b"<"], marks[b"="]
    bar = marks.get(b"|")
    return MarkedConflict(
        ours=b"".join(lines[start + 1 : middle if bar is None else bar]),
        base=None if bar is None else b"".join(lines[bar + 1 : middle]),
        theirs=b"".join(lines[middle + 1 : end]),
        text=b"".join(lines[start : end + 1]),
        labels=Labels(
            _label(lines[start]), None if bar is None else _label(lines[bar]), _label(lines[end])
        ),
    )


def _label(line: bytes) -> str | None:
    _, space, label = line.partition(b" ")
    return label.rstrip(b"\r\n").decode("utf-8", "surrogateescape") if space else None
