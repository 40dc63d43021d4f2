"""What `tiebreak solve` does: read every conflict of the index, resolve, record, write, stage.

One process for all files, and git is asked once for all of them. Each file is planned without
touching anything, so a dry run is the same work without the last step.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.cli.judging import in_solve
from tiebreak.cli.limits import OutOfTime, limited
from tiebreak.cli.outcome import APPLIED, LEFT, PARTLY, RESOLVED, Outcome, made_smaller
from tiebreak.cli.remembering import remembered, with_this_merge
from tiebreak.cli.surveying import Sources, survey
from tiebreak.errors import GitError, InputError
from tiebreak.git import settings
from tiebreak.git.install import CHECKPOINTS
from tiebreak.git.lineage import Lineages, merge_heads
from tiebreak.git.repository import config_section, git_version
from tiebreak.git.stages import committed_files, object_sizes, read_objects, stage, unmerged
from tiebreak.git.worktree import attributes, beyond_link, read_file, write_file
from tiebreak.journal import Journal, JournalError, Texts, text_entry
from tiebreak.policy import APPLY, SUGGEST
from tiebreak.recipe import load_recipe, parse_recipe
from tiebreak.recipe_errors import NAME
from tiebreak.text.blocks import rewrite
from tiebreak.text.diff import algorithm_of
from tiebreak.text.extending import FOLDER, read_languages
from tiebreak.text.file import Settings, is_binary, merge_text
from tiebreak.text.markers import has_markers
from tiebreak.weights_recipe import WeightsRecipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.git.repository import Repository
    from tiebreak.git.stages import Unmerged
    from tiebreak.git.worktree import Attributes
    from tiebreak.journal import Entry
    from tiebreak.policy import Policy
    from tiebreak.text.blocks import Rewritten
    from tiebreak.text.document import Ask
    from tiebreak.text.file import TextMerge

LARGEST: Final = 100 * 1024 * 1024  # bytes of one version; all of them are in memory together


class _Plan(NamedTuple):
    """One file's outcome and what it takes: the file before and after, the entry to record."""

    outcome: Outcome
    before: bytes = b""
    after: bytes = b""
    entry: Entry | None = None
    contents: Mapping[str, bytes] = {}


class _Form(NamedTuple):
    """A work-tree file in the repository's form, and whether all its lines end in CRLF there."""

    text: bytes
    crlf: bool

    def restore(self, text: bytes) -> bytes:
        """A text in the work-tree form again."""
        return text.replace(b"\n", b"\r\n") if self.crlf else text


def solve(
    repository: Repository, pathspecs: Sequence[str], *, dry_run: bool = False
) -> list[Outcome]:
    """Resolve what can be resolved of the unmerged paths; gives what became of each of them.

    `pathspecs` are git's, seen from the current directory; none means the whole work tree.
    """
    top = repository.top
    if top is None:
        msg = "this repository is bare; there is no work tree with conflicts"
        raise InputError(msg)
    conflicts = unmerged(os.getcwd() if pathspecs else top, pathspecs)
    journal = Journal(repository.common_dir)
    found = _checkpoints(conflicts, repository, journal, dry_run=dry_run)
    done = {outcome.path for outcome in found}
    wanted = {conflict.path for conflict in conflicts} - done
    every = unmerged(top) if pathspecs else conflicts
    texts = [c for c in every if c.path in wanted or not c.path.endswith(CHECKPOINTS)]
    reads = _read([c for c in texts if c.path not in done], repository) if wanted else []
    survey([read for read in reads if isinstance(read, Sources)])
    plans = [
        _Plan(read) if isinstance(read, Outcome) else _plan_in_time(read, journal, top)
        for read in reads
        if read.path in wanted
    ]
    if not dry_run:
        plans = [_carry_out(plan, journal, top) for plan in plans]
        _stage([plan.outcome.path for plan in plans if plan.outcome.status == RESOLVED], top)
    return sorted([*found, *(plan.outcome for plan in plans)], key=lambda outcome: outcome.path)


