"""The shipped judge through the commands, and what happens where it cannot run."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import pretend_missing
from tiebreak.cli import judging
from tiebreak.cli.limits import OutOfTime
from tiebreak.conflict import Candidate
from tiebreak.lineage import Branch, Lineage
from tiebreak.policy import COMMIT, SUGGEST
from tiebreak.ranker import model as models
from tiebreak.ranker.calibration import Calibration, Step, from_json, to_json
from tiebreak.ranker.company import Scored
from tiebreak.ranker.judge import Learned
from tiebreak.ranker.situation import SCOPES, SITUATIONS, situation
from tiebreak.text.document import Document, Region
from tiebreak.text.file import Settings, merge_text

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repo
    from tiebreak.ranker.company import Beside
    from tiebreak.ranker.encoding import Case

BASE = "def run(a, b):\n    x = compute(a)\n    return x + b\n"
OURS = BASE.replace("compute(a)", "compute(a, 1)")
THEIRS = BASE.replace("compute(a)", "compute(a, deep=True)")
STEPS = (Step(0.9, 95, 100, 0.99), Step(0.5, 80, 100, 0.7))


def known() -> Lineage:
    """A history in which nothing happened."""
    return Lineage(*[Branch(0, 0, 0, (), had_other=False)] * 2)


class Fixed:
    """A model that is as sure of each candidate as a function of its text says."""

    def __init__(self, sure: dict[bytes, float], doubt: float = 0.0) -> None:
        self.sure = sure
        tables = Calibration(((0.0, 0.0), (1.0, 1.0)), STEPS, doubt)
        self.calibrations = dict.fromkeys(SITUATIONS, tables)
        self.asked: list[Beside] = []

    def knows(self, stratum: str) -> bool:
        return stratum != "t/new"

    def scores(self, case: Case) -> Scored:
        kinds = {case.texts.ours: 0, case.texts.theirs: 1}
        return Scored(
            [self.sure.get(hand.value, 0.1) for hand in case.hands],
            [kinds.get(hand.value, 2) for hand in case.hands],
        )

    def seconded(self, scored: Scored, beside: Beside) -> list[float]:
        self.asked.append(beside)
        return scored.chances


def test_the_model_ranks_the_candidates_that_are_shown(repo: Repo) -> None:
    repo.write({"base.py": BASE, "ours.py": OURS, "theirs.py": THEIRS})
    done = repo.tiebreak("merge-file", "--json", "-p", "ours.py", "base.py", "theirs.py")
    (hunk,) = json.loads(done.stdout)["hunks"]
    evidence = [candidate["evidence"] for candidate in hunk["candidates"]]
    assert any(words.startswith("the model's choice 1") for words in evidence)
    chances = [candidate["probability"] for candidate in hunk["candidates"]]
    assert all(0 <= chance <= 1 for chance in chances)


def test_the_judge_can_be_switched_off(repo: Repo) -> None:
    repo.write({"base.py": BASE, "ours.py": OURS, "theirs.py": THEIRS})
    repo.git("config", "tiebreak.judge", "never")
    done = repo.tiebreak("merge-file", "--json", "-p", "ours.py", "base.py", "theirs.py")
    assert b"the model's choice" not in done.stdout


def test_the_judge_writes_nothing_into_the_home(repo: Repo, sealed: Path) -> None:
    repo.write({"base.py": BASE, "ours.py": OURS, "theirs.py": THEIRS})
    done = repo.tiebreak("merge-file", "--json", "-p", "ours.py", "base.py", "theirs.py")
    assert b"the model's choice" in done.stdout
    assert not list(sealed.rglob("*onnx*"))


def test_a_wrong_setting_is_one_line(repo: Repo) -> None:
    repo.diverge({"a.py": BASE}, {"a.py": OURS}, {"a.py": THEIRS})
    repo.try_git("merge", "other")
    repo.git("config", "tiebreak.judge", "sometimes")
    done = repo.tiebreak("solve")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"expected never, solve or always, got 'sometimes'" in done.stderr


def test_judging_in_the_driver_leaves_gits_conflict_where_nothing_is_sure(installed: Repo) -> None:
    installed.diverge({"a.py": BASE}, {"a.py": OURS}, {"a.py": THEIRS})
    installed.git("config", "tiebreak.judge", "always")
    assert installed.try_git("merge", "other").returncode == 1
    merged = installed.read("a.py").decode()
    assert "<<<<<<<" in merged
    assert "compute(a, 1)" in merged
    assert "deep=True" in merged


CONFLICT = Document("a.py", [Region(b"a\n", b"b\n", b"c\n", None)], None, known)
SIDES = [Candidate(text, "sides", "why", f"sides/{text!r}") for text in (b"b\n", b"c\n")]


def test_without_its_packages_the_trees_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_missing(monkeypatch, "onnxruntime")
    assert importlib.util.find_spec("onnxruntime") is None
    judge = judging.in_solve({}, None)
    assert judge is not None
    judged = judge(CONFLICT.hunks[0], SIDES)
    assert {one.evidence[:18] for one in judged} == {"the model's choice"}
    assert sum(one.probability for one in judged) > 0
    problem = models.missing()
    assert problem is not None
    assert "pip install 'tiebreak[ranker]'" in problem


def test_with_a_package_that_does_not_load_the_trees_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "'\\n\\nbuilt for another machine\\n\\na page of advice\\n'"  # as numpy says it
    (tmp_path / "onnxruntime.py").write_text(f"raise ImportError({said})")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    judge = judging.in_solve({}, None)
    assert judge is not None
    judged = judge(CONFLICT.hunks[0], SIDES)
    assert {one.evidence[:18] for one in judged} == {"the model's choice"}
    said = capsys.readouterr().err
    assert said == "tiebreak: the light judge instead of the whole one: built for another machine\n"


def test_a_damaged_model_is_one_line_and_the_rules_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(models.folder(), tmp_path / "judge")
    (tmp_path / "judge" / "network.onnx").write_bytes(b"no graph")
    monkeypatch.setattr(models, "folder", lambda: str(tmp_path / "judge"))
    monkeypatch.setattr("tiebreak.ranker.judge.folder", models.folder)
    judge = judging.in_solve({}, None)
    assert judge is not None
    (judged,) = judge(CONFLICT.hunks[0], [Candidate(b"b\n", "sides", "takes ours", "sides/ours")])
    assert "real conflicts" in judged.evidence or judged.evidence == "not measured on real merges"
    assert capsys.readouterr().err.startswith("tiebreak: without the learned judge: ")


@pytest.mark.parametrize("name", ["trees.npy", "light.npy"])
@pytest.mark.parametrize("size", [0, 8, 100, -1, -18 * 40])
def test_damaged_trees_are_one_line_and_the_rules_judge(
    name: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shutil.copytree(models.folder(), tmp_path / "judge")
    path = tmp_path / "judge" / name
    path.write_bytes(path.read_bytes()[:size])
    monkeypatch.setattr("tiebreak.ranker.judge.folder", lambda: str(tmp_path / "judge"))
    pretend_missing(monkeypatch, "onnxruntime")
    judge = judging.in_solve({}, None)
    assert judge is not None
    assert len(judge(CONFLICT.hunks[0], SIDES)) == len(SIDES)
    said = capsys.readouterr().err
    assert said.startswith("tiebreak: without the learned judge: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("kept", [False, True])
def test_the_driver_asks_the_light_judge_but_where_the_repository_has_its_own(
    kept: bool,  # noqa: FBT001  (a parameter)
    repo: Repo, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(repo.path)
    monkeypatch.setattr("tiebreak.ranker.own.exists", lambda _: kept)
    monkeypatch.setattr("tiebreak.ranker.own.load", lambda _: None)
    light, whole = (Learned(Fixed({b"b\n": sure})) for sure in (0.9, 0.3))  # type: ignore[arg-type]
    monkeypatch.setattr("tiebreak.ranker.judge.light", lambda: light)
    monkeypatch.setattr("tiebreak.ranker.judge.shipped", lambda _own: whole)
    for own, chance in ((True, 0.3 if kept else 0.9), (False, 0.9)):
        config = {"tiebreak.judge": "always", "tiebreak.ownjudge": str(own).lower()}
        driver = judging.in_driver(config, str(repo.path / ".git"))
        assert driver is not None
        assert driver(CONFLICT.hunks[0], SIDES)[0].probability == chance


def test_only_what_reaches_a_measured_bound_is_written() -> None:
    lines = b"    x = compute(a, 1)  # deep\n"
    judged = {lines: 0.99}
    sides = (BASE.encode(), OURS.encode(), BASE.replace("(a)\n", "(a)  # deep\n").encode())
    for sure, action in ((0.99, COMMIT), (0.6, SUGGEST), (0.2, SUGGEST)):
        judge = Learned(Fixed({**judged, lines: sure}))  # type: ignore[arg-type]
        outcome = merge_text("a.py", *sides, Settings(judge=judge, lineage=known))
        assert outcome.resolutions[0].action == action
        assert (outcome.conflicts == 0) == (action == COMMIT)


def test_a_proof_that_the_model_doubts_is_only_offered() -> None:
    base, ours, theirs = (b"a = old thing\n", b"a = new thing\n", b"a = new thing here\n")
    for doubt, action in ((0.0, COMMIT), (0.5, SUGGEST)):
        judge = Learned(Fixed({}, doubt))  # type: ignore[arg-type]
        outcome = merge_text("a.py", base, ours, theirs, Settings(judge=judge, lineage=known))
        assert outcome.resolutions[0].action == action
        assert (outcome.text == theirs) == (action == COMMIT)


def test_only_the_first_of_two_that_differ_in_blanks_has_a_bound() -> None:
    hunk = Document("a.py", [Region(b"a\n", b"b\n", b"c\n", None)], None, known).hunks[0]
    twins = [Candidate(value, "t", "why", "t/s") for value in (b"b c\n", b"b\nc\n", b"x\n")]
    judge = Learned(Fixed({b"b c\n": 0.99}))  # type: ignore[arg-type]
    judged = judge(hunk, twins)
    assert [one.lower for one in judged] == [0.99, 0.0, 0.0]


def test_a_stratum_that_the_model_never_saw_has_no_bound() -> None:
    hunk = Document("a.py", [Region(b"a\n", b"b\n", b"c\n", None)], None, known).hunks[0]
    judge = Learned(Fixed({b"x\n": 0.99}))  # type: ignore[arg-type]
    for stratum, lower in (("t/old", 0.99), ("t/new", 0.0)):
        (judged,) = judge(hunk, [Candidate(b"x\n", "t", "why", stratum)])
        assert judged.lower == lower
        assert judged.probability == 0.99


def test_source_code_and_other_files_have_bounds_of_their_own() -> None:
    model = Fixed({b"x\n": 0.99})
    for of_others in (situation(scope, source=False) for scope in SCOPES):
        model.calibrations[of_others] = model.calibrations[of_others]._replace(steps=())
    for path, lower in (("a.py", 0.99), ("a.json", 0.0)):
        region = Region(b"a\n", b"b\n", b"c\n", None)
        judge = Learned(model)  # type: ignore[arg-type]
        hunk = Document(path, [region], None, known).hunks[0]
        (judged,) = judge(hunk, [Candidate(b"x\n", "t", "why", "t/old")])
        assert judged.lower == lower
        assert judged.evidence.endswith("real conflicts in source code") == (lower > 0)


def test_where_the_history_is_not_known_nothing_has_a_bound() -> None:
    for lineage, lower in ((known, 0.99), (None, 0.0)):
        region = Region(b"a\n", b"b\n", b"c\n", None)
        hunk = Document("a.py", [region], None, lineage).hunks[0]
        judge = Learned(Fixed({b"x\n": 0.99}))  # type: ignore[arg-type]
        (judged,) = judge(hunk, [Candidate(b"x\n", "t", "why", "t/old")])
        assert judged.lower == lower


def test_the_other_conflicts_of_a_merge_are_heard() -> None:
    open_ = [Region(b"a\n", b"b\n", b"c\n", None), Region(b"", b"-\n", b"-\n", b"-\n")]
    first = Document("a.py", [*open_, Region(b"d\n", b"e\n", b"f\n", None)], None, known)
    second = Document("b.py", open_[:1], None, known)
    model = Fixed({b"b\n": 0.9, b"e\n": 0.9})
    judge = Learned(model)  # type: ignore[arg-type]
    judge.survey(first)
    judge.survey(second)
    judge.surveyed()
    judge(first.hunks[0], [Candidate(b"b\n", "sides", "takes ours", "sides/ours")])
    file, merge = model.asked[-1]
    assert (file.hunks, merge.hunks) == (1, 2)
    assert file.ours > file.theirs
    assert merge.ours > merge.theirs
    judge(second.hunks[0], [Candidate(b"b\n", "sides", "takes ours", "sides/ours")])
    assert model.asked[-1].file.hunks == 0
    assert model.asked[-1].merge.hunks == 2


def test_until_all_are_known_no_file_speaks_for_another() -> None:
    regions = [Region(b"a\n", b"b\n", b"c\n", None)]
    model = Fixed({b"b\n": 0.9})
    judge = Learned(model)  # type: ignore[arg-type]
    for path in ("a.py", "b.py"):
        hunk = Document(path, regions, None, known).hunks[0]
        judge(hunk, [Candidate(b"b\n", "sides", "takes ours", "sides/ours")])
    assert [(beside.file.hunks, beside.merge.hunks) for beside in model.asked] == [(0, 0), (0, 0)]


def test_the_same_conflict_in_another_file_is_judged_by_its_own_history() -> None:
    region = Region(b"a\n", b"b\n", b"c\n", None)
    went_on = Lineage(*[Branch(2, 1, 9, (b"c\n",), had_other=True)] * 2)

    class ByHistory(Fixed):
        def scores(self, case: Case) -> Scored:
            sure = 0.99 if case.past is not None and case.past.theirs.whole else 0.2
            return Scored([sure for _ in case.hands], [2 for _ in case.hands])

    judge = Learned(ByHistory({}))  # type: ignore[arg-type]
    chances = {}
    for path, lineage in (("a.py", known()), ("b.py", went_on)):
        document = Document(path, [region], None, lambda lineage=lineage: lineage)
        (judged,) = judge(document.hunks[0], [Candidate(b"b\n", "t", "why", "t/old")])
        chances[path] = judged.probability
    assert chances == {"a.py": 0.2, "b.py": 0.99}


def test_a_survey_that_is_broken_off_is_begun_again() -> None:
    regions = [Region(b"a\n", b"b\n", b"c\n", None), Region(b"d\n", b"e\n", b"f\n", None)]

    class Slow(Fixed):
        late = True

        def scores(self, case: Case) -> Scored:
            if self.late and case.texts.base == b"d\n":
                raise OutOfTime
            return super().scores(case)

    model = Slow({b"b\n": 0.9})
    judge = Learned(model)  # type: ignore[arg-type]
    document = Document("a.py", regions, None, known)
    with pytest.raises(OutOfTime):
        judge.survey(document)
    model.late = False
    judge(document.hunks[0], [Candidate(b"b\n", "sides", "takes ours", "sides/ours")])
    assert model.asked[-1].file.hunks == 1


def test_calibration_survives_its_file() -> None:
    calibration = Calibration([(0.1, 0.0), (0.5, 0.4), (0.9, 1.0)], list(STEPS), 0.3)
    again = from_json(json.loads(json.dumps(to_json(calibration))))
    assert again == calibration
    assert again.probability(0.0) == 0.0
    assert again.probability(0.3) == pytest.approx(0.2)
    assert again.probability(0.7) == pytest.approx(0.7)
    assert again.step(0.95) == STEPS[0]
    assert again.step(0.6) == STEPS[1]
    assert again.step(0.2) is None
    assert again.lower(0.95) == 0.99
    assert (
        again.lower(0.55) == again.probability(0.55) < STEPS[1].lower
    )  # no more than its own probability
    assert again.lower(0.2) == 0.0
