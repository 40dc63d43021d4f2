"""The shipped judge is adapted to a repository where that is better, and only there."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Repo

pytest.importorskip("torch")

from tiebreak.errors import InputError
from tiebreak.learn.adapt import Settled, Tried, calibrated, compared, forward, train
from tiebreak.ranker import model as models
from tiebreak.ranker import own
from tiebreak.ranker.calibration import Calibration, Step
from tiebreak.ranker.company import OURS, THEIRS
from tiebreak.ranker.own import shares
from tiebreak.ranker.situation import FILE, MERGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MERGES = 45  # no fewer than are needed, and little more
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


def best_guess(repo: Repo) -> str:
    """What is said of the first choice; one line on standard error at the most."""
    done = repo.tiebreak("solve", "--dry-run", "--json")
    assert done.stderr.count(b"\n") <= 1, done.stderr.decode()
    (file,) = json.loads(done.stdout)["files"]
    assert file["resolved"] == 0
    return f"{file['why']}\n{done.stderr.decode()}"


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository whose people always take theirs, with a conflict, adapted."""
    repo = history(tmp_path_factory.mktemp("adapted") / "repo", lambda _number: "theirs")
    done = repo.tiebreak("learn", "train", "--from", "shipped", "--jobs", "1")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"kept: better on the last 18 merges (18 hunks)")
    in_conflict(repo)
    return repo


def folder_of(repo: Repo) -> Path:
    return repo.path / ".git" / "tiebreak" / "judge"


def test_what_is_kept_changes_the_order_until_it_is_switched_off(adapted: Repo) -> None:
    said = best_guess(adapted)
    assert "theirs (the adapted model's choice 1" in said
    adapted.git("config", "tiebreak.ownJudge", "false")
    shipped = best_guess(adapted)
    adapted.git("config", "--unset", "tiebreak.ownJudge")
    assert "theirs (the" not in shipped
    assert "the model's choice 1" in shipped


def test_evaluation_uses_what_is_kept(adapted: Repo) -> None:
    done = adapted.tiebreak("learn", "evaluate", ".")
    assert b"adapted to merges of this repository, so too good" in done.stdout
    assert b"100.0 [100.0, 100.0]" in done.stdout
    shipped = adapted.tiebreak("learn", "evaluate", ".", "--model", "shipped")
    assert b"adapted" not in shipped.stdout
    assert b"  0.0 [0.0, 0.0]" in shipped.stdout


def test_doctor_names_what_is_kept(adapted: Repo) -> None:
    said = adapted.tiebreak("doctor").stdout.decode()
    assert "ok: the judge is adapted to 45 merges of this repository, better on the last 18" in said


@pytest.mark.parametrize("name", ["own.npy", "about.json"])
def test_a_damaged_file_is_one_line_and_the_shipped_judge(adapted: Repo, name: str) -> None:
    file = folder_of(adapted) / name
    content = file.read_bytes()
    file.write_bytes(content[:-9])
    try:
        said, doctor = best_guess(adapted), adapted.tiebreak("doctor")
    finally:
        file.write_bytes(content)
    assert "the adapted model" not in said
    assert "tiebreak: the shipped judge alone: " in said
    assert "`tiebreak learn train --forget` removes it" in said
    assert b"problem: the shipped judge alone ranks" in doctor.stdout


def test_another_shipped_judge_makes_it_stale(
    adapted: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(models.folder(), tmp_path / "judge")
    (tmp_path / "judge" / "company.npy").write_bytes(b"another")
    monkeypatch.setattr(own, "folder", lambda: str(tmp_path / "judge"))
    with pytest.raises(InputError, match="was made for another shipped model"):
        own.read(str(adapted.path / ".git"))


def test_what_an_older_version_kept_is_stale_not_damaged(adapted: Repo) -> None:
    place = folder_of(adapted) / "about.json"
    now = place.read_bytes()
    older = json.loads(now)
    older |= {"model": "another", "calibrations": {"merge": {}, "file": {}}}
    place.write_text(json.dumps(older), encoding="utf-8")
    with pytest.raises(InputError, match="was made for another shipped model"):
        own.read(str(adapted.path / ".git"))
    place.write_bytes(now)


def test_trees_that_lead_back_are_refused(adapted: Repo, tmp_path: Path) -> None:
    common = tmp_path / "git"
    kept = own.read(str(adapted.path / ".git"))
    nodes = np.load(folder_of(adapted) / "own.npy")
    own.keep(str(common), nodes, kept)
    assert own.load(str(common)).corrected([0.5, 0.4], [OURS, THEIRS], "a.py")[0] < 0.5
    nodes["left"][nodes["left"] != np.arange(len(nodes))] = 0
    own.keep(str(common), nodes, kept)
    with pytest.raises(InputError, match="holds no trees"):
        own.load(str(common))


def test_where_it_is_not_better_nothing_is_kept_nor_what_was(tmp_path: Path) -> None:
    sides = ("ours", "theirs")
    repo = history(tmp_path / "repo", lambda number: sides[number * number * 7 % 11 % 2])
    folder_of(repo).mkdir(parents=True)
    done = repo.tiebreak("learn", "train", "--from", "shipped", "--jobs", "1")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"nothing is kept: not better on the last 18 merges (18 hunks)")
    assert done.stdout.endswith(b"the one of an earlier training was removed\n")
    assert not folder_of(repo).exists()


