"""What the pipeline thinks of every hunk of a file, as plain data for JSON (docs/commands.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tiebreak.conflict import Ranked, Rejected, Resolution
    from tiebreak.text.document import Region
    from tiebreak.text.file import TextMerge

Data = dict[str, object]


def report(merge: TextMerge, path: str) -> Data:
    """The file and its hunks. Texts that are not UTF-8 are given as Latin-1, without a loss."""
    document = merge.document
    sides = b"".join(document.texts.values()) if document is not None else b""
    hunks = document.hunks if document is not None else []
    encoding = _encoding(sides)

    def decode(text: bytes) -> str:
        return text.decode(encoding)

    return {
        "format": 1,
        "path": path,
        "encoding": encoding,
        "conflicts": merge.conflicts,
        "unmerged": merge.unmerged,
        "hunks": [
            _hunk(hunk.region, resolution, decode)
            for hunk, resolution in zip(hunks, merge.resolutions, strict=False)
        ],
    }


def _encoding(text: bytes) -> str:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _hunk(region: Region, resolution: Resolution[bytes], decode: Callable[[bytes], str]) -> Data:
    chosen = resolution.chosen
    return {
        "name": resolution.conflict.name,
        "base": decode(region.base),
        "ours": decode(region.ours),
        "theirs": decode(region.theirs),
        "action": resolution.action,
        "chosen": decode(chosen.candidate.value) if chosen is not None else None,
        "candidates": [_candidate(ranked, decode) for ranked in resolution.ranked],
        "vetoed": [_vetoed(rejected, decode) for rejected in resolution.rejected],
    }


def _candidate(ranked: Ranked[bytes], decode: Callable[[bytes], str]) -> Data:
    candidate, judgement = ranked
    return {
        "text": decode(candidate.value),
        "generator": candidate.generator,
        "stratum": candidate.stratum,
        "why": candidate.why,
        "drops": list(candidate.drops),
        "probability": judgement.probability,
        "lower": judgement.lower,
        "provable": judgement.provable,
        "evidence": judgement.evidence,
    }


def _vetoed(rejected: Rejected[bytes], decode: Callable[[bytes], str]) -> Data:
    candidate, veto = rejected
    return {
        "text": decode(candidate.value),
        "generator": candidate.generator,
        "check": veto.check,
        "reason": veto.reason,
    }
