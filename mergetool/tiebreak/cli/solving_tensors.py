"""What `tiebreak solve` does with checkpoints: each folder as a whole where git says what it was.

A merge that stopped knows its commits, so all versions of a folder are at hand: shards, index,
configuration and tokenizer. Then tensors are found wherever a side moved them, and files that git
merged without a conflict are corrected with them. Without the commits (a stash, several merge
bases), or where the folder is no checkpoint in one of them, each file is merged from its stages.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.cli import meter
from tiebreak.cli.limits import OutOfTime, limited
from tiebreak.cli.outcome import APPLIED, LEFT, RESOLVED, Outcome
from tiebreak.cli.scratch import scratch
from tiebreak.cli.tensor_entries import ABSENT
from tiebreak.cli.tensor_entries import decisions as decisions_of
from tiebreak.cli.weights.contents import Contents
from tiebreak.cli.writing_back import Change, State, Writer, changed_since
from tiebreak.errors import TiebreakError
from tiebreak.git import settings
from tiebreak.git.command import git
from tiebreak.git.commits import files_of, merging
from tiebreak.git.install import CHECKPOINTS
from tiebreak.git.stages import EXECUTABLE, REGULAR, Unmerged, merged_mode, staged_in
from tiebreak.journal import Decision
from tiebreak.policy import COMMIT
from tiebreak.recipe_errors import NAME
from tiebreak.weights.checkpoint import BESIDE_ENDINGS, INDEX_ENDING
from tiebreak.weights.errors import NEEDS_NUMPY, CheckpointError
from tiebreak.weights.vocabulary.union import OPAQUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.cli.solving import Governed
    from tiebreak.git.commits import Commits
    from tiebreak.git.repository import Repository
    from tiebreak.git.stages import Version
    from tiebreak.journal import Entry, Journal
    from tiebreak.weights.file import CheckpointMerge, Settings, Verdict
    from tiebreak.weights.folders import FolderMerge
    from tiebreak.weights.writing import Meter

_SIDES: Final = ("base", "ours", "theirs")
_SHOWN: Final = 3  # tensors that are named in the one line


class Work(NamedTuple):
    """What every step needs."""

    repository: Repository
    top: str
    governed: Governed
    journal: Journal
    dry_run: bool


class _NotWhole(Exception):  # noqa: N818  (no error: then each file is merged alone)
    """The folder cannot be merged as a whole; the message says why."""


def solve_checkpoints(work: Work, conflicts: Sequence[Unmerged]) -> list[Outcome]:
    """Merge what is in conflict in checkpoints; gives an outcome for every path that it settles."""
    by_folder: dict[str, list[Unmerged]] = {}
    alone: list[Unmerged] = []  # a Fisher file is no part of the checkpoint that it speaks of
    for conflict in conflicts:
        if _is_whole(conflict.path):
            by_folder.setdefault(os.path.dirname(conflict.path), []).append(conflict)
        elif conflict.path.endswith(BESIDE_ENDINGS):
            alone.append(conflict)
    commits = merging(work.repository.git_dir, work.top)
    found: list[Outcome] = []
    for folder, held in by_folder.items():
        found += _in_time(work, commits, folder, held)
    for conflict in alone:
        found += _in_time(work, None, os.path.dirname(conflict.path), [conflict])
    return found


def _in_time(
    work: Work, commits: Commits | None, folder: str, held: Sequence[Unmerged]
) -> list[Outcome]:
    seconds = settings.weights_timeout(work.governed.config)
    try:
        with scratch(work.repository.git_dir) as temporary:
            contents = Contents(work.repository, temporary)
            with limited(seconds):
                return _solve(work, commits, folder, held, contents)
    except OutOfTime:
        why = f"it took longer than {seconds:g} s (git config tiebreak.weightsTimeout)"
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        why = NEEDS_NUMPY
    return [_unsolved(c.path, why) for c in held]


def _solve(
    work: Work,
    commits: Commits | None,
    folder: str,
    held: Sequence[Unmerged],
    contents: Contents,
) -> list[Outcome]:
    """The whole folder, or else file by file. An error settles nothing."""
    files = [conflict for conflict in held if conflict.path.endswith(CHECKPOINTS)]
    try:
        if commits is not None:
            return _Folder(work, commits, folder, held, contents).solve()
    except TiebreakError as error:
        return [_unsolved(c.path, str(error)) for c in held]
    except _NotWhole:
        pass
    return [_solve_file(work, conflict, contents) for conflict in files]


def _settings(work: Work, path: str) -> Settings:
    from tiebreak.weights.file import Settings

    favor = settings.favor(work.governed.config)
    state = git("status", "--porcelain", "--", f":(top,literal){NAME}", cwd=work.top).out
    edited = state[1:2] in {b"M", b"?"}
    return Settings(
        work.governed.policy(path),
        work.governed.weights(path, edited=edited),
        favor if favor in {"ours", "theirs"} else None,
    )


def _meter(path: str) -> Meter | None:
    return partial(meter.Meter, label=f"{path}: ") if meter.on_terminal() else None


# One file -----------------------------------------------------------------------------------------


def _solve_file(work: Work, conflict: Unmerged, contents: Contents) -> Outcome:
    if conflict.obstacle is not None:
        return _unsolved(conflict.path, conflict.obstacle)
    try:
        return _merge_file(work, conflict, contents)
    except TiebreakError as error:
        return _unsolved(conflict.path, str(error))


def _merge_file(work: Work, conflict: Unmerged, contents: Contents) -> Outcome:
    from tiebreak.cli.solving_fishers import of_file
    from tiebreak.weights.file import Files, merge_checkpoints

    state = State.of(conflict)
    since = changed_since(state, work.top)
    if since:
        return _was_applied(work, state) or _unsolved(conflict.path, since)
    versions = {v.oid for v in (conflict.base, conflict.ours, conflict.theirs) if v}
    contents.check_room(versions)
    base, ours, theirs = (
        contents[version.oid] if version is not None else None
        for version in (conflict.base, conflict.ours, conflict.theirs)
    )
    assert ours is not None  # noqa: S101  (it is no obstacle)
    assert theirs is not None  # noqa: S101
    output = None if work.dry_run else contents.new(os.path.basename(conflict.path))
    files = Files([base.path] if base is not None else [], ours.path, theirs.path)
    with of_file(conflict, contents) as found:
        how = _settings(work, conflict.path)._replace(importances=found)
        merged = merge_checkpoints(conflict.path, files, output, how, _meter(conflict.path))
    if merged.conflicts:
        return _left(conflict.path, merged)
    unmerged = merged.unmerged or conflict.disagrees_on_mode
    if work.dry_run or output is None:
        return _done(conflict.path, merged.verdicts, "", unmerged=unmerged)
    decisions = decisions_of(merged.verdicts, merged.digests, used=True)
    change = Change(state, output, decisions, ours.pointer is not None, None, merged_mode(conflict))
    writer = Writer(work.repository, work.journal, contents.store)
    (entry,) = writer.write([change], stage=not unmerged)
    return _done(conflict.path, merged.verdicts, entry.id, unmerged=unmerged)


def _was_applied(work: Work, state: State) -> Outcome | None:
    """What the driver, or `solve`, wrote before and left for the user to look at."""
    earlier = work.journal.get(state.key)
    if earlier is None or earlier.undone or earlier.result in {earlier.floor, ABSENT}:
        return None
    if changed_since(state._replace(floor=earlier.result.digest), work.top):
        return None
    why = "resolved, for you to look at"
    return Outcome(state.path, APPLIED, why, len(earlier.decisions), kind="tensors")


def _unsolved(path: str, why: str) -> Outcome:
    return Outcome(path, LEFT, why, kind="tensors")


def _left(path: str, merged: CheckpointMerge | FolderMerge) -> Outcome:
    open_ = merged.conflicts
    named = "; ".join(f"{v.name} ({v.why})" for v in open_[:_SHOWN])
    more = f"; {len(open_) - _SHOWN} more" if open_[_SHOWN:] else ""
    left = f"{len(open_)} of {len(merged.verdicts)} changed tensors in conflict"
    return _unsolved(path, f"{left}: {named}{more}")


def _done(path: str, verdicts: Sequence[Verdict], name: str, *, unmerged: bool) -> Outcome:
    by = Counter(verdict.by for verdict in verdicts)
    status = APPLIED if unmerged else RESOLVED
    why = "not certain enough to be staged" if unmerged else ""
    makers = tuple(who for who, _ in by.most_common())
    count = len(verdicts)
    return Outcome(path, status, why, count, count, 0, makers, name, "tensors")


# A folder -----------------------------------------------------------------------------------------


class _Folder:
    """A folder that is in conflict, its three versions, and what the index has of it."""

    def __init__(
        self,
        work: Work,
        commits: Commits,
        folder: str,
        held: Sequence[Unmerged],
        contents: Contents,
    ) -> None:
        """Raises `_NotWhole` where a conflict is not between the files of these commits."""
        self._work, self._folder, self._held, self._contents = work, folder, held, contents
        self._trees = [files_of(commit, folder, work.top) for commit in commits]
        self._index = {c.path: c for c in staged_in(folder, work.top)}
        others = [c for c in self._index.values() if c.base is not None or c.theirs is not None]
        held = [*held, *(c for c in others if _is_whole(c.path))]
        self._unmerged = {conflict.path for conflict in held}
        modes = {f.mode for tree in self._trees for name, f in tree.items() if _is_part(name)}
        if not modes <= {REGULAR, EXECUTABLE}:
            raise _NotWhole  # links
        if not all(map(self._is_of_commits, held)):
            raise _NotWhole

    def _is_of_commits(self, conflict: Unmerged) -> bool:
        """Whether the stages are what the commits have under that name: not so after a rename."""
        if conflict.base is None and (conflict.ours is None or conflict.theirs is None):
            return False
        name = os.path.basename(conflict.path)
        known = [tree[name].oid if name in tree else None for tree in self._trees]
        stages = (conflict.base, conflict.ours, conflict.theirs)
        return known == [version.oid if version is not None else None for version in stages]

    def solve(self) -> list[Outcome]:
        """Merge and write. Raises `_NotWhole` where the whole is no checkpoint."""
        from tiebreak.cli.solving_fishers import of_folder
        from tiebreak.weights.folders import Folders, merge_folders

        wanted = [{n: f.oid for n, f in tree.items() if _is_part(n)} for tree in self._trees]
        self._contents.check_room(oid for files in wanted for oid in files.values())
        versions = [
            self._contents.folder(side, files) for side, files in zip(_SIDES, wanted, strict=True)
        ]
        output = None if self._work.dry_run else self._contents.folder("result", {})
        path = self._held[0].path
        folders = dict(zip(_SIDES, versions, strict=True))
        trees = dict(zip(_SIDES, self._trees, strict=True))
        try:
            with of_folder(folders, trees, self._contents) as found:
                how = _settings(self._work, path)._replace(importances=found)
                merged = merge_folders(path, Folders(*versions), output, how, _meter(path))
        except CheckpointError as error:
            raise _NotWhole from error
        return self._outcomes(merged)

    def _outcomes(self, merged: FolderMerge) -> list[Outcome]:
        paths = sorted(self._unmerged)
        if merged.conflicts:
            return [_left(path, merged) for path in paths]
        if self._work.dry_run:
            return [_done(p, merged.verdicts, "", unmerged=merged.unmerged) for p in paths]
        results = {os.path.join(self._folder, name): file for name, file in merged.files.items()}
        if not {p for p in paths if p.endswith(CHECKPOINTS)} <= set(results):
            raise _NotWhole
        changes = [self._change(path, file, merged) for path, file in sorted(results.items())]
        wanted = [change for change in changes if change is not None]
        for change in wanted:
            since = changed_since(change.state, self._work.top)
            if since:
                left = f"{change.state.path}: {since}"
                return [self._applied(path) or _unsolved(path, left) for path in paths]
        writer = Writer(self._work.repository, self._work.journal, self._contents.store)
        return [
            self._outcome(entry, merged)
            for entry in writer.write(wanted, stage=not merged.unmerged)
        ]

    def _applied(self, path: str) -> Outcome | None:
        return _was_applied(self._work, State.of(self._index[path]))

    def _outcome(self, entry: Entry, merged: FolderMerge) -> Outcome:
        verdicts = _in_file(entry.path, merged)
        done = _done(entry.path, verdicts, entry.id, unmerged=merged.unmerged)
        return done if verdicts else done._replace(why=entry.decisions[0].why)

    def _change(self, path: str, file: str | None, merged: FolderMerge) -> Change | None:
        """What has to be done with a file; None if the index has the result already."""
        there = self._index.get(path)
        if there is None:
            if file is None:
                return None
            there = Unmerged(path, None, None, None)
        oid = self._known(file)
        merged_by_git = there.base is None and there.theirs is None
        if merged_by_git and file is not None and self._same(there.ours, file, oid):
            return None
        decisions = decisions_of(_in_file(path, merged), merged.digests, used=True)
        if not decisions:
            what = "not part of the result" if file is None else "merged with its checkpoint"
            decisions = (Decision("the file", COMMIT, "folder", "folder", why=what),)
        pointer = self._is_pointer(path, file)
        return Change(State.of(there), file, decisions, pointer, oid, merged_mode(there))

    def _known(self, file: str | None) -> str | None:
        """The blob whose content a file of a version is."""
        if file is None:
            return None
        side, name = os.path.split(file)
        place = os.path.basename(side)
        if place not in _SIDES:
            return None
        return self._trees[_SIDES.index(place)][name].oid

    def _same(self, staged: Version | None, file: str, oid: str | None) -> bool:
        if staged is None:
            return False
        if oid is not None:
            return staged.oid == oid
        if file.endswith(CHECKPOINTS):
            return False
        return git("hash-object", "--no-filters", "--", file, cwd=self._work.top).line == staged.oid

    def _is_pointer(self, path: str, file: str | None) -> bool:
        """Whether checkpoints are under LFS on our side."""
        if file is None or not path.endswith(CHECKPOINTS):
            return False
        ours = [f.oid for name, f in self._trees[1].items() if name.endswith(CHECKPOINTS)]
        return any(self._contents[oid].pointer is not None for oid in ours)


def _is_whole(path: str) -> bool:
    """Whether a file is a checkpoint, or a shard or the index of one."""
    return path.endswith((CHECKPOINTS, INDEX_ENDING)) and not path.endswith(BESIDE_ENDINGS)


def _is_part(name: str) -> bool:
    """Whether a file belongs to a checkpoint."""
    return _is_whole(name) or name.endswith(".json") or name in OPAQUE


def _in_file(path: str, merged: FolderMerge) -> list[Verdict]:
    """What became of the tensors of one file of the result, or of the settings in it."""
    name = os.path.basename(path)
    return [
        verdict
        for verdict in merged.verdicts
        if merged.shards.get(verdict.name) == name or verdict.name.startswith(f"{name}.")
    ]
