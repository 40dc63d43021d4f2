"""When a candidate counts as what the people committed."""

from __future__ import annotations


def normalised(text: bytes) -> bytes:
    """`text` without any white space: how resolutions are compared (MergeBERT, section 7)."""
    return b"".join(text.split())
