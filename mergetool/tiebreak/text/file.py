"""Merge one text file: line merge, then the pipeline for every hunk, then the text to write.

`merge_text` is the one door: the driver, `solve`, `merge-file` and the replay benchmark all come
through it. Bytes in, bytes out; no files, no git, no configuration here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate, Judgement, Ranked
from tiebreak.policy import ACTIONS, APPLY, SUGGEST, Policy
from tiebreak.record import NamedTuple
from tiebreak.resolve import resolve
from tiebreak.text.document import Document
from tiebreak.text.extending import language_among
from tiebreak.text.generated import is_generated
from tiebreak.text.language import language_for, with_order
from tiebreak.text.markers import Labels, Rendered, has_markers, render
from tiebreak.text.merge3 import merge_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.conflict import Judge, Resolution
    from tiebreak.text.document import Ask, Hunk, Region
    from tiebreak.text.language import Language
    from tiebreak.text.recall import Find

NARROWED: Final = "structure/narrowed"  # `tiebreak.text.narrowing`, which only trust allows
UNTOUCHED: Final = Policy(most=SUGGEST, provable=SUGGEST)
BINARY_PROBE = 8000  # bytes git looks at for a NUL (xdiff-interface.c, buffer_is_binary)


class Settings(NamedTuple):
    """How to merge, and how to write what stays in conflict. The defaults are ort's."""

    policy: Policy = Policy()
    style: str = "merge"  # merge, diff3 or zdiff3 (merge.conflictStyle)
    marker_size: int = 7
    labels: Labels = Labels("ours", "base", "theirs")
    algorithm: str = "histogram"
    level: str = "zealous"
    favor: str | None = None  # ours, theirs or union, for what stays in conflict (git's -X)
    suggest: bool = True  # whether anybody looks at what is only suggested
    judge: Judge[Hunk, bytes] | None = None  # who ranks the candidates; None: the rule judge
    remembered: Find | None = None  # finds what was resolved before; None: nothing is remembered
    languages: tuple[Language, ...] = ()  # that the repository brings; they only suggest,
    trust_languages: bool = False  # unless the user says that they count like the shipped ones
    lineage: Ask | None = None  # asked where the versions come from, if the judge wants to know
    audit: bool = False  # whether what the audit objects to is a conflict, though clean by lines

    def render(self, regions: Sequence[Region]) -> Rendered:
        """Write regions, and those in conflict as git would under these settings."""
        return render(
            regions,
            style=self.style,
            level=self.level,
            labels=self.labels,
            marker_size=self.marker_size,
            favor=self.favor,
            algorithm=self.algorithm,
        )


class TextMerge(NamedTuple):
    """The outcome for one file.

    `text` is what to write, `floor` what git alone would have written. `unmerged` says that the
    file must stay unmerged in the index: `conflicts` are left in `text`, or a resolution was only
    applied.
    """

    text: bytes
    floor: bytes
    conflicts: int
    unmerged: bool
    resolutions: tuple[Resolution[bytes], ...]
    document: Document | None  # None for a binary file
    objections: tuple[str, ...] = ()  # why a merge that is clean by lines is a conflict

    @property
    def resolved(self) -> int:
        """How many hunks have their conflict replaced by a chosen candidate."""
        return sum(r.chosen is not None for r in self.resolutions)

    @property
    def narrowed(self) -> int:
        """How many of them still hold markers: their conflict was made smaller."""
        chosen = (r.chosen for r in self.resolutions)
        return sum(one is not None and one.candidate.stratum == NARROWED for one in chosen)


def is_binary(data: bytes) -> bool:
    """Whether git takes these bytes for binary: a NUL among the first 8000."""
    return b"\0" in data[:BINARY_PROBE]


def merge_text(
    path: str, base: bytes, ours: bytes, theirs: bytes, settings: Settings | None = None
) -> TextMerge:
    """Merge three versions of the file at `path`.

    A binary file stays ours, unmerged, as with git's built-in driver. Inputs that hold conflict
    markers (a virtual merge base, rerere's images) get git's text merge and nothing more.
    """
    settings = settings or Settings()
    if is_generated(path):
        settings = settings._replace(policy=settings.policy.limited_by(UNTOUCHED))
    sides = (base, ours, theirs)
    if any(map(is_binary, sides)):
        return TextMerge(ours, ours, 0, unmerged=True, resolutions=(), document=None)
    document = document_of(path, base, ours, theirs, settings)
    regions = document.regions
    floor = settings.render(regions)
    if floor.conflicts == 0 and settings.audit and not any(map(has_markers, sides)):
        return _audited(document, floor, settings)
    if floor.conflicts == 0 or any(map(has_markers, sides)):
        return TextMerge(floor.text, floor.text, floor.conflicts, floor.conflicts > 0, (), document)
    resolutions = resolve_document(
        document,
        settings.policy,
        settings.judge,
        suggest=settings.suggest,
        remembered=settings.remembered,
    )
    if any(r.chosen is None for r in resolutions):
        from tiebreak.text.joining import resolve_joined

        joined = resolve_joined(document, settings.policy)
        if joined is not None and joined.resolution.chosen is not None:
            document, resolutions = joined.document, [joined.resolution]
    merged = _written(document, resolutions, floor, settings)
    own = language_among(settings.languages, path)
    if own is None or settings.trust_languages:
        return merged
    return merged._replace(resolutions=_suggested(document, own, merged.resolutions))


