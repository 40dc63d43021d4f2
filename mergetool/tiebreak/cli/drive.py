"""The merge driver's Python half. `driver/tiebreak-driver` starts it on a text conflict.

Git's own text merge is in the file already, and stays there unless this ends with one of the two
statuses that the launcher knows; a crash, a kill or a timeout therefore needs no code here. The new
result replaces the old in one step, the last before the end.

Its imports are part of every conflict: no click, no subprocess, no dataclasses.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from tiebreak.errors import GitError, TiebreakError
from tiebreak.git import settings
from tiebreak.git.caller import Call, git_above, parse, saved_favor
from tiebreak.git.spawn import common_dir, git_dir, read_config
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from tiebreak.lineage import Lineage
    from tiebreak.policy import Policy
    from tiebreak.text.file import Settings, TextMerge
    from tiebreak.text.language import Language

RESOLVED: Final = 120  # merged, nothing is left to do: driver/tiebreak-driver
UNRESOLVED: Final = 121  # the file stays unmerged; %A is right as it is
NO_CHECKPOINT: Final = 122  # no version is one, or none is to be merged as one: git's text merge
GARBAGE: Final = 100_000  # objects before Python looks for garbage: it lives for one file
MEMORY: Final = 2 << 30  # bytes of address space; what needs more gets git's text merge

_OF_COMMITS: Final = frozenset(("merge", "pull", ""))  # "" where the command cannot be seen
_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\n"
_MODEL_FILES: Final = (  # driver/tiebreak-driver asks about them where lines merge, too
    ".safetensors.index.json",
    "added_tokens.json",
    "adapter_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
)
_CONFIG: Final = rf"{settings.KEYS}|^alias\.|^lfs\.storage$|^extensions\.objectformat$"


class Request(NamedTuple):
    """The launcher's arguments: files, then what git says of the merge."""

    base: str
    ours: str
    theirs: str
    target: str
    marker_size: int
    path: str
    label_base: str
    label_ours: str
    label_theirs: str
    parent: int

    @property
    def of_tensors(self) -> bool:
        """Whether it is a checkpoint.

        Text is merged from a copy of ours, for its floor is in the target already; a checkpoint's
        floor is ours itself.
        """
        return self.ours == self.target


class Context(NamedTuple):
    """What the merge is part of: the user's configuration, the command, the repository."""

    config: Mapping[str, str]
    call: Call
    git_dir: str | None


def main(argv: Sequence[str]) -> None:
    """Merge one file and end the process; never returns."""
    sys.excepthook = _one_line
    gc.set_threshold(GARBAGE)
    request = _request(argv)
    _bound_memory(mapped=request.of_tensors)
    try:
        status = drive(request)
    except TiebreakError as error:
        say(request.path, str(error))
        status = UNRESOLVED
    os._exit(status)


def _request(argv: Sequence[str]) -> Request:
    base, ours, theirs, target, size, path, *labels = argv
    label_base, label_ours, label_theirs = labels
    return Request(
        base, ours, theirs, target, int(size), path, label_base, label_ours, label_theirs,
        os.getppid(),
    )  # fmt: skip


def drive(request: Request) -> int:
    """Merge the request's file, and give the status to end with."""
    config = read_config(_CONFIG)
    if not settings.enabled(config):
        return NO_CHECKPOINT if request.of_tensors else UNRESOLVED
    limit = settings.weights_timeout if request.of_tensors else settings.timeout
    signal.setitimer(signal.ITIMER_REAL, limit(config))
    context = Context(config, parse(git_above(), config), git_dir())
    if request.of_tensors:
        from tiebreak.cli import drive_tensors

        return drive_tensors.merge(request, context)
    return _merge(request, context)


def _merge(request: Request, context: Context) -> int:
    from tiebreak.text.file import merge_text

    how = _settings(request, context)
    base, ours, theirs = map(_read, (request.base, request.ours, request.theirs))
    if ours.startswith(_POINTER):
        return _keep_pointer(request, ours)
    if request.path.endswith(_MODEL_FILES):
        from tiebreak.cli import drive_model_files

        done = drive_model_files.merge(request, context, (base, ours, theirs), how)
        if done is not None:
            return done
    outcome = merge_text(request.path, base, ours, theirs, how)
    resolved = outcome.resolved
    status = UNRESOLVED if outcome.unmerged else RESOLVED
    if not resolved and outcome.text == _read(request.target):
        return status  # else `git merge` would have cut the conflict otherwise than merge-file
    stage(request, outcome.text)
    if not awaited(request):
        withdraw(request)
        return UNRESOLVED
    if resolved and not context.call.only_looks:
        _record(request, context, (base, ours, theirs), outcome)
    os.replace(f"{request.target}.result", request.target)
    if resolved and not context.call.only_looks:
        say(request.path, _summary(resolved, outcome))
    elif outcome.objections:
        say(request.path, f"clean by lines, but {outcome.objections[0]}; left in conflict")
    return status


def _keep_pointer(request: Request, ours: bytes) -> int:
    """Ours, as of any file that is not text: markers in a pointer of Git LFS break the checkout."""
    stage(request, ours)
    os.replace(f"{request.target}.result", request.target)
    say(request.path, "both sides changed a file of Git LFS; ours is kept")
    return UNRESOLVED


