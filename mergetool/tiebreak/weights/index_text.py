"""The index of shards merged by tensor, from its three texts alone, as a merge driver has them.

By lines it can merge cleanly and be wrong: two sides that each add a tensor of the same size agree
on a total with one of them. The total is the sum of both changes here, where each side's follows
from tensors that it added or removed; where a side only changed types, nobody knows.
"""

from __future__ import annotations

import json
from typing import Any, Final

from tiebreak.weights.settings_files import dump, merge_json

TOTAL: Final = "total_size"

Index = dict[str, Any]


def merge_index(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """The merged index in ours' style; None where both sides changed one thing in two ways."""
    versions = [_read(text) for text in (base, ours, theirs)]
    first, second, third = versions
    if first is None or second is None or third is None:
        return None
    plain = [_without_total(index) for index in (first, second, third)]
    try:
        merged = merge_json(plain[0], plain[1], plain[2])
    except RecursionError:
        return None
    total = _total(first, second, third)
    if merged.conflicts or total is None:
        return None
    value: Index = merged.value
    if total >= 0:
        value = value | {"metadata": {TOTAL: total} | value.get("metadata", {})}
    return dump(value, ours)


def _read(text: bytes) -> Index | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(found, dict) and isinstance(found.get("weight_map"), dict)
    return found if whole and isinstance(found.get("metadata", {}), dict) else None


def _without_total(index: Index) -> Index:
    metadata = {k: v for k, v in index.get("metadata", {}).items() if k != TOTAL}
    return index | {"metadata": metadata}


def _total(base: Index, ours: Index, theirs: Index) -> int | None:
    """The total of the result, -1 where no version has one; None where nobody can tell."""
    totals = [index.get("metadata", {}).get(TOTAL) for index in (base, ours, theirs)]
    if totals == [None] * 3:
        return -1
    if any(type(total) is not int for total in totals):
        return None
    before, one, other = totals
    changed = [base["weight_map"].keys() ^ side["weight_map"].keys() for side in (ours, theirs)]
    if before == one and not changed[0]:
        return int(other)
    if other in {before, one} and not changed[1]:
        return int(one)
    explained = all(
        names or total == before for names, total in zip(changed, (one, other), strict=True)
    )
    return int(one + other - before) if explained and not changed[0] & changed[1] else None
