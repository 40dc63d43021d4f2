"""Whatever goes wrong, git's own conflict is left, or nothing is touched: no side's work is lost.

The launcher is copied with its start script to where a test can break it;
`Broken.before_merge` puts code into the driver's process.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from pathlib import Path

import pytest
from situations import HARD, PAD, SOFT, eager, journal, merge, outcome

import tiebreak
from conftest import GIT, Repo
from tiebreak.git.install import driver_command, launcher_path

NOT_ENOUGH = 8  # blocks of 512 bytes: enough for each side, not for a text with both


class Broken:
    """A registered installation of its own, to be broken."""

    def __init__(self, repo: Repo, home: Path) -> None:
        self.repo = repo
        self.launcher = home / "driver" / "tiebreak-driver"
        self.start = home / "driver" / "tiebreak-start.py"
        shutil.copytree(Path(launcher_path()).parent, home / "driver")
        (home / "mergetool").symlink_to(Path(tiebreak.__file__).parent.parent)
        self.home = home
        self.register(sys.executable)

    def register(self, python: str) -> None:
        """Register the copied launcher with an interpreter."""
        command = driver_command(str(self.launcher), python)
        self.repo.git("config", "merge.tiebreak.driver", command)

    def python(self, script: str) -> None:
        """Register a shell script as the interpreter."""
        other = self.home / "python"
        other.write_text(f"#!/bin/sh\n{script}\n")
        other.chmod(other.stat().st_mode | stat.S_IXUSR)
        self.register(str(other))

    def before_merge(self, code: str) -> None:
        """Run Python code in the driver's process, after its limits are set up."""
        text = self.start.read_text()
        last = "from tiebreak.cli.drive import main"
        assert last in text
        self.start.write_text(text.replace(last, f"import os, time\n{code}\n{last}"))


@pytest.fixture
def broken(installed: Repo, tmp_path: Path) -> Broken:
    eager(installed)
    return Broken(installed, tmp_path / "it's 100% here")


def assert_as_git_alone(repo: Repo, twin: Repo) -> None:
    """The soft conflict, which tiebreak would have resolved, is as git leaves it."""
    done, alone = merge(repo, SOFT), merge(twin, SOFT)
    assert done.returncode == alone.returncode == 1
    assert unlabelled(repo) == unlabelled(twin)
    assert not repo.litter()
    assert not journal(repo)


def unlabelled(repo: Repo) -> bytes:
    """The file, with whatever labels: an installation that is gone cannot ask git for them."""
    lines = repo.read("a.py").splitlines()
    return b"\n".join(line[:7] if line[:7] in {b"<" * 7, b">" * 7} else line for line in lines)


def test_the_copy_works(broken: Broken) -> None:
    """What the tests below break is whole before; so they can fail."""
    assert merge(broken.repo, SOFT).returncode == 0
    assert broken.repo.read("a.py").decode() == SOFT.merged