def _checkpoints(
    conflicts: Sequence[Unmerged], repository: Repository, journal: Journal, *, dry_run: bool
) -> list[Outcome]:
    """What became of the conflicts that are in checkpoints, and of files that go with them."""
    if not any(c.path.endswith((CHECKPOINTS, f"{CHECKPOINTS}.index.json")) for c in conflicts):
        return []
    from tiebreak.cli.solving_tensors import Work, solve_checkpoints

    top = repository.top or ""
    committed = read_objects([f"HEAD:{NAME}"], top)[0]
    governed = Governed(conflicts, committed, repository)
    work = Work(repository, top, governed, journal, dry_run)
    return solve_checkpoints(work, conflicts)


def _stage(paths: Sequence[str], top: str) -> None:
    try:
        stage(paths, top)
    except GitError as error:
        msg = f"resolved and written, but not staged (git add does that): {error}"
        raise GitError(msg) from error


def _read(conflicts: Sequence[Unmerged], repository: Repository) -> list[Sources | Outcome]:
    """Every conflict with its texts, or why it is none of ours."""
    if not conflicts:
        return []
    top = repository.top or ""
    versions = [v for c in conflicts if c.obstacle is None for v in (c.base, c.ours, c.theirs) if v]
    sizes = object_sizes(sorted({version.oid for version in versions}), top)
    names = [name for name, size in sizes.items() if size <= LARGEST]
    committed, *contents = read_objects([f"HEAD:{NAME}", *names], top)
    texts = {name: text for name, text in zip(names, contents, strict=True) if text is not None}
    governed = Governed(conflicts, committed, repository)
    governed.remembered = with_this_merge(
        governed.remembered, governed.config, Journal(repository.common_dir), top
    )
    paths = [conflict.path for conflict in conflicts]
    found = attributes(paths, top)
    heads = merge_heads(repository.git_dir)
    lineages = Lineages(*heads, paths, top, governed.seconds / 3) if heads else None
    return [_sources(c, found[c.path], texts, governed, lineages) for c in conflicts]


def _sources(
    conflict: Unmerged,
    attributes: Attributes,
    texts: Mapping[str, bytes],
    governed: Governed,
    lineages: Lineages | None,
) -> Sources | Outcome:
    reason = conflict.obstacle or attributes.converted
    if reason is not None:
        return Outcome(conflict.path, LEFT, reason)
    sides = []
    for version in (conflict.base, conflict.ours, conflict.theirs):
        text = texts.get(version.oid) if version is not None else b""
        if text is None:
            return Outcome(conflict.path, LEFT, "a version of it is missing or larger than 100 MiB")
        sides.append(text)
    if any(map(is_binary, sides)):
        return Outcome(conflict.path, LEFT, "binary")
    base, ours, theirs = sides
    how = Settings(
        policy=governed.policy(conflict.path),
        style=governed.style,
        marker_size=attributes.marker_size,
        algorithm=governed.algorithm,
        languages=governed.languages,
        trust_languages=governed.trust_languages,
        judge=governed.judge,
        remembered=governed.remembered,
        lineage=_lineage(conflict, lineages),
    )
    return Sources(
        conflict.path, base, ours, theirs, how, governed.seconds, conflict.disagrees_on_mode
    )


def _lineage(conflict: Unmerged, lineages: Lineages | None) -> Ask | None:
    """Tells where a conflict's versions come from."""
    if lineages is None or conflict.ours is None or conflict.theirs is None:
        return None
    return partial(lineages.of, conflict.path, conflict.ours.oid, conflict.theirs.oid)