def document_of(path: str, base: bytes, ours: bytes, theirs: bytes, settings: Settings) -> Document:
    """Three texts merged by lines, as `merge_text` begins."""
    regions = merge_lines(base, ours, theirs, algorithm=settings.algorithm)
    return Document(path, regions, _language(path, settings), settings.lineage)


def _language(path: str, settings: Settings) -> Language | None:
    """The language of a file, with the order that the policy wants kept."""
    own = language_among(settings.languages, path) if settings.trust_languages else None
    language = own or language_for(path)
    ordered = settings.policy.ordered
    return with_order(language, ordered) if language is not None and ordered else language


def _suggested(
    document: Document, own: Language, resolutions: Sequence[Resolution[bytes]]
) -> tuple[Resolution[bytes], ...]:
    """What is left in conflict, with what a language of the repository suggests for it."""
    from tiebreak.text.toolbox import TOOLBOX

    again = Document(document.path, document.regions, own)
    if len(again.hunks) != len(resolutions):
        return tuple(resolutions)
    return tuple(
        old if old.chosen is not None else resolve(hunk, TOOLBOX, UNTOUCHED)
        for hunk, old in zip(again.hunks, resolutions, strict=True)
    )


def _audited(document: Document, floor: Rendered, settings: Settings) -> TextMerge:
    """A merge that is clean by lines; what the audit objects to becomes a conflict."""
    from tiebreak.text.audit import objections
    from tiebreak.text.joining import resolve_objections

    found = objections(document)
    joined = resolve_objections(document, found, settings.policy) if found else None
    if joined is None:
        return TextMerge(floor.text, floor.text, 0, False, (), document)  # noqa: FBT003
    merged = _written(joined.document, [joined.resolution], floor, settings)
    return merged._replace(objections=tuple(objection.reason for objection in found))


def _written(
    document: Document, resolutions: list[Resolution[bytes]], floor: Rendered, settings: Settings
) -> TextMerge:
    """The text with what was chosen, and with conflicts made smaller where the user allows it."""
    left = 0
    if settings.policy.trusts(NARROWED):
        resolutions, left = _narrowed(document, resolutions, settings)
    written = settings.render(_settled(document))
    conflicts = written.conflicts + left
    unmerged = conflicts > 0 or any(r.action == APPLY for r in resolutions)
    return TextMerge(written.text, floor.text, conflicts, unmerged, tuple(resolutions), document)


def _narrowed(
    document: Document, resolutions: list[Resolution[bytes]], settings: Settings
) -> tuple[list[Resolution[bytes]], int]:
    """Replace conflicts by smaller ones; gives the resolutions, and how many conflicts these hold.

    The text of such a resolution holds markers. It is applied, never committed.
    """
    from tiebreak.text.narrowing import narrowed

    found: list[Resolution[bytes]] = []
    left = 0
    for hunk, resolution in zip(document.hunks, resolutions, strict=True):
        regions = narrowed(hunk) if resolution.chosen is None else None
        if regions is None:
            found.append(resolution)
            continue
        rendered = settings.render(regions)
        left += rendered.conflicts
        why = "what is not in conflict by syntax is merged; the rest stays in conflict"
        smaller = Candidate(rendered.text, "structure", why, NARROWED)
        judgement = Judgement(0.0, 0.0, "not measured on real merges")
        document.chosen[hunk.index] = rendered.text
        found.append(resolution._replace(action=APPLY, chosen=Ranked(smaller, judgement)))
    return found, left


def resolve_document(
    document: Document,
    policy: Policy,
    judge: Judge[Hunk, bytes] | None = None,
    *,
    suggest: bool = True,
    remembered: Find | None = None,
) -> list[Resolution[bytes]]:
    """Resolve every hunk of a document, each by itself, then look at the file as a whole.

    Without `suggest` generators are not asked whose proposals could only be suggested. `remembered`
    finds what people made of such conflicts before.

    Resolutions that are right alone may be wrong together (two hunks that each add the same key),
    and then none is used. What is used is in `document.chosen`.
    """
    from tiebreak.text.judge import careful, may_use
    from tiebreak.text.toolbox import TOOLBOX, usable, whole_file_veto

    toolbox = TOOLBOX if judge is None else TOOLBOX._replace(judge=careful(judge))
    if not suggest:
        toolbox = toolbox._replace(generators=usable(toolbox.generators, policy))
    if remembered is not None and (suggest or may_use("memory", policy)):
        from tiebreak.text.recall import with_memory

        toolbox = with_memory(toolbox, remembered)
    resolutions: list[Resolution[bytes]] = []
    for hunk in document.hunks:
        resolution = resolve(hunk, toolbox, policy)
        resolutions.append(resolution)
        if resolution.chosen is not None:
            document.chosen[hunk.index] = resolution.chosen.candidate.value
    if document.chosen and whole_file_veto(document) is not None:
        document.chosen.clear()
        return [_demote(r) for r in resolutions]
    return resolutions


def _demote(resolution: Resolution[bytes]) -> Resolution[bytes]:
    action = min(resolution.action, SUGGEST, key=ACTIONS.index)
    return resolution._replace(action=action, chosen=None)


def _settled(document: Document) -> list[Region]:
    """The document's regions, the chosen resolutions being their results."""
    chosen = document.chosen
    return [
        region._replace(result=chosen[index]) if index in chosen else region
        for index, region in enumerate(document.regions)
    ]
