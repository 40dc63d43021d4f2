"""Lines as git sees them: a line ends after LF and nowhere else, and keeps its end.

A lone CR does not end a line and a last line without LF is a line, so `b"".join(split_lines(data))`
is `data` again, whatever the encoding.
"""

from __future__ import annotations

from io import BytesIO


def split_lines(data: bytes) -> list[bytes]:
    """Split into lines, LF only, ends kept. ``split_lines(b"")`` is empty."""
    return BytesIO(data).readlines()
