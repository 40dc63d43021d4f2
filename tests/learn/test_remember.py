"""What was resolved before in a repository is offered again, and never more than that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiebreak.learn.equality import normalised
from tiebreak.memory import Memory, Shelf
from tiebreak.text.document import Document, Region
from tiebreak.text.recall import lessons, recalled

if TYPE_CHECKING:
    from conftest import Repo

pytest.importorskip("pygit2")

BASE = "one\ntwo\nprice = compute(10)\nthree\nfour\n"
OURS = BASE.replace("compute(10)", "compute(11, fast)")
THEIRS = BASE.replace("compute(10)", "estimate(10)")
PEOPLE = BASE.replace("compute(10)", "guess(11, fast, 10)")  # which no generator can make
TEXTS = st.lists(
    st.sampled_from([b"a", b"b", b"f(x)", b"\n", b" ", b"+"]), min_size=1, max_size=10
).map(b"".join)


def _candidates(repo: Repo, path: str = "file.txt") -> list[dict[str, Any]]:
    for name, text in (("base", BASE), ("ours", OURS), ("theirs", THEIRS)):
        Path(repo.path, name).write_text(text)
    done = repo.tiebreak("merge-file", "--json", "--path", path, "ours", "base", "theirs")
    (hunk,) = json.loads(done.stdout)["hunks"]
    found: list[dict[str, Any]] = hunk["candidates"]
    return found


def _merged(repo: Repo) -> str:
    """A merge in which people resolved the conflict in their own way."""
    repo.diverge({"file.txt": BASE}, {"file.txt": OURS}, {"file.txt": THEIRS})
    repo.try_git("merge", "-q", "other")
    return repo.commit({"file.txt": PEOPLE}, "merged")


def test_a_resolution_is_offered_again_with_its_merge(repo: Repo) -> None:
    merge = _merged(repo)
    assert not any(c["generator"] == "memory" for c in _candidates(repo))
    done = repo.tiebreak("learn", "remember")
    assert done.returncode == 0, done.stderr.decode()
    (found,) = [c for c in _candidates(repo) if c["generator"] == "memory"]
    assert found["text"] == "price = guess(11, fast, 10)\n"
    assert found["stratum"] == "memory/same"
    assert not found["provable"]
    assert merge[:12] in found["why"]
    assert "file.txt" in found["why"]


def test_merges_are_read_once_and_can_be_forgotten(repo: Repo) -> None:
    _merged(repo)
    assert repo.tiebreak("learn", "remember").stdout.startswith(b"1 merge read")
    assert repo.tiebreak("learn", "remember").stdout.startswith(b"0 merges read")
    assert repo.tiebreak("learn", "remember", "--forget").returncode == 0
    assert not any(c["generator"] == "memory" for c in _candidates(repo))


def test_merges_before_a_day_are_left_out(repo: Repo) -> None:
    _merged(repo)
    done = repo.tiebreak("learn", "remember", "--since", "2100-01-01")
    assert done.stdout.startswith(b"0 merges read")


def test_memory_can_be_switched_off(repo: Repo) -> None:
    _merged(repo)
    repo.tiebreak("learn", "remember")
    repo.git("config", "tiebreak.memory", "false")
    assert not any(c["generator"] == "memory" for c in _candidates(repo))
    repo.git("config", "tiebreak.memory", "perhaps")
    done = repo.tiebreak("merge-file", "--json", "ours", "base", "theirs")
    assert done.returncode == 255
    assert b"tiebreak.memory" in done.stderr


def test_nothing_is_written_on_the_word_of_a_memory(installed: Repo) -> None:
    _merged(installed)
    installed.tiebreak("learn", "remember")
    installed.git("reset", "-q", "--hard", "HEAD^1")
    installed.try_git("merge", "-q", "other")
    assert installed.unmerged() == ["file.txt"]
    done = installed.tiebreak("solve")
    assert done.returncode == 1
    assert b"<<<<<<<" in installed.read("file.txt")


def _two_files_in_conflict(repo: Repo, people: str) -> None:
    """A merge with the same conflict in two files, of which the user has settled one."""
    both = ("one.txt", "two.txt")
    repo.diverge(*(dict.fromkeys(both, text) for text in (BASE, OURS, THEIRS)))
    repo.try_git("merge", "-q", "other")
    repo.write({"one.txt": people})
    repo.git("add", "one.txt")


def test_what_was_settled_in_one_file_is_written_in_another_for_review(installed: Repo) -> None:
    people = BASE.replace("compute(10)", "estimate(11, fast) + tax")
    _two_files_in_conflict(installed, people)
    done = installed.tiebreak("solve")
    assert installed.read("two.txt").decode() == people, done.stdout.decode()
    assert installed.unmerged() == ["two.txt"]
    assert b"in one.txt, in this merge" in installed.tiebreak("review").stdout


def test_what_drops_an_edit_is_not_written_on_the_word_of_another_file(installed: Repo) -> None:
    _two_files_in_conflict(installed, PEOPLE)
    assert installed.tiebreak("solve").returncode == 1
    assert b"<<<<<<<" in installed.read("two.txt")


def test_nothing_is_learned_from_another_file_where_memory_is_off(installed: Repo) -> None:
    _two_files_in_conflict(installed, BASE.replace("compute(10)", "estimate(11, fast) + tax"))
    installed.git("config", "tiebreak.memory", "false")
    installed.tiebreak("solve")
    assert b"<<<<<<<" in installed.read("two.txt")


def test_tiebreak_does_not_learn_from_itself(installed: Repo) -> None:
    text = BASE.replace("compute(10)", "estimate(11, fast) + tax")
    _two_files_in_conflict(installed, text)
    installed.tiebreak("solve")
    installed.git("add", "two.txt")
    installed.git("checkout", "-q", "-m", "--", "one.txt")
    assert installed.unmerged() == ["one.txt"]
    installed.tiebreak("solve")
    assert b"<<<<<<<" in installed.read("one.txt")


def test_damaged_files_are_as_if_nothing_was_remembered(repo: Repo) -> None:
    _merged(repo)
    repo.tiebreak("learn", "remember")
    for file in Path(repo.path, ".git/tiebreak/memory").iterdir():
        file.write_bytes(b"\xff\tnot JSON\n0123\t{}\n" + file.read_bytes()[:20])
    assert not any(c["generator"] == "memory" for c in _candidates(repo))


def _recalled(taught: tuple[bytes, ...], asked: tuple[bytes, ...]) -> list[tuple[str, bytes]]:
    known: dict[str, list[Memory]] = {}
    for digest, text in lessons(*taught):
        known.setdefault(digest, []).append(Memory(text, "0" * 40, 0, "Jo", "a.txt"))
    hunk = Document("b.txt", [Region(*asked, None)], None).hunks[0]
    return [(one.stratum, one.text) for one in recalled(hunk, lambda key: known.get(key, []))]


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_the_same_conflict_is_known_with_its_sides_swapped(
    base: bytes, ours: bytes, theirs: bytes, text: bytes
) -> None:
    straight = _recalled((base, ours, theirs, text), (base, ours, theirs))
    turned = _recalled((base, ours, theirs, text), (base, theirs, ours))
    assert straight[0][0] == turned[0][0] == "memory/same"
    assert normalised(straight[0][1]) == normalised(turned[0][1]) == normalised(text)


def test_white_space_is_that_of_the_conflict() -> None:
    taught = b"a\nv = 1.0;\n", b"a\nv = 1.1;\n", b"b\nv = 2.0;\n", b"c\nv = 1.1;\n"
    asked = b"a\r\n  v =  1.0;\r\n", b"a\r\n  v =  1.1;\r\n", b"b\r\n  v =  2.0;\r\n"
    assert ("memory/same", b"c\r\n  v =  1.1;\r\n") in _recalled(taught, asked)


def test_alike_is_what_is_left_of_common_beginnings_and_ends() -> None:
    taught = b"use a::x;\n", b"use a::y;\n", b"use a::z;\n", b"use a::y_and_z;\n"
    asked = b"pub use b::x;\n", b"pub use b::y;\n", b"pub use b::z;\n"
    assert _recalled(taught, asked) == [("memory/alike", b"pub use b::y_and_z;\n")]


def test_a_conflict_resolved_in_several_ways_says_so(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path))
    for when, text in enumerate((b"one\n", b"two\n")):
        memories = lessons(b"a\n", b"b\n", b"c\n", text)
        shelf.add((digest, Memory(kept, str(when), when, "Jo", "f")) for digest, kept in memories)
    hunk = Document("f", [Region(b"a\n", b"b\n", b"c\n", None)], None).hunks[0]
    (found,) = recalled(hunk, shelf.find)
    assert found.stratum == "memory/divided/same"
    assert found.text == b"two\n"


def test_a_shelf_keeps_the_latest_of_one_digest(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path))
    many = [("ab12", Memory(b"%d" % day, "m", day, "Jo", "f")) for day in range(20)]
    assert shelf.add(many) == 20
    assert shelf.add(many[-2:]) == 0
    assert [memory.when for memory in shelf.find("ab12")] == list(range(12, 20))
    assert shelf.find("ab99") == []