LAUNCHERS = {
    "missing": None,
    "empty": lambda _text: "",
    "truncated": lambda text: text[: len(text) * 2 // 3],
    "without its last line": lambda text: text.removesuffix('main "$@"\n'),
    "always happy": lambda _text: "exit 0\n",
    "no shell script": lambda _text: "\0\1\2((((\n",
}


@pytest.mark.parametrize("name", LAUNCHERS)
def test_broken_launcher(name: str, broken: Broken, twin: Repo) -> None:
    change = LAUNCHERS[name]
    if change is None:
        shutil.rmtree(broken.home)
    else:
        broken.launcher.write_text(change(broken.launcher.read_text()))
    assert_as_git_alone(broken.repo, twin)


def test_missing_launcher_merges_what_is_clean(broken: Broken) -> None:
    shutil.rmtree(broken.home)
    base = f"1\n{PAD}2\n"
    broken.repo.diverge(
        {"a.py": base}, {"a.py": base.replace("1\n", "a\n", 1)}, {"a.py": f"1\n{PAD}b\n"}
    )
    assert broken.repo.try_git("merge", "-q", "other").returncode == 0


def test_missing_launcher_keeps_our_binary_file(broken: Broken, twin: Repo) -> None:
    shutil.rmtree(broken.home)
    (broken.repo.path / ".git/info/attributes").write_text("* merge=tiebreak\n")
    for repo in (broken.repo, twin):
        repo.diverge({"x": b"\0base"}, {"x": b"\0ours"}, {"x": b"\0theirs"})
        assert repo.try_git("merge", "-q", "other").returncode == 1
    assert outcome(broken.repo) == outcome(twin)


PYTHONS = {
    "gone": 'rm -- "$0"; exit 127',
    "always happy": "exit 0",
    "a crash": "exit 1",
    "killed": "kill -9 $$",
    "says conflict": "exit 121",
    "writes to standard output": "echo noise; exit 1",
}


@pytest.mark.parametrize("name", PYTHONS)
def test_broken_interpreter(name: str, broken: Broken, twin: Repo) -> None:
    broken.python(PYTHONS[name])
    assert_as_git_alone(broken.repo, twin)


def test_interpreter_that_does_not_exist(broken: Broken, twin: Repo) -> None:
    broken.register("/nowhere/python3")
    assert_as_git_alone(broken.repo, twin)


def test_package_that_is_gone(broken: Broken, twin: Repo) -> None:
    (broken.home / "mergetool").unlink()
    broken.register(getattr(sys, "_base_executable", sys.executable))
    assert_as_git_alone(broken.repo, twin)


KILL = "os.kill(os.getpid(), 9)"
DEFECTS = {
    "raises": "import tiebreak.text.file as f\nf.merge_text = lambda *a: 1 / 0",
    "killed at once": KILL,
    "killed while writing": f"os.fsync = lambda *a: {KILL}",
    "killed at the last step": f"os.replace = lambda *a: {KILL}",
    "disk full": "def no(*a): raise OSError(28, 'No space left')\nos.fsync = no",
    "runs for ever": "import tiebreak.text.file as f\nf.merge_text = lambda *a: time.sleep(60)",
    "runs for ever in C": "import tiebreak.text.file as f\n"
    "f.merge_text = lambda *a: __import__('zlib').crc32(b'1' * 10**9) and [0] * 10**8 * 10**3",
    "eats memory": "import tiebreak.text.file as f\nf.merge_text = lambda *a: bytearray(1 << 33)",
    "no journal": "import tiebreak.journal as j\ndef no(*a, **k): raise j.JournalError('full')\n"
    "j.Journal.record = no",
}


@pytest.mark.parametrize("name", DEFECTS)
def test_defect(name: str, broken: Broken, twin: Repo) -> None:
    broken.repo.git("config", "tiebreak.timeout", "1")
    broken.before_merge(DEFECTS[name])
    assert_as_git_alone(broken.repo, twin)


def test_journal_that_cannot_be_written(broken: Broken, twin: Repo) -> None:
    (broken.repo.path / ".git/tiebreak").write_text("a file, not a directory")
    done, alone = merge(broken.repo, SOFT), merge(twin, SOFT)
    assert done.returncode == alone.returncode == 1
    assert outcome(broken.repo) == outcome(twin)
    assert b"cannot record" in done.stderr


STOPS = {
    "launcher killed": "os.kill(os.getppid(), 9), time.sleep(0.5)",
    "launcher asked to stop": "os.kill(os.getppid(), 15), time.sleep(60)",
}


@pytest.mark.parametrize("name", STOPS)
def test_killed_launcher_leaves_the_work_tree_untouched(name: str, broken: Broken) -> None:
    """Git gives up, on every version; the child that goes on alone changes nothing."""
    done_file = broken.home / "done"
    code = f"os._exit = lambda s, e=os._exit: (open({str(done_file)!r}, 'w').close(), e(s))"
    broken.before_merge(f"{code}\nos.fsync = lambda *a: ({STOPS[name]})")
    done = merge(broken.repo, SOFT)
    assert done.returncode not in (0, 1)
    if name == "launcher killed":
        wait_for(done_file)
    assert broken.repo.git("status", "--porcelain") == ""
    assert broken.repo.read("a.py").decode() == SOFT.ours
    assert not broken.repo.litter()
    assert not journal(broken.repo)


def wait_for(file: Path) -> None:
    for _ in range(1000):
        if file.exists():
            return
        time.sleep(0.01)
    pytest.fail(f"{file} was never written")


def test_driver_killed_with_its_shells(broken: Broken) -> None:
    """Nothing is left to tell git: before 2.42 it takes the file as it is, and keeps all stages."""
    broken.before_merge(
        "launcher = os.getppid()\n"
        "shell = int(open(f'/proc/{launcher}/stat').read().rpartition(')')[2].split()[1])\n"
        "os.kill(shell, 9)\nos.kill(launcher, 9)\nos._exit(1)"
    )
    done = merge(broken.repo, SOFT)
    assert done.returncode != 0
    if broken.repo.unmerged():
        stages = broken.repo.git("ls-files", "-u").splitlines()
        assert [line.split()[2] for line in stages] == ["1", "2", "3"]
    else:
        assert broken.repo.read("a.py").decode() == SOFT.ours


@pytest.mark.parametrize("ignore", ["", "trap '' XFSZ; "], ids=["signal", "error"])
@pytest.mark.parametrize("launcher", ["whole", "missing"])
def test_no_room_for_the_conflict(ignore: str, launcher: str, broken: Broken) -> None:
    """Not even the text merge can be written: git gives up and touches nothing."""
    if launcher == "missing":
        shutil.rmtree(broken.home)
    big = "".join(f"{n:030}\n" for n in range(100))
    broken.repo.diverge({"a.py": "1\n"}, {"a.py": big}, {"a.py": big.replace("0", "o")})
    script = f"{ignore}ulimit -f {NOT_ENOUGH}; exec '{GIT}' merge -q other"
    done = broken.repo.run("dash" if shutil.which("dash") else "sh", "-c", script, check=False)
    assert done.returncode not in (0, 1)
    assert broken.repo.git("status", "--porcelain") == ""
    assert broken.repo.read("a.py").decode() == big
    assert not broken.repo.litter()


def test_hostile_repository_is_not_executed(installed: Repo, tmp_path: Path) -> None:
    """Nothing that can be imported from the merged tree is: not by name, not by PYTHONPATH."""
    eager(installed)
    proof = tmp_path / "executed"
    attack = f"open({str(proof)!r}, 'w').close()\n"
    modules = ("click", "sitecustomize", "usercustomize", "signal", "os", "zlib", "tree_sitter")
    files = {f"{name}.py": attack for name in modules}
    packages = ("tiebreak", "tiebreak/cli", "tiebreak/text", "tree_sitter_language_pack", "re")
    files |= {f"{name}/__init__.py": attack for name in packages}
    installed.commit({**files, "tiebreak/cli/drive.py": attack, "evil.pth": f"import os; {attack}"})
    installed.env |= {"PYTHONPATH": ".", "PYTHONSTARTUP": "os.py", "PYTHONHOME": "."}
    done = merge(installed, SOFT)
    assert done.returncode == 0, done.stderr
    assert installed.read("a.py").decode() == SOFT.merged
    assert not proof.exists()


def test_switched_off_by_environment(installed: Repo, twin: Repo) -> None:
    eager(installed)
    installed.env["TIEBREAK"] = "0"
    assert_as_git_alone(installed, twin)


@pytest.mark.parametrize("value", ["false", "no", "0", "off", "nonsense"])
def test_switched_off_by_configuration(value: str, installed: Repo, twin: Repo) -> None:
    eager(installed)
    for repo in (installed, twin):
        repo.diverge({"a.py": SOFT.base}, {"a.py": SOFT.ours}, {"a.py": SOFT.theirs})
        repo.try_git("-c", f"tiebreak.enabled={value}", "merge", "other")
    assert outcome(installed) == outcome(twin)


@pytest.mark.parametrize("timeout", ["0", "-1", "soon", "inf", "nan"])
def test_nonsense_setting_is_named(timeout: str, installed: Repo) -> None:
    installed.git("config", "tiebreak.timeout", timeout)
    done = merge(installed, HARD)
    assert b"tiebreak.timeout: expected seconds" in done.stderr
    assert installed.unmerged() == ["a.py"]


def test_environment_has_no_python_at_all(installed: Repo) -> None:
    """The registration is by absolute path: a PATH with nothing but git and sh does."""
    eager(installed)
    tools = Path(installed.path.parent, "bin")
    tools.mkdir()
    for tool in ("git", "sh", "cp", "mv", "rm", "env", "sed"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    installed.env["PATH"] = str(tools)
    done = merge(installed, SOFT)
    assert done.returncode == 0, done.stderr
    assert os.fsencode(SOFT.merged or "") == installed.read("a.py")


COSTLY = (
    "click",
    "subprocess",
    "dataclasses",
    "argparse",
    "difflib",
    "pathlib",
    "numpy",
    "inspect",
)


def test_imports_of_a_conflict(broken: Broken) -> None:
    """Every conflicted file pays for what the driver imports."""
    seen = broken.home / "modules"
    write = f"open({str(seen)!r}, 'w').write(repr(list(sys.modules)))"
    broken.before_merge(f"import sys\nos._exit = lambda s, e=os._exit: ({write}, e(s))")
    assert merge(broken.repo, SOFT).returncode == 0
    modules = seen.read_text()
    assert "'tiebreak.text.file'" in modules
    assert [name for name in COSTLY if f"'{name}'" in modules] == []


def test_judging_what_nobody_is_sure_of_imports_no_numpy(broken: Broken) -> None:
    seen = broken.home / "modules"
    write = f"open({str(seen)!r}, 'w').write(repr(list(sys.modules)))"
    broken.before_merge(f"import sys\nos._exit = lambda s, e=os._exit: ({write}, e(s))")
    for name, value in (("judge", "always"), ("commit", "0.98"), ("apply", "0.95")):
        broken.repo.git("config", f"tiebreak.{name}", value)
    assert merge(broken.repo, HARD).returncode == 1
    modules = seen.read_text()
    assert "'tiebreak.ranker.light'" in modules
    assert "'numpy'" not in modules
