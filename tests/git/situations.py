"""The situations in which git runs a merge driver, as functions that build and run each of them.

A situation takes a repository and the three versions of one file, and gives how git ended.
The versions are padded so that git sees a renamed file as one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from conftest import git_version

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from conftest import Repo

    Situation = Callable[[Repo, "Versions"], subprocess.CompletedProcess[bytes]]

LABELLED = git_version() >= (2, 44)  # older git does not tell a driver its labels
PAD = "".join(f"# line {n}\n" for n in range(12))


class Versions(NamedTuple):
    """Three versions of one file, and what tiebreak makes of them."""

    base: str
    ours: str
    theirs: str
    merged: str | None


HARD = Versions(*(f"{PAD}x = {n}\n{PAD}" for n in (1, 2, 3)), None)
SOFT = Versions(
    f"{PAD}x = 1\ny = 2\n{PAD}",
    f"{PAD}x = 10\ny = 2\n{PAD}",
    f"{PAD}x = 1\ny = 20\n{PAD}",
    f"{PAD}x = 10\ny = 20\n{PAD}",
)


def eager(repo: Repo) -> None:
    """Let the best candidate be committed, whatever was measured of its kind."""
    repo.git("config", "tiebreak.commit", "0")
    repo.git("config", "tiebreak.apply", "0")


def merge(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    repo.diverge({"a.py": v.base}, {"a.py": v.ours}, {"a.py": v.theirs})
    return repo.try_git("merge", "other")


def merge_in_subdirectory(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    repo.diverge({"d/e/a.py": v.base}, {"d/e/a.py": v.ours}, {"d/e/a.py": v.theirs})
    return repo.try_git("-C", "d/e", "merge", "other")


def rebase(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    repo.diverge({"a.py": v.base}, {"a.py": v.ours}, {"a.py": v.theirs})
    repo.checkout("other")
    return repo.try_git("rebase", "main")


def rebase_apply(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    repo.diverge({"a.py": v.base}, {"a.py": v.ours}, {"a.py": v.theirs})
    repo.checkout("other")
    return repo.try_git("rebase", "--apply", "main")


def cherry_pick(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    repo.diverge({"a.py": v.base}, {"a.py": v.ours}, {"a.py": v.theirs})
    return repo.try_git("cherry-pick", "other")


def revert(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    for text in (v.theirs, v.base, v.ours):
        repo.commit({"a.py": text})
    return repo.try_git("revert", "--no-edit", "HEAD~1")


def stash_pop(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    repo.commit({"a.py": v.base})
    repo.write({"a.py": v.theirs})
    repo.git("stash", "-q")
    repo.commit({"a.py": v.ours})
    return repo.try_git("stash", "pop")


def am_3way(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    repo.diverge({"a.py": v.base}, {"a.py": v.ours}, {"a.py": v.theirs})
    patch = repo.git("format-patch", "-1", "--stdout", "other")
    return repo.try_git("am", "-q", "-3", stdin=patch.encode() + b"\n")


def checkout_branch(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    """``checkout -m``: local changes are carried over to another branch."""
    repo.diverge({"a.py": v.base}, {}, {"a.py": v.theirs})
    repo.write({"a.py": v.ours})
    return repo.try_git("checkout", "-m", "other")


def rename(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    repo.diverge({"old.py": v.base}, {"old.py": v.ours}, {"old.py": None, "a.py": v.theirs})
    return repo.try_git("merge", "other")


def linked_worktree(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    """The merge runs in a work tree whose `.git` is a file; `repo` then stands for that one."""
    repo.diverge({"a.py": v.base}, {"a.py": v.ours}, {"a.py": v.theirs})
    repo.checkout("--detach")
    repo.git("worktree", "add", "-q", str(repo.path / "linked"), "main")
    repo.path /= "linked"
    return repo.try_git("merge", "other")


def beside_a_submodule(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    """A submodule that both sides moved stays git's business."""
    ids = [repo.commit({"n": str(n)}) for n in range(3)]
    for branch, text, gitlink in (
        ("base", v.base, ids[0]),
        ("main", v.ours, ids[1]),
        ("other", v.theirs, ids[2]),
    ):
        if branch != "base":
            repo.checkout("-B", branch, "base")
        else:
            repo.checkout("-b", branch)
        repo.write({"a.py": text})
        repo.git("add", "a.py")
        repo.git("update-index", "--add", "--cacheinfo", f"160000,{gitlink},sub")
        repo.git("commit", "-q", "-m", branch)
    repo.checkout("main")
    return repo.try_git("merge", "other")


