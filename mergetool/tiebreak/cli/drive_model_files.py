"""The driver's part for the JSON files beside a checkpoint, whose lines may merge and be wrong.

The launcher asks also where git's text merge is clean. That merge is in the target then; it stays
there, and the path stays unmerged if the file cannot be right. The index of shards is merged by
tensor, whatever its lines say.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.cli import drive
from tiebreak.cli.drive import RESOLVED, UNRESOLVED, say
from tiebreak.conflict import Candidate, Judgement, Ranked, Resolution
from tiebreak.merge import Merge
from tiebreak.policy import COMMIT, LEAVE

if TYPE_CHECKING:
    from tiebreak.cli.drive import Context, Request
    from tiebreak.text.file import Settings

INDEX_ENDING = ".safetensors.index.json"

_BY_TENSOR = "the index by tensor, with the total of both sides' changes"


class _Whole(NamedTuple):
    """The file as one conflict."""

    merge: Merge[bytes]
    path: str
    name: str = "the whole file"


def merge(
    request: Request, context: Context, texts: tuple[bytes, bytes, bytes], how: Settings
) -> int | None:
    """The status to end with; None where the usual merge of text is to go on."""
    from tiebreak.text.checks.model_files import trouble
    from tiebreak.text.document import SIDES
    from tiebreak.text.markers import has_markers

    if request.path.endswith(INDEX_ENDING):
        done = _index(request, context, texts, how)
        if done is not None:
            return done
    with open(request.target, "rb") as file:
        floor = file.read()
    if has_markers(floor, request.marker_size):
        return None  # in conflict: what is proposed for it is checked where it is chosen
    reason = trouble(request.path, dict(zip(SIDES, texts, strict=True)), floor)
    if reason is None and how.audit:
        return None  # the usual merge of text looks for what is wrong in any file
    if reason is None or how.policy.most == LEAVE:
        return RESOLVED
    say(request.path, f"merged by lines, and left unmerged for you to look at: {reason}")
    return UNRESOLVED


def _index(
    request: Request, context: Context, texts: tuple[bytes, bytes, bytes], how: Settings
) -> int | None:
    from tiebreak.weights.index_text import merge_index

    base, ours, theirs = texts
    judgement = Judgement(1.0, 1.0, "", provable=True)
    merged = merge_index(*texts)
    if merged is None or how.policy.action(judgement) != COMMIT:
        return None
    candidate = Candidate(merged, "index", _BY_TENSOR, "index", provable=True)
    chosen = Ranked(candidate, judgement)
    whole = _Whole(Merge.three_way(base, ours, theirs), request.path)
    resolution = Resolution(whole, COMMIT, chosen, (chosen,), ())
    drive.stage(request, merged)
    if not drive.awaited(request):
        drive.withdraw(request)
        return UNRESOLVED
    if not context.call.only_looks:
        _record(request, context, texts, resolution)
    os.replace(f"{request.target}.result", request.target)
    if not context.call.only_looks:
        say(request.path, "merged by tensor (tiebreak review)")
    return RESOLVED


def _record(
    request: Request,
    context: Context,
    texts: tuple[bytes, bytes, bytes],
    resolution: Resolution[bytes],
) -> None:
    from tiebreak.git.spawn import common_dir
    from tiebreak.journal import Journal, Texts, text_entry

    if context.git_dir is None or resolution.chosen is None:
        return
    with open(request.target, "rb") as file:
        floor = file.read()
    entry, contents = text_entry(
        request.path,
        Texts(*texts, floor, resolution.chosen.candidate.value),
        [resolution],
        operation=drive.operation(request, context),
    )
    Journal(common_dir(context.git_dir)).record(entry, contents)