class Governed:
    """What git's version, the user's configuration and the recipes say.

    The recipe of the commit that is being merged into rules, since what the other side brings must
    not decide about its own merge; the work tree's can only lower it further.
    """

    __slots__ = (
        "_allowed", "_committed", "_work_tree", "algorithm", "config", "judge", "languages",
        "remembered", "seconds", "style", "trust_languages",
    )  # fmt: skip

    def __init__(
        self, conflicts: Sequence[Unmerged], committed: bytes | None, repository: Repository
    ) -> None:
        """`committed` is the recipe of the commit that is merged into."""
        top = repository.top or ""
        self.config = config = dict(config_section(settings.KEYS))
        self.algorithm = algorithm_of("histogram", git_version())
        self.style = settings.style(config)
        self.judge = in_solve(config, repository.common_dir)
        self.remembered = remembered(config, repository.common_dir)
        self.seconds = settings.timeout(config)
        self._allowed = settings.allowed(config)
        self.trust_languages = settings.repository_languages(config)
        brought = committed_files(FOLDER, ".toml", top) if self.trust_languages else []
        self.languages = read_languages(brought)
        self._committed = None if committed is None else parse_recipe(committed)
        in_conflict = any(conflict.path == NAME for conflict in conflicts)
        self._work_tree = None if in_conflict else load_recipe(top)

    def policy(self, path: str) -> Policy:
        """What may be done with a path."""
        policy = self._allowed
        for recipe in (self._committed, self._work_tree):
            policy = recipe.policy_for(path, policy) if recipe is not None else policy
        return policy

    def weights(self, path: str, *, edited: bool) -> WeightsRecipe:
        """How a checkpoint is merged: the recipe of the commit that is merged into.

        The work tree's, which may hold what theirs brought, only if the user has `edited` it.
        """
        recipes = (self._work_tree if edited else None, self._committed)
        found = [r.weights for r in recipes if r is not None and r.weights is not None]
        return found[0].for_path(path) if found else WeightsRecipe()


def _plan_in_time(sources: Sources, journal: Journal, top: str) -> _Plan:
    """`_plan`, for as long as the driver may take for one file."""
    try:
        with limited(sources.seconds):
            return _plan(sources, journal, top)
    except InputError as error:
        return _Plan(Outcome(sources.path, LEFT, str(error)))
    except OutOfTime:
        limit = f"it took longer than {sources.seconds:g} s (git config tiebreak.timeout)"
        return _Plan(Outcome(sources.path, LEFT, limit))


def _plan(sources: Sources, journal: Journal, top: str) -> _Plan:
    """Merge one file, find its conflicts in the work tree, and decide what to do with it."""
    before = read_file(os.path.join(top, sources.path))
    if before is None or beyond_link(sources.path, top):
        return _Plan(Outcome(sources.path, LEFT, "not in the work tree as a file"))
    form = _form(before, sources)
    merge, found, how = _closest(form.text, sources)
    if not found.replaced:
        status = APPLIED if _was_applied(form.text, merge) else LEFT
        why = _why_left(form.text, merge, found, how)
        return _Plan(Outcome(sources.path, status, why, len(merge.resolutions), 0, found.left))
    entry, contents = _entry(sources, form.text, merge, found, journal)
    status, why = _status(merge, found, how, sources)
    done = [entry.decisions[number] for number in sorted(found.replaced)]
    by = Counter(decision.generator for decision in done)
    smaller = sum(map(made_smaller, done))
    outcome = Outcome(
        sources.path,
        status,
        why,
        len(merge.resolutions),
        len(done) - smaller,
        found.left,
        tuple(name for name, _ in by.most_common()),
        entry.id,
        smaller=smaller,
    )
    return _Plan(outcome, before, form.restore(found.text), entry, contents)


def _form(text: bytes, sources: Sources) -> _Form:
    """Undo what git does to line ends on checkout, where that can be told for sure."""
    stored = sources.base + sources.ours + sources.theirs
    crlf = text.count(b"\r\n")
    if crlf and crlf == text.count(b"\n") and b"\r\n" not in stored:
        return _Form(text.replace(b"\r\n", b"\n"), crlf=True)
    return _Form(text, crlf=False)


