"""The shipped judge is adapted to a repository where that is better, and only there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import Repo, pretend_missing
from tiebreak.cli import main
from tiebreak.learn.adapt import Settled, Tried, calibrated, compared, forward, train
from tiebreak.ranker.calibration import Calibration, Step
from tiebreak.ranker.company import OTHER, OURS, THEIRS
from tiebreak.ranker.model import FILE, MERGE, log_odds
from tiebreak.ranker.own import THIRDS, shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

for needed in ("lightgbm", "onnxruntime", "pyarrow", "pygit2", "sklearn", "torch"):
    pytest.importorskip(needed)

MERGES = 45
TEXT = "one = 1\ntwo = 2\nx = {}\nthree = 3\nfour = 4\n"


def stream(people: Callable[[int], str], merges: int) -> Iterator[str]:
    """A history for `git fast-import`; each merge has one conflict, settled as `people` do.

    Both sides give a value another name: nothing in the texts says who is right. Each also changes
    a file of its own, so that no merge has the tree of one side.
    """
    mark = 0

    def commit(branch: str, files: dict[str, str], *parents: int) -> str:
        nonlocal mark
        mark += 1
        links = zip(("from", "merge"), parents, strict=False)
        head = [
            *(f"commit refs/heads/{branch}", f"mark :{mark}"),
            *(f"committer A <a@b.c> {1_700_000_000 + 60 * mark} +0000", "data 0"),
            *(f"{kind} :{parent}" for kind, parent in links),
        ]
        blobs = (f"M 100644 inline {f}\ndata {len(text)}\n{text}" for f, text in files.items())
        return "\n".join([*head, *blobs, ""])

    yield commit("main", {"a.py": TEXT.format("old")})
    for number in range(merges):
        texts = {side: TEXT.format(f"{side}{number}") for side in ("ours", "theirs")}
        mine, other = {"mine": f"{number}\n"}, {"other": f"{number}\n"}
        yield commit("main", {"a.py": texts["ours"], **mine}, mark)
        yield commit("other", {"a.py": texts["theirs"], **other}, mark - 1)
        settled = {"a.py": texts[people(number)], **mine, **other}
        yield commit("main", settled, mark - 1, mark)


def history(path: Path, people: Callable[[int], str], merges: int = MERGES) -> Repo:
    repo = Repo(path)
    repo.run("git", "fast-import", "--quiet", stdin="".join(stream(people, merges)).encode())
    repo.git("reset", "-q", "--hard")
    return repo


def in_conflict(repo: Repo) -> None:
    """One more conflict of the same kind, left open."""
    repo.git("branch", "-qf", "other")
    repo.commit({"a.py": TEXT.format("ours_now")})
    repo.checkout("other")
    repo.commit({"a.py": TEXT.format("theirs_now")})
    repo.checkout("main")
    assert repo.try_git("merge", "-q", "other").returncode == 1


def first_choice(repo: Repo) -> tuple[str, str]:
    """The text that is ranked first, and the evidence."""
    done = repo.tiebreak("solve", "--dry-run", "--json")
    (file,) = json.loads(done.stdout)["files"]
    first = file["hunks"][0]["candidates"][0]
    return first["text"], first["evidence"]


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository whose people always take theirs, with a conflict, adapted."""
    repo = history(tmp_path_factory.mktemp("adapted") / "repo", lambda _number: "theirs")
    done = repo.tiebreak("learn", "train", "--from", "shipped", "--jobs", "1")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"kept: better on the last 18 merges (18 hunks)")
    in_conflict(repo)
    return repo


def test_probe(adapted: Repo) -> None:
    print(first_choice(adapted))
    print(adapted.tiebreak("doctor").stdout.decode())
    print(adapted.tiebreak("learn", "evaluate", ".").stdout.decode())
    assert 0
