"""How `tiebreak review` tells of a checkpoint: every conflict, and the rest by who changed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.cli import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.journal import Decision, Entry

_NAMED: Final = 3  # tensors of a group
_LISTED: Final = 20  # conflicts


def summary(entry: Entry) -> str:
    """``merge other: 12 changed tensors merged``, or how many of them are in conflict."""
    changed = show.count(len(entry.decisions), "changed tensor")
    left = sum(not decision.generator for decision in entry.decisions)
    if entry.result == entry.floor and not entry.resolved:
        told = f"{left} of {changed} in conflict, ours was kept"
    else:
        told = f"{changed} merged"
    return f"{entry.operation}: {told}{' (undone)' if entry.undone else ''}"


def rows(entry: Entry) -> Iterator[tuple[str, str, str, str]]:
    """What is in conflict and why, then what was merged: on whose behalf or how, and which."""
    groups: dict[tuple[str, str, str], list[Decision]] = {}
    left = [decision for decision in entry.decisions if not decision.generator]
    for decision in left[:_LISTED]:
        yield decision.name, "in conflict", decision.stratum, decision.why
    if left[_LISTED:]:
        yield f"{len(left) - _LISTED} more", "in conflict", "", "tiebreak review --json lists all"
    for decision in entry.decisions:
        if not decision.generator:
            continue
        done = {"commit": "resolved", "apply": "applied"}.get(decision.action, "settled, not used")
        groups.setdefault((done, decision.generator, decision.why), []).append(decision)
    for (done, by, why), decisions in groups.items():
        named = ", ".join(decision.name for decision in decisions[:_NAMED])
        more = f", {len(decisions) - _NAMED} more" if len(decisions) > _NAMED else ""
        yield show.count(len(decisions), "tensor"), done, by, f"{why}: {named}{more}"
