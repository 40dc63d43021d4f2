"""Token merges of texts too large to be merged token by token at once.

A text is first cut into segments: a few words each, ending where lines or statements end, so that
the cuts fall at the same places again after an edit, in a minified line too. The segments are
merged like tokens, and only where they conflict, tokens are merged. The work is bounded in steps:
see `tiebreak.text.anchors.Budget`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.text.lexer import SPACE, tokenise
from tiebreak.text.tokens import TokenConflict, TokenMerge, merge_token_lists

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.text.anchors import Budget

LARGE: Final = 64 * 1024  # bytes of the three texts together: from here on, segments first
MOST: Final = 24 * 1024 * 1024  # bytes above which nothing is tried
BYTE_COST: Final = 2  # steps charged per byte for cutting it into tokens

_SEGMENT = re.compile(rb"[^\n]{0,40}+[^\n;{}, )]{0,200}+[\n;{}, )]?")

Texts = tuple[bytes, bytes, bytes]  # base, ours, theirs


def merge_large(texts: Texts, hows: Sequence[str], budget: Budget) -> dict[str, TokenMerge]:
    """The merge of three large texts under each of `hows`; nothing when the budget is too small.

    Where the budget ends half way, what is left to merge by tokens stays a sub-conflict. Its edits
    are those of segments.
    """
    if sum(map(len, texts)) > MOST:
        return {}
    base, ours, theirs = map(_segments, texts)
    merged = merge_token_lists(base, ours, theirs, SPACE, budget)
    if merged is None:
        return {}
    return {how: _refined(merged, how, budget) for how in hows}


def _segments(text: bytes) -> list[bytes]:
    found = _SEGMENT.findall(text)
    found.pop()  # the expression also matches nothing, at the end
    return found


def _refined(merged: TokenMerge, how: str, budget: Budget) -> TokenMerge:
    """The merge of segments, its conflicts merged by tokens."""
    parts: list[bytes | TokenConflict] = []
    clash = False
    for part in merged.parts:
        fine = _fine(part, how, budget) if isinstance(part, TokenConflict) else None
        parts.extend(fine.parts if fine else (part,))
        clash = clash or (fine is not None and fine.blanks_clash)
    return merged._replace(parts=tuple(parts), blanks_clash=clash)


def _fine(conflict: TokenConflict, how: str, budget: Budget) -> TokenMerge | None:
    texts = [b"".join(side) for side in (conflict.base, conflict.ours, conflict.theirs)]
    if not budget.spend(BYTE_COST * sum(map(len, texts))):
        return None
    base, ours, theirs = (tokenise(text, how) for text in texts)
    return merge_token_lists(base, ours, theirs, how, budget)