def add_add(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    repo.diverge({"b": ""}, {"a.py": v.ours}, {"a.py": v.theirs})
    return repo.try_git("merge", "other")


def modify_delete(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    repo.diverge({"a.py": v.base}, {"a.py": v.ours}, {"a.py": None})
    return repo.try_git("merge", "other")


def rename_rename(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    """One file renamed to two names."""
    repo.diverge(
        {"old.py": v.base}, {"old.py": None, "a.py": v.ours}, {"old.py": None, "b.py": v.theirs}
    )
    return repo.try_git("merge", "other")


def rename_add(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    """Two files renamed to one name: the second call gets an input with markers."""
    repo.diverge(
        {"p.py": v.base, "q.py": v.base.replace("#", "//")},
        {"p.py": None, "a.py": v.ours, "q.py": v.ours.replace("#", "//")},
        {"q.py": None, "a.py": v.theirs.replace("#", "//"), "p.py": v.theirs},
    )
    return repo.try_git("merge", "other")


def criss_cross(repo: Repo, v: Versions) -> subprocess.CompletedProcess[bytes]:
    """Two merge bases in conflict: the outer merge's base holds markers of size nine."""
    repo.diverge({"a.py": v.base}, {"a.py": v.ours}, {"a.py": v.theirs})
    repo.git("tag", "one", "main")
    repo.git("tag", "two", "other")
    for branch, second, text in (("main", "two", v.ours), ("other", "one", v.theirs)):
        repo.checkout(branch)
        repo.try_git("merge", second)
        repo.commit({"a.py": text.replace("x = ", "x = 9")}, "merge")
    repo.checkout("main")
    return repo.try_git("merge", "other")


RESOLVABLE: tuple[Situation, ...] = (
    merge,
    merge_in_subdirectory,
    rebase,
    rebase_apply,
    cherry_pick,
    revert,
    stash_pop,
    am_3way,
    checkout_branch,
    rename,
    linked_worktree,
    beside_a_submodule,
)
OTHERS: tuple[Situation, ...] = (add_add, modify_delete, rename_rename, rename_add, criss_cross)


def outcome(repo: Repo) -> dict[str, object]:
    """All that a merge leaves: the index with its stages, and the files of the work tree.

    Where git does not tell its labels they are left out, in files and in what the index holds of
    half-merged ones.
    """
    files = {
        path.relative_to(repo.path).as_posix(): without_labels(path.read_bytes())
        for path in sorted(repo.path.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(repo.path).parts
    }
    entries = repo.git("ls-files", "--stage", "-z").split("\0")
    if not LABELLED:
        entries = [entry.replace(entry[7:47], "") for entry in entries]
    return {"files": files, "index": entries}


def without_labels(text: bytes) -> bytes:
    """The text as it is, or for an old git without what follows conflict markers."""
    return text if LABELLED else re.sub(rb"(?m)^([<|>])(\1{6,}) .*$", rb"\1\2", text)


def journal(repo: Repo) -> list[str]:
    """The names of what was recorded in the repository's journal."""
    common = repo.path / repo.git("rev-parse", "--git-common-dir")
    folder = common / "tiebreak" / "journal"
    names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    return sorted(n for n in names if n != "pruned" and not n.startswith("."))
