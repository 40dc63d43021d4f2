"""From merges to a model: mining, trees, calibration, and one tiny training from end to end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from conftest import Repo

pytest.importorskip("torch")

from tiebreak.learn import assemble, boosting, settled, verdicts
from tiebreak.learn.calibrate import isotonic, ladder
from tiebreak.learn.evaluate import Opinion, rows, used
from tiebreak.learn.examples import files, read_all, read_counts
from tiebreak.learn.packed import Packed
from tiebreak.learn.split import FOLDS, fold_of
from tiebreak.policy import Policy
from tiebreak.ranker.calibration import Calibration, Step
from tiebreak.ranker.features import names
from tiebreak.ranker.model import NETWORK
from tiebreak.ranker.situation import MERGE, SITUATIONS, situation
from tiebreak.ranker.trees import Trees, read

if TYPE_CHECKING:
    from pathlib import Path


def history(path: Path, merges: int) -> Repo:
    """A repository whose merges each had one conflict, settled in one of four ways in turn."""
    repo = Repo(path)
    around = f"name = '{path.name}'\none = 1\ntwo = 2\nthree = 3\n{{}}four = 4\nfive = 5\nsix = 6\n"
    repo.commit({"a.py": around.format("x = f(0)\n")}, "base")
    for number in range(1, merges + 1):
        ours, theirs = f"x = f({number})\n", f"x = {path.name}({number}, {number})\n"
        repo.checkout("-B", "other")
        repo.commit({"a.py": around.format(theirs), f"their{number}": "new\n"})
        repo.checkout("main")
        repo.commit({"a.py": around.format(ours), f"our{number}": "new\n"})
        repo.try_git("merge", "other")
        people = (ours, theirs, ours + theirs, f"x = {path.name}({number}, 0)\n")[number % 4]
        repo.commit({"a.py": around.format(people)}, "merge")
    return repo


def test_mining_finds_conflicts_candidates_and_what_people_made(tmp_path: Path) -> None:
    repo = history(tmp_path / "project", 4)
    done = repo.tiebreak("learn", "mine", ".", "-o", str(tmp_path / "data"), "--jobs", "1")
    assert done.returncode == 0, done.stderr.decode()
    (mined,) = files(tmp_path / "data")
    found = list(read_all(tmp_path / "data"))
    assert len(found) == 4
    assert read_counts(mined)["hunks"] == 4
    by_way = {one.resolution.count(b"\n"): one for one in found}
    assert set(by_way) == {1, 2}
    assert by_way[2].resolution == by_way[2].ours + by_way[2].theirs
    assert any(p.equal and p.value == by_way[2].resolution for p in by_way[2].proposals)
    assert all(one.before.endswith(b"three = 3\n") for one in found)
    rest = [one.elsewhere for one in found if one.elsewhere is not None]
    assert [around.words[b"x"][1:] for around in rest] == [(1, 1, 0, 0, 0)] * 4
    assert all(around.words[b"project"][3] == 1 for around in rest)
    missing = repo.tiebreak("learn", "train", str(tmp_path / "data"), "-o", str(tmp_path / "model"))
    assert missing.returncode == 2
    assert b"all of one fold; mine some more" in missing.stderr
    before = mined.stat().st_mtime_ns
    assert repo.tiebreak("learn", "mine", ".", "-o", str(tmp_path / "data")).returncode == 0
    assert mined.stat().st_mtime_ns == before


def test_mining_makes_conflicts_of_ordinary_commits(tmp_path: Path) -> None:
    """Two edits of a line, new lines, and a line that was rewritten: three hunks of two commits."""
    repo = Repo(tmp_path / "project")
    around = "one = 1\ntwo = 2\n{}three = 3\nfour = 4\n{}five = 5\n"
    made = [
        around.format("x = f(0, 1)\n", ""),
        around.format("y = f(0, 2)\n", "a = 1\nb = 2\nc = 3\n"),
        around.format("z = g()\n", "a = 1\nb = 2\nc = 3\n"),
    ]
    for text in made:
        repo.commit({"a.py": text}, "an ordinary commit")
    options = ("-o", str(tmp_path / "data"), "--jobs", "1", "--ordinary")
    done = repo.tiebreak("learn", "mine", ".", *options)
    assert done.returncode == 0, done.stderr.decode()
    found = {(one.base, one.resolution): one for one in read_all(tmp_path / "data")}
    line, lines, onward = (
        found.pop(key)
        for key in (
            (b"x = f(0, 1)\n", b"y = f(0, 2)\n"),
            (b"", b"a = 1\nb = 2\nc = 3\n"),
            (b"x = f(0, 1)\n", b"z = g()\n"),
        )
    )
    assert {line.ours, line.theirs} == {b"y = f(0, 1)\n", b"x = f(0, 2)\n"}
    assert b"".join(sorted((lines.ours, lines.theirs))) == lines.resolution
    assert {onward.ours, onward.theirs} == {b"y = f(0, 2)\n", b"z = g()\n"}
    assert all(one.past is None for one in (line, lines, onward))


def test_mining_says_what_is_no_repository(repo: Repo) -> None:
    done = repo.tiebreak("learn", "mine", "nowhere", "-o", "data")
    assert done.returncode == 2
    assert done.stderr == b"tiebreak: nowhere: no repository\n"


def test_a_model_is_trained_calibrated_and_measured(tmp_path: Path) -> None:
    data, first, taken = tmp_path / "data", tmp_path / "first", set[int]()
    for name in "abcdefghij":
        if fold_of(name) not in taken and len(taken) < 2:
            taken.add(fold_of(name))
            repo = history(tmp_path / name, 5)
            repo.tiebreak("learn", "mine", ".", "-o", str(data), "--jobs", "1")
            repo.tiebreak("learn", "mine", ".", "-o", str(first), "--jobs", "1", "--ordinary")
    run = repo.tiebreak(
        *("learn", "train", str(data), "-o", str(tmp_path / "model"), "--first", str(first)),
        *("--passes", "1", "--seconds", "3", "--jobs", "1"),
    )
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    assert len(list((tmp_path / "data.training" / "first").glob("*/*/model.pt"))) == 3
    about = json.loads((tmp_path / "model" / "about.json").read_bytes())
    assert about["trained"]["hunks"] == len(list(read_all(data)))
    assert about["features"] == names()
    work, again = tmp_path / "data.training", tmp_path / "again"
    given = (str(work / "data.npz"), str(work / "runs"), "-o", str(again))
    kept = ("--vocabulary", str(work / "vocabulary.json"), "--network", str(tmp_path / "model"))
    assert assemble.main([*given, *kept, "--threads", "1"]) == 0
    trained = json.loads((again / "about.json").read_bytes())["trained"]
    assert trained == {**about["trained"], "network": about["trained"]["hunks"]}
    assert (again / NETWORK).read_bytes() == (tmp_path / "model" / NETWORK).read_bytes()
    third, older = tmp_path / "third", json.loads((again / "about.json").read_bytes())
    older["trained"]["network"] = 7
    (again / "about.json").write_text(json.dumps(older), encoding="utf-8")
    assert assemble.main([*given[:-1], str(third), *kept[:-1], str(again), "--threads", "1"]) == 0
    assert json.loads((third / "about.json").read_bytes())["trained"] == {**trained, "network": 7}
    done = repo.tiebreak("learn", "evaluate", str(data), "--model", str(tmp_path / "model"))
    assert done.returncode == 0, done.stderr.decode()
    assert b"\nall " in done.stdout  # however few they are
    assert b"in brackets: 95 %, by drawing merges anew" in done.stdout
    assert b"trained on, so too good: a" in done.stdout
    assert b"by your policy (apply 0.95, commit 0.98)" in done.stdout


def test_evaluation_counts_what_the_policy_would_write() -> None:
    calibration = Calibration([(0.0, 0.0), (1.0, 1.0)], [Step(0.9, 96, 100, 0.96)], 0.0)
    opinion = Opinion(
        *("r", "m", "python", False, True, settled.SIDE, False),
        *(0.97, True, True, True, True, False),
    )
    found = [
        opinion,
        opinion._replace(right=False),
        opinion._replace(drops=True),
        opinion._replace(sure=0.5),
        opinion._replace(bounded=False),
    ]
    tables = dict.fromkeys(SITUATIONS, calibration)
    assert used(found, tables, Policy()) == (2, 1)
    assert used(found, tables, Policy(apply=0.97)) == (0, 0)
    assert used(found, tables, Policy(commit=0.9)) == (3, 2)
    assert used(found, tables, Policy(most="suggest")) == (0, 0)
    elsewhere = [one._replace(source=False) for one in found]
    unsure = {**tables, situation(MERGE, source=False): calibration._replace(steps=[])}
    assert used(found, unsure, Policy()) == (2, 1)
    assert used(elsewhere, unsure, Policy()) == (0, 0)


@pytest.mark.parametrize(
    ("resolution", "kind"),
    [
        (b"def f(b):\n  pass\n", settled.SIDE),
        (b"def f(a):\n    pass\n", settled.NEITHER),
        (b"\n", settled.NEITHER),
        (b"def f(b):\n    pass\ndef f(c, d):\n    pass\n", settled.TURNS),
        (b"def f(c, d):\n    pass\ndef f(b):\n    pass\n", settled.TURNS),
        (b"def f(b):\n", settled.LINES),
        (b"def f(b, c, d):\n    pass\n", settled.TOKENS),
        (b"def f(b, c, e):\n    pass\n", settled.NEW),
    ],
)
def test_how_people_settled_a_conflict(resolution: bytes, kind: str) -> None:
    versions = (b"def f(a):\n    pass\n", b"def f(b):\n    pass\n", b"def f(c, d):\n    pass\n")
    assert settled.settled(*versions, resolution) == kind


def test_an_evaluation_tells_hunks_apart_by_how_they_were_settled() -> None:
    one = Opinion(
        *("r", "m", "python", False, True, settled.SIDE, True),
        *(0.9, True, True, True, True, False),
    )
    other = one._replace(settled=settled.NEW, clean=False, right=False, among3=False)
    table = dict(rows([one] * 40 + [other] * 60 + [other._replace(settled=settled.LINES)] * 20))
    assert table["settled by one side"].top1[0] == 1
    assert table["settled by new tokens"].hunks == 60
    assert "settled by other lines of the versions" not in table  # too few for a figure
    low, middle, high = sorted(table["all"].top1)
    assert (low, high) == (middle, middle)  # of one merge nothing can be drawn
    many = [one._replace(merge=str(number)) for number in range(40)]
    every = dict(rows(many + [other._replace(merge=f"-{number}") for number in range(60)]))
    low, middle, high = sorted(every["all"].top1)
    assert low < middle < high
    assert (table["tokens merge"].hunks, table["tokens in conflict"].hunks) == (40, 80)


def test_flat_trees_say_what_lightgbm_says(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    hunks = [random.normal(size=(count, len(names()))) for count in (4, 7, 2) * 40]
    hunks = [hunk.astype(np.float32) for hunk in hunks]
    features = np.concatenate(hunks)
    counts = np.array([len(hunk) for hunk in hunks])
    right = features[:, 0] + features[:, 50] > 0
    data = Packed(
        features, right, counts, [{}] * len(hunks), names(), [], np.zeros(len(right), int)
    )
    models = boosting.fit(data, 1)
    np.save(tmp_path / "trees.npy", boosting.flat(models))
    trees = Trees(read(str(tmp_path / "trees.npy")))
    for hunk in hunks[:20]:
        expected = boosting.logits(models, boosting.table(hunk))
        assert trees.logits(hunk.tolist()) == pytest.approx(expected, abs=1e-5)


def test_coverage_counts_ties_together() -> None:
    sure = np.array([0.9, 0.9, 0.9, 0.5])
    found = verdicts.Verdicts(sure, np.array([True, True, False, True]), sure > 0, np.arange(4))
    assert verdicts.coverage(found, 0.9) == 0.0
    assert verdicts.coverage(found, 0.6) == 1.0


def test_the_ladder_and_the_knots_rise() -> None:
    random = np.random.default_rng(1)
    scores = random.uniform(size=4000)
    right = random.uniform(size=4000) < scores
    knots = isotonic(scores, right)
    assert knots == sorted(knots)
    assert np.mean([abs(x - y) for x, y in knots]) < 0.05
    found = verdicts.Verdicts(scores, right, right, random.integers(20, size=4000))
    steps = ladder(found)
    assert [step.score for step in steps] == sorted((s.score for s in steps), reverse=True)
    assert all(step.lower < step.right / step.seen for step in steps)


def test_folds_are_by_name_and_few() -> None:
    assert {fold_of(f"owner/name{i}") for i in range(100)} == set(range(FOLDS))
