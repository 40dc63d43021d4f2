"""The door of the command line: what an error, an interruption and a defect look like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiebreak.cli import review, show
from tiebreak.cli.dispatch import COMMANDS, run
from tiebreak.cli.unified import unified
from tiebreak.errors import GitError

if TYPE_CHECKING:
    from conftest import Repo


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """`tiebreak review` ends in an error."""

    def fail(**_arguments: object) -> NoReturn:
        raise error

    monkeypatch.setattr(review.command, "callback", fail)


def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, GitError("git frob: no such thing"))
    assert run(["review"]) == 2
    assert capsys.readouterr() == ("", "tiebreak: git frob: no such thing\n")


def test_an_interruption(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    assert run(["review"]) == 130
    assert capsys.readouterr() == ("", "\ntiebreak: interrupted\n")  # ^C gets a line


def test_a_defect_leaves_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(monkeypatch, ZeroDivisionError("a \udcff surrogate"))
    assert run(["review"]) == 3
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    (report,) = tmp_path.iterdir()
    assert said[1].endswith(str(report))
    text = report.read_text()
    assert "Traceback (most recent call last)" in text
    assert "ZeroDivisionError: a \\udcff surrogate" in text
    assert "git version " in text


def test_a_reader_that_goes_away_is_no_error(repo: Repo) -> None:
    """`tiebreak ... | head`: no complaint, and not success."""
    code = "import sys; from tiebreak.cli import main; sys.exit(main())"
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "--help"],
        stdout=reader.stdin,
        stderr=subprocess.PIPE,
        cwd=repo.path,
        check=False,
    )
    assert reader.stdin is not None
    reader.stdin.close()
    assert (done.stderr, done.returncode) == (b"", 141)


def test_wrong_words_show_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["frobnicate"]) == 2
    assert "No such command 'frobnicate'" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in COMMANDS)
    assert "\n  Exit codes: 0 all done" in said


def test_a_command_imports_only_itself(repo: Repo) -> None:
    """Asking for one command must not load the parser or the other commands."""
    code = "import sys; from tiebreak.cli.dispatch import run; run(['review']); print(*sys.modules)"
    loaded = repo.run(sys.executable, "-P", "-c", code).stdout.decode().split()
    assert "tiebreak.cli.review" in loaded
    assert not {"tiebreak.cli.solve", "tiebreak.text.file", "tree_sitter"} & set(loaded)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0 %"), (0.974, "97 %"), (0.999, "99 %"), (1.0, "100 %")]
)
def test_shares_are_not_rounded_up_to_certainty(value: float, shown: str) -> None:
    assert show.share(value) == shown


LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b"d\r\n", b"-x\n"]), max_size=25)
TEXTS = st.tuples(LINES, st.sampled_from([b"", b"no end"])).map(lambda t: b"".join([*t[0], t[1]]))


@given(before=TEXTS, after=TEXTS)
@settings(max_examples=60, deadline=None)
def test_git_can_apply_what_review_shows(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes
) -> None:
    """The differences that are shown are complete and exact."""
    lines = unified(before, after, ("a/f", "b/f"))
    assert bool(lines) == (before != after)
    if lines:
        folder = Path(tmp_path_factory.mktemp("apply"))
        (folder / "f").write_bytes(before)
        apply = ["git", "apply", "--unidiff-zero", "--whitespace=nowarn", "-"]
        subprocess.run(apply, input=b"".join(lines), cwd=folder, check=True)
        assert (folder / "f").read_bytes() == after