def _settings(request: Request, context: Context) -> Settings:
    from tiebreak.cli.judging import in_driver
    from tiebreak.cli.remembering import remembered
    from tiebreak.recipe import NOTHING
    from tiebreak.text.file import Settings
    from tiebreak.text.markers import Labels

    text_only = context.call.command == "notes" or context.call.recreates(
        request.label_ours, os.environ.get("GIT_PREFIX", "")
    )
    policy = NOTHING if text_only else _policy(request.path, context.config)
    common = common_dir(context.git_dir) if context.git_dir else None
    judge = None if text_only else in_driver(context.config, common)
    return Settings(
        policy=policy,
        style=context.call.style or settings.style(context.config),
        marker_size=request.marker_size,
        labels=Labels(request.label_ours, request.label_base, request.label_theirs),
        favor=None if text_only else favor(context),
        suggest=False,
        audit=bool(os.environ.get("TIEBREAK_AUDIT")) and not text_only,
        languages=_languages(context.config),
        trust_languages=True,  # else there are none: nobody would see what they suggest
        judge=judge,
        lineage=(lambda: _lineage(request, context)) if judge is not None else None,
        remembered=None if text_only or common is None else remembered(context.config, common),
    )


def _lineage(request: Request, context: Context) -> Lineage | None:
    """Where the versions come from, when it is two commits that are merged."""
    from tiebreak.git.command import git
    from tiebreak.git.lineage import Lineages, merge_heads_of_driver

    heads = merge_heads_of_driver()
    if heads is None or context.call.command not in _OF_COMMITS:
        return None
    files = (os.path.abspath(request.ours), os.path.abspath(request.theirs))
    try:
        tips = git("hash-object", "--no-filters", "--", *files).line.split("\n")
    except GitError:
        return None
    seconds = settings.timeout(context.config) / 3
    return Lineages(*heads, [request.path], ".", seconds).of(request.path, *tips)


def _languages(config: Mapping[str, str]) -> tuple[Language, ...]:
    """The repository's own languages, where the user lets them count."""
    if not settings.repository_languages(config):
        return ()
    from tiebreak.text.extending import read_folder

    return read_folder(".")


def _policy(path: str, config: Mapping[str, str]) -> Policy:
    """What the user allows, limited by the recipe, which is still as before the merge."""
    from tiebreak.recipe import load_recipe

    return load_recipe(".").policy_for(path, settings.allowed(config))


def favor(context: Context) -> str | None:
    """The side that gets what stays in conflict: a setting of the user's, or ``git merge -X``."""
    saved = saved_favor(context.git_dir, context.call) if context.git_dir else None
    return settings.favor(context.config) or context.call.favor or saved


def stage(request: Request, text: bytes) -> None:
    """Write the result beside the target, all of it or not at all."""
    with open(f"{request.target}.result", "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def awaited(request: Request) -> bool:
    """Whether git still waits: it has gone on without us if the launcher was killed."""
    return os.getppid() == request.parent and os.path.exists(request.target)


def withdraw(request: Request) -> None:
    """Remove the result that nobody waits for."""
    if os.path.exists(f"{request.target}.result"):
        os.unlink(f"{request.target}.result")


def _record(
    request: Request, context: Context, texts: tuple[bytes, bytes, bytes], outcome: TextMerge
) -> None:
    from tiebreak.journal import Journal, Texts, text_entry

    if context.git_dir is None:
        return
    entry, contents = text_entry(
        request.path,
        Texts(*texts, outcome.floor, outcome.text),
        outcome.resolutions,
        operation=operation(request, context),
    )
    Journal(common_dir(context.git_dir)).record(entry, contents)


def operation(request: Request, context: Context) -> str:
    """On whose behalf: ``merge feature``, ``rebase 1f2e3d4 (subject)``."""
    return " ".join(filter(None, (context.call.command or "merge", request.label_theirs)))


def _summary(resolved: int, outcome: TextMerge) -> str:
    count = len(outcome.resolutions)
    hunks = "hunk" if count == 1 else "hunks"
    smaller = f", {outcome.narrowed} made smaller" if outcome.narrowed else ""
    review = ", left unmerged for review" if outcome.unmerged and not outcome.conflicts else ""
    whole = resolved - outcome.narrowed
    return f"{whole} of {count} {hunks} resolved{smaller}{review} (tiebreak review)"


def say(path: str, line: str) -> None:
    """One line on standard error. Never on standard output: `git merge-tree` prints there."""
    os.write(2, os.fsencode(f"tiebreak: {shown(path)}: {line}\n"))


def shown(path: str) -> str:
    """A path that cannot write on the screen."""
    return path if path.isprintable() else ascii(path)


def _read(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read()


def _bound_memory(*, mapped: bool) -> None:
    """Limit the address space; with files mapped into it, only what is not such a file."""
    import resource

    kind = resource.RLIMIT_DATA if mapped else resource.RLIMIT_AS
    _, most = resource.getrlimit(kind)
    if most == resource.RLIM_INFINITY or most > MEMORY:
        try:
            resource.setrlimit(kind, (MEMORY, most))
        except (OSError, ValueError):  # macOS has no such limit
            return


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A defect in one line; the launcher adds that git's own conflict is kept."""
    if os.environ.get("TIEBREAK_DEBUG"):
        sys.__excepthook__(kind, error, trace)
        return
    where = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        where = f"{os.path.basename(code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    line = f"tiebreak: {kind.__name__}: {error} ({where})".replace("\n", " ")
    os.write(2, os.fsencode(f"{line}\n"))
