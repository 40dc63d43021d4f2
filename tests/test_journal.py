"""The journal: what is recorded can be reviewed and undone, whatever else happens around it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tiebreak.conflict import Candidate, Judgement, Ranked, Resolution
from tiebreak.journal import (
    Entry,
    Journal,
    JournalError,
    Term,
    Texts,
    digest,
    entry_key,
    matching,
    text_entry,
)
from tiebreak.merge import Merge
from tiebreak.policy import COMMIT, LEAVE, SUGGEST

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = Texts(b"base\n", b"ours\n", b"theirs\n", b"<<<<<<< floor\n", b"result\n")


class Hunk:
    """The least that is a conflict."""

    merge = Merge.three_way(b"base\n", b"ours\n", b"theirs\n")
    path = "a.py"
    name = "line 1"


def resolutions() -> list[Resolution[bytes]]:
    best = Ranked(
        Candidate(b"result\n", "imports", "a union", "imports/two", provable=True, drops=("x",)),
        Judgement(0.99, 0.985, "right in 99 of 100", provable=True),
    )
    return [
        Resolution(Hunk(), COMMIT, best, (best,), ()),
        Resolution(Hunk(), SUGGEST, None, (best,), ()),
        Resolution(Hunk(), LEAVE, None, (), ()),
    ]


def record(journal: Journal, path: str = "a.py", texts: Texts = TEXTS, when: float = 0.0) -> Entry:
    entry, contents = text_entry(
        path, texts, resolutions(), operation="merge other", when=when or None
    )
    return journal.record(entry, contents)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path))


def test_what_was_recorded_is_read_back(journal: Journal) -> None:
    written = record(journal, when=1_700_000_000.25)
    assert journal.entries() == [written]
    assert journal.get(written.key) == written
    assert journal.texts(written) == TEXTS
    resolved, suggested, left = written.decisions
    assert (resolved.name, resolved.action, resolved.generator) == ("line 1", COMMIT, "imports")
    assert (resolved.probability, resolved.lower, resolved.provable) == (0.99, 0.985, True)
    assert (resolved.evidence, resolved.why, resolved.drops) == (
        "right in 99 of 100",
        "a union",
        ("x",),
    )
    assert journal.contents(written)[resolved.chosen] == b"result\n"
    assert (suggested.generator, suggested.chosen, suggested.resolved) == ("imports", "", False)
    assert (left.generator, left.chosen) == ("", "")
    assert written.resolved == 1


def test_recording_again_replaces(journal: Journal) -> None:
    record(journal, when=1.0)
    again = record(journal, when=2.0)
    assert journal.entries() == [again]


def test_any_difference_in_the_inputs_is_another_entry(journal: Journal) -> None:
    record(journal)
    record(journal, path="b.py")
    for name in ("base", "ours", "theirs"):
        record(journal, texts=TEXTS._replace(**{name: b"other\n"}))
    swapped = TEXTS._replace(ours=TEXTS.theirs, theirs=TEXTS.ours)
    record(journal, texts=swapped)
    assert len(journal.entries()) == 6
    record(journal, texts=TEXTS._replace(result=b"better\n"))
    assert len(journal.entries()) == 6


def test_entries_come_most_recent_first(journal: Journal) -> None:
    for when, path in ((20.0, "b"), (30.0, "c"), (10.0, "a")):
        record(journal, path=path, when=when)
    assert [entry.path for entry in journal.entries()] == ["c", "b", "a"]


@pytest.mark.parametrize("path", ["a b", 'q"\\', "new\nline", "tab\t", "ünï", "\udcff\udcfe.c"])
def test_any_path_survives(journal: Journal, path: str) -> None:
    written = record(journal, path=path)
    assert [entry.path for entry in journal.entries()] == [path]
    assert journal.texts(written) == TEXTS


def test_contents_are_stored_once_and_packed(journal: Journal) -> None:
    long = b"line\n" * 100_000
    written = record(journal, texts=Texts(long, long, long, long, long))
    assert journal.texts(written).floor == long
    size = sum(file.stat().st_size for file in files(journal))
    assert size < len(long) / 50


def test_undoing_is_noted_and_recording_again_clears_it(journal: Journal) -> None:
    undone = journal.mark_undone(record(journal, when=5.0), when=9.0)
    assert journal.entries() == [undone]
    assert (undone.undone, undone.when) == (9.0, 5.0)
    assert journal.texts(undone) == TEXTS
    record(journal)
    assert [entry.undone for entry in journal.entries()] == [0.0]


def test_terms_need_no_stored_content(journal: Journal) -> None:
    """What weights will do: gigabytes stay where they are, only digests are recorded."""
    terms = [Term(digest(bytes([i])), 10**10) for i in range(5)]
    key = entry_key("tensors", "m.safetensors", *(t.digest for t in terms[:3]))
    entry = Entry(key, "m.safetensors", "tensors", 1.0, "merge", *terms, decisions=())
    journal.record(entry, {})
    assert journal.entries() == [entry]
    with pytest.raises(JournalError, match="does not hold its contents"):
        journal.texts(entry)


def test_a_damaged_entry_is_skipped_with_one_line(tmp_path: Path) -> None:
    said: list[str] = []
    journal = Journal(str(tmp_path), said.append)
    good = record(journal, path="good")
    bad = record(journal, path="bad")
    file = tmp_path / "tiebreak" / "journal" / bad.key
    whole = file.read_bytes()
    for damaged in (b"", whole[:40], whole.replace(b'"bad"', b'"dab"'), b"\0" * 100):
        said.clear()
        file.write_bytes(damaged)
        assert journal.entries() == [good]
        assert said == [f"journal entry {bad.id} is damaged; skipped"]
        assert journal.get(bad.key) is None


def test_an_entry_of_another_version_is_skipped_with_one_line(tmp_path: Path) -> None:
    said: list[str] = []
    journal = Journal(str(tmp_path), said.append)
    key = record(journal).key
    header = b'{"contents":{},"future":1}\n'
    magic = f"tiebreak-journal 1 {digest(header)}\n".encode()
    (tmp_path / "tiebreak" / "journal" / key).write_bytes(magic + header)
    assert journal.entries() == []
    assert said == [f"journal entry {key[:8]} was written by another version of tiebreak; skipped"]


def test_damaged_contents_are_never_handed_out(journal: Journal) -> None:
    written = record(journal)
    (file,) = files(journal)
    whole = file.read_bytes()
    start = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for at in range(start, len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with pytest.raises(JournalError, match="damaged"):
            journal.texts(written)
    file.write_bytes(whole[:-1])
    with pytest.raises(JournalError, match="damaged"):
        journal.texts(written)


def test_what_cannot_be_recorded_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tiebreak").write_text("a file where the folder should be")
    with pytest.raises(JournalError, match=r"cannot record a\.py in .*: Not a directory"):
        record(Journal(str(tmp_path)))


def test_a_disk_that_is_full_leaves_nothing_behind(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    before = record(journal, when=1.0)
    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(JournalError, match="No space left on device"):
        record(journal, when=2.0)
    assert journal.entries() == [before]
    assert len(files(journal)) == 1


def test_old_entries_are_pruned(journal: Journal) -> None:
    kept = record(journal, path="kept")
    old = record(journal, path="old")
    age(journal, old.key, days=61)
    age(journal, kept.key, days=59)
    assert journal.prune() == 1
    assert journal.entries() == [kept]


def test_recording_prunes_once_a_day(journal: Journal) -> None:
    old = record(journal, path="old")
    age(journal, old.key, days=61)
    record(journal)
    assert len(journal.entries()) == 2  # pruned today already
    age(journal, "pruned", days=2)
    record(journal)
    assert [entry.path for entry in journal.entries()] == ["a.py"]


def test_a_failing_prune_does_not_fail_the_record(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.unlink", fail)
    age(journal, record(journal, path="old").key, days=61)
    age(journal, "pruned", days=2)
    assert record(journal) in journal.entries()


def test_ids_are_found_by_prefix(journal: Journal) -> None:
    written = record(journal)
    entries = journal.entries()
    assert matching(entries, written.id) == [written]
    assert matching(entries, written.key[:4].upper()) == [written]
    assert matching(entries, written.key[:3]) == []
    assert matching(entries, "zzzz") == []


WRITER = """
import sys
from tiebreak.journal import Journal, Texts, text_entry
journal = Journal(sys.argv[1])
for i in range(40):
    texts = Texts(b"b", b"o", b"t", b"floor" * 999, b"%d" % i)
    for path in ("shared", sys.argv[2] + str(i)):
        journal.record(*text_entry(path, texts, (), operation="merge"))
"""


def test_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, name]) for name in ("a", "b", "c")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    said: list[str] = []
    journal = Journal(str(tmp_path), said.append)
    entries = journal.entries()
    assert len(entries) == 3 * 40 + 1
    assert all(journal.texts(entry).floor == b"floor" * 999 for entry in entries)
    assert said == []


def test_importing_the_journal_is_cheap() -> None:
    """It runs inside a merge: json is for those who record, tomllib for who has a recipe."""
    code = "import sys, tiebreak.journal, tiebreak.recipe; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"json", "hashlib", "tomllib", "dataclasses", "pathlib", "subprocess", "tempfile"}
    assert not heavy & (set(done.stdout.split()) - set(bare.stdout.split()))


def files(journal: Journal) -> list[Path]:
    from pathlib import Path

    return [f for f in Path(journal.directory).iterdir() if f.name != "pruned"]


def age(journal: Journal, name: str, days: float) -> None:
    import os
    import time

    then = time.time() - days * 86400
    os.utime(os.path.join(journal.directory, name), (then, then))