def _closest(text: bytes, sources: Sources) -> tuple[TextMerge, Rewritten, Settings]:
    """Merge as ort does, and as `git merge-file` does if not every block of the file is found."""
    tried = []
    for algorithm in (sources.how.algorithm, "myers"):
        how = sources.how._replace(algorithm=algorithm)
        merge = merge_text(sources.path, sources.base, sources.ours, sources.theirs, how)
        found = rewrite(text, merge, how)
        tried.append((merge, found, how))
        if found.found == found.blocks:
            break
    return max(tried, key=lambda t: t[1].found)


def _was_applied(text: bytes, merge: TextMerge) -> bool:
    """Whether the driver wrote the whole result already and left it for review."""
    complete = merge.conflicts == 0 and text == merge.text
    return complete and any(r.action == APPLY for r in merge.resolutions)


def _why_left(text: bytes, merge: TextMerge, found: Rewritten, how: Settings) -> str:
    if _was_applied(text, merge):
        return "resolved, for you to look at"
    if found.blocks == 0:
        marked = has_markers(text, how.marker_size)
        return "its markers are not complete" if marked else "no markers in it"
    if not merge.resolutions:
        return "git merges its lines: an audit marked it, or its versions hold markers themselves"
    if not found.matched:
        return "not as git left it: edited since the merge, or made smaller by tiebreak"
    return _best_guess(merge, found)


def _best_guess(merge: TextMerge, found: Rewritten) -> str:
    """What would have been proposed for the first conflict that stays."""
    for number in sorted(found.matched):
        resolution = merge.resolutions[number]
        if resolution.ranked and resolution.action == SUGGEST:
            candidate, judgement = resolution.ranked[0]
            where = resolution.conflict.name
            return f"best guess for {where}: {candidate.why} ({judgement.evidence})"
    return "nothing to propose"


def _status(merge: TextMerge, found: Rewritten, how: Settings, sources: Sources) -> tuple[str, str]:
    """How far the file has come. Only what is settled in every respect is staged."""
    if found.left or has_markers(found.text, how.marker_size):
        return PARTLY, ""
    if any(merge.resolutions[number].action == APPLY for number in found.replaced):
        return APPLIED, "not certain enough to be staged"
    if merge.unmerged or found.text != merge.text:
        return APPLIED, "you edited this file"
    if sources.disagrees_on_mode:
        return APPLIED, "the sides disagree on its mode"
    return RESOLVED, ""


def _entry(
    sources: Sources, before: bytes, merge: TextMerge, found: Rewritten, journal: Journal
) -> tuple[Entry, dict[str, bytes]]:
    """What to record. What the driver had done in the same file before is kept with it."""
    texts = Texts(sources.base, sources.ours, sources.theirs, before, found.text)
    resolutions = [
        r if number in found.replaced else r._replace(chosen=None, action=SUGGEST)
        for number, r in enumerate(merge.resolutions)
    ]
    entry, contents = text_entry(sources.path, texts, resolutions, operation="solve")
    earlier = journal.get(entry.key)
    if earlier is None or earlier.undone or earlier.result != entry.floor:
        return entry, contents
    try:
        contents = journal.contents(earlier) | contents
    except JournalError:
        return entry, contents
    known = {decision.name: decision for decision in earlier.decisions if decision.resolved}
    decisions = tuple(d if d.resolved else known.get(d.name, d) for d in entry.decisions)
    return entry._replace(floor=earlier.floor, decisions=decisions), contents


def _carry_out(plan: _Plan, journal: Journal, top: str) -> _Plan:
    """Record and write one file. What cannot be recorded or written stays as it was."""
    if plan.entry is None:
        return plan
    try:
        journal.record(plan.entry, plan.contents)
        write_file(os.path.join(top, plan.outcome.path), plan.after, instead_of=plan.before)
    except InputError as error:
        return _Plan(Outcome(plan.outcome.path, LEFT, str(error), plan.outcome.conflicts))
    return plan
