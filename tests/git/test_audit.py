"""The audit of merges that are clean by lines: `tiebreak check`, and in the driver if asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Repo

BASE = '{\n  "a": 1,\n  "b": 2,\n  "c": 3,\n  "d": 4\n}\n'
OURS = BASE.replace('  "a": 1,\n', '  "new": 0,\n  "a": 1,\n')
THEIRS = BASE.replace('  "c": 3,\n', '  "c": 3,\n  "new": 5,\n')


def test_a_key_that_both_sides_added_is_reported(installed: Repo) -> None:
    installed.diverge({"a.json": BASE}, {"a.json": OURS}, {"a.json": THEIRS})
    installed.git("merge", "-q", "other")
    checked = installed.tiebreak("check")
    assert checked.returncode == 1
    assert checked.stdout == b"a.json:6: has key new 2 times (first at line 2)\n"
    found = json.loads(installed.tiebreak("check", "--json", "HEAD").stdout)
    assert found == [{"path": "a.json", "reason": "has key new 2 times", "lines": [2, 6]}]


def test_an_import_that_one_side_removed_and_the_other_uses_is_reported(installed: Repo) -> None:
    base = "import os\nimport sys\n\n\ndef f():\n    return sys.path\n\n\ndef g():\n    pass\n"
    installed.diverge(
        {"a.py": base},
        {"a.py": base.replace("import os\n", "")},
        {"a.py": base.replace("    pass\n", "    return os.sep\n")},
    )
    installed.git("merge", "-q", "other")
    checked = installed.tiebreak("check")
    assert checked.returncode == 1
    assert checked.stdout == b"a.py:9: uses os, whose import ours removed\n"


def test_a_sound_merge_has_no_objections(installed: Repo) -> None:
    theirs = BASE.replace('"d": 4', '"d": 5')
    installed.diverge({"a.json": BASE}, {"a.json": OURS}, {"a.json": theirs})
    installed.git("merge", "-q", "--no-commit", "other")
    checked = installed.tiebreak("check")
    assert (checked.returncode, checked.stdout) == (0, b"")


def test_what_is_no_merge_is_said_so(repo: Repo) -> None:
    repo.commit({"a": "a\n"})
    checked = repo.tiebreak("check")
    assert checked.returncode == 2
    assert b"HEAD is no merge" in checked.stderr


def test_the_driver_makes_it_a_conflict_where_asked_to(installed: Repo) -> None:
    installed.diverge({"a.json": BASE}, {"a.json": OURS}, {"a.json": THEIRS})
    merged = installed.try_git("merge", "-q", "other", env={"TIEBREAK_AUDIT": "1"})
    assert merged.returncode == 1
    assert b"tiebreak: a.json: clean by lines, but has key new 2 times" in merged.stderr
    assert installed.unmerged() == ["a.json"]
    text = installed.read("a.json")
    assert b'"new": 0' in text
    assert b'"new": 5' in text
    assert b"<<<<<<<" in text
    assert installed.litter() == []


def test_the_driver_lets_a_sound_merge_pass(installed: Repo) -> None:
    theirs = BASE.replace('"d": 4', '"d": 5')
    installed.diverge({"a.json": BASE}, {"a.json": OURS}, {"a.json": theirs})
    installed.git("merge", "-q", "other", env={"TIEBREAK_AUDIT": "1"})
    assert installed.read("a.json") == OURS.replace('"d": 4', '"d": 5').encode()
