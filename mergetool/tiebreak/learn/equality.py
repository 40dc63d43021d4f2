"""When a candidate counts as what the people committed, and a hunk as one seen before."""

from __future__ import annotations

import hashlib


def normalised(text: bytes) -> bytes:
    """`text` without any white space: how resolutions are compared (MergeBERT, section 7)."""
    return b"".join(text.split())


def digest(*parts: str) -> str:
    """A short hash of texts."""
    joined = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(joined, digest_size=12).hexdigest()
