"""Fixtures for every test: a sealed environment, and real git repositories built in a few lines.

The git under test is `TIEBREAK_GIT` (a path) or the `git` of PATH. Nothing of the user's own
configuration, identity, clock or locale reaches a test.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GIT = os.environ.get("TIEBREAK_GIT", "git")
DATE = "2024-01-02T03:04:05Z"
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A U Thor"), ("EMAIL", "author@example.com"), ("DATE", DATE))
}


def git_version() -> tuple[int, int]:
    """The version of the git under test, as ``(2, 39)``."""
    out = subprocess.run([GIT, "version"], capture_output=True, text=True, check=True).stdout
    major, minor = out.split()[2].split(".")[:2]
    return int(major), int(minor)


@pytest.fixture(autouse=True)
def sealed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, no system configuration, a fixed identity and clock. Gives the home."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(("GIT_", "XDG_", "TIEBREAK")) and name != "TIEBREAK_GIT":
            monkeypatch.delenv(name)
    settings = {
        **IDENTITY,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_EDITOR": "true",
        "GIT_SEQUENCE_EDITOR": "true",
        "GIT_MERGE_AUTOEDIT": "no",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CEILING_DIRECTORIES": str(tmp_path_factory.getbasetemp()),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
    if "PYTHONPATH" in os.environ:  # a run from the source tree: the same for processes elsewhere
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        settings["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    if os.path.isabs(GIT):  # what runs `git` by name (tiebreak itself) meets the same one
        monkeypatch.setenv("PATH", os.path.dirname(GIT) + os.pathsep + os.environ["PATH"])
    return home


class Repo:
    """A real git repository, and the few moves that build a history in it."""

    def __init__(self, path: Path, *, bare: bool = False) -> None:
        """Create it at `path`, on branch ``main``."""
        self.path = path
        self.env: dict[str, str] = {}
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *(["--bare"] if bare else []))

    @classmethod
    def at(cls, path: Path) -> Repo:
        """An existing repository or linked work tree."""
        repo = cls.__new__(cls)
        repo.path, repo.env = path, {}
        return repo

    def run(
        self,
        *args: str,
        check: bool = True,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run any command in the repository."""
        done = subprocess.run(
            args,
            cwd=self.path,
            env={**os.environ, **self.env, **(env or {})},
            input=stdin if stdin is not None else b"",
            capture_output=True,
            check=False,
        )
        if check and done.returncode:
            output = (done.stdout + done.stderr).decode(errors="replace")
            pytest.fail(f"{shlex.join(args)} exited {done.returncode}\n{output}")
        return done

    def git(self, *args: str, **options: object) -> str:
        """Run git, which must succeed, and give its output without the last newline."""
        return self.run(GIT, *args, **options).stdout.decode(errors="surrogateescape").rstrip("\n")  # type: ignore[arg-type]

    def try_git(self, *args: str, **options: object) -> subprocess.CompletedProcess[bytes]:
        """Run git, which may well fail."""
        return self.run(GIT, *args, check=False, **options)  # type: ignore[arg-type]

    def tiebreak(
        self, *args: str, through: Sequence[str] = (), **options: object
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the command line as a user would; it may well fail. `through` is what runs it."""
        code = "import sys; from tiebreak.cli import main; sys.exit(main())"
        # -P: the repository's own files must not be importable
        return self.run(*through, sys.executable, "-P", "-c", code, *args, check=False, **options)  # type: ignore[arg-type]

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write work-tree files; None deletes one."""
        for name, content in files.items():
            target = self.path / name
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)

    def read(self, name: str) -> bytes:
        """A work-tree file's bytes."""
        return (self.path / name).read_bytes()

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "change") -> str:
        """Write files, commit everything, and give the commit's id."""
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def checkout(self, *args: str) -> None:
        """``git checkout -q ARGS``: ``checkout("-b", "other", "main")``."""
        self.git("checkout", "-q", *args)

    def diverge(
        self,
        base: Mapping[str, str | bytes | None],
        ours: Mapping[str, str | bytes | None],
        theirs: Mapping[str, str | bytes | None],
    ) -> None:
        """One base commit, then branch ``main`` (checked out) and ``other`` that grew apart."""
        self.commit(base, "base")
        self.checkout("-b", "other")
        self.commit(theirs, "theirs")
        self.checkout("main")
        self.commit(ours, "ours")

    def unmerged(self) -> list[str]:
        """The paths that are unmerged in the index."""
        out = self.git("diff", "--name-only", "--diff-filter=U", "-z")
        return [name for name in out.split("\0") if name]

    def litter(self) -> list[str]:
        """Temporary files that a merge driver left behind anywhere below the repository."""
        return sorted(p.name for p in self.path.rglob("*merge_file_*"))


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """An empty repository without tiebreak."""
    return Repo(tmp_path / "repo")


@pytest.fixture
def twin(tmp_path: Path) -> Repo:
    """A second empty repository, to hold what git alone does with the same history."""
    return Repo(tmp_path / "twin")


@pytest.fixture
def installed(repo: Repo) -> Repo:
    """`repo` with tiebreak registered in it, for all known languages and ``*.txt``."""
    register(repo)
    return repo


def register(repo: Repo) -> None:
    """``tiebreak install`` in a repository, and ``*.txt`` besides the known languages.

    What the command writes is the same for every repository, and it is run once.
    """
    common = Path(repo.path, repo.git("rev-parse", "--git-common-dir"))
    files = (common / "config", common / "info" / "attributes")
    if not _WRITTEN:
        before = files[0].read_text()
        done = repo.tiebreak("install", "--local")
        assert done.returncode == 0, done.stderr.decode()
        _WRITTEN.extend((files[0].read_text().removeprefix(before), files[1].read_text()))
        files[0].write_text(before)
    files[1].parent.mkdir(exist_ok=True)
    files[1].write_text(f"{_WRITTEN[1]}*.txt merge=tiebreak\n")
    with files[0].open("a") as config:
        config.write(_WRITTEN[0])


_WRITTEN: list[str] = []


def needs_git(major: int, minor: int) -> pytest.MarkDecorator:
    """Skip a test on a git that is too old for what it exercises."""
    return pytest.mark.skipif(git_version() < (major, minor), reason=f"needs git {major}.{minor}")


def have(program: str) -> bool:
    """Whether a program is on PATH."""
    return shutil.which(program) is not None


def pretend_missing(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Let it look as if a package were not installed."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