def test_few_merges_show_nothing_and_forgetting_is_said(tmp_path: Path) -> None:
    repo = history(tmp_path / "repo", lambda _number: "theirs", 3)
    done = repo.tiebreak("learn", "train", "--from", "shipped", "--jobs", "1")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b"nothing is kept: 3 merges with conflicts; 40 are needed\n"
    folder_of(repo).mkdir(parents=True)
    done = repo.tiebreak("learn", "train", "--forget")
    assert done.stdout == b"the shipped judge alone ranks now\n"
    assert not folder_of(repo).exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), b"expected DATA and -o MODEL, or --from shipped"),
        (("data", "--from", "shipped"), b"go without DATA, -o and --first"),
        (("--forget", "--repo", "nowhere"), b"nowhere: no repository"),
    ],
)
def test_a_wrong_command_line_is_one_line(repo: Repo, words: tuple[str, ...], said: bytes) -> None:
    done = repo.tiebreak("learn", "train", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1


def hunk(merge: int, *, right: int, sure: float) -> Settled:
    """Two candidates, ours and theirs; the shipped judge takes ours."""
    scores = [sure, 1 - sure]
    ours_theirs = [right == OURS, right == THEIRS]
    return Settled(merge, "a.py", [OURS, THEIRS], ours_theirs, {MERGE: scores, FILE: scores})


def test_habits_count_strictly_earlier_merges_each_once() -> None:
    hunks = [hunk(0, right=THEIRS, sure=0.6)] * 3 + [hunk(1, right=OURS, sure=0.6)]
    habits = train(hunks, 1).habits
    assert habits["all"] == habits["ending .py"] == (1.0, 1.0, 0.0)
    assert shares({}, "src/a.py")[0] == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    whole, folder, ending = shares({"all": (0, 5, 0), "ending .py": (5, 0, 0)}, "src/a.py")
    assert whole == pytest.approx((1 / 6, 2 / 3, 1 / 6))
    assert folder == pytest.approx(whole)
    assert ending[OURS] == pytest.approx((5 + 5 / 6) / 10)


def test_each_merge_is_tried_after_those_that_were_learned_from() -> None:
    hunks = [hunk(merge, right=THEIRS, sure=0.6) for merge in range(200)]
    tried = list(forward(hunks, 1))
    assert [one.hunk.merge for one in tried] == list(range(120, 200))
    figures = compared(tried)
    assert figures.better
    assert figures.top1 == (0.0, 1.0)
    late = [hunk(m, right=THEIRS if m < 120 else OURS, sure=0.6) for m in range(200)]
    assert not compared(list(forward(late, 1))).better  # what people gave up says nothing


@given(seen=st.integers(1, 400), score=st.floats(0, 1), wrong=st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_no_number_of_merges_raises_a_bound(seen: int, score: float, wrong: int) -> None:
    shipped = Calibration([(0.0, 0.0), (1.0, 1.0)], [Step(0.9, 96, 100, 0.96)], 0.3)
    tried = []
    for number in range(seen):
        one = hunk(number, right=THEIRS if number < wrong else OURS, sure=0.95)
        tried.append(Tried(one, one.scores))
    tables = calibrated(tried, MERGE, shipped)._replace(most=shipped)
    assert tables.lower(score) <= shipped.lower(score)
    assert all(step.lower <= 0.05 ** (1 / seen) for step in tables.steps)
