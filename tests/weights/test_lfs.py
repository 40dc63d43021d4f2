"""Git LFS: canonical pointers, and a store whose objects are never changed."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from tiebreak.weights.errors import CheckpointError
from tiebreak.weights.lfs import Pointer, Store, parse_pointer, pointer_to

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repo

OID = hashlib.sha256(b"content").hexdigest()
TEXT = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 7\n".encode()


def test_the_canonical_pointer() -> None:
    assert parse_pointer(TEXT) == Pointer(OID, 7)
    assert Pointer(OID, 7).text == TEXT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        TEXT + b"\n",
        TEXT[:-1],
        TEXT.replace(b"\n", b"\r\n"),
        TEXT.replace(b"size 7", b"size 07"),
        TEXT.replace(b"size 7", b"size -7"),
        TEXT.replace(OID.encode(), OID.upper().encode()),
        TEXT.replace(OID.encode(), OID[:-1].encode()),
        TEXT.replace(b"oid", b"ext-0-foo sha256:00\noid"),
        b"#" + TEXT,
        TEXT + b"x" * 2000,
    ],
)
def test_anything_else_is_content(data: bytes) -> None:
    assert parse_pointer(data) is None


@pytest.fixture
def content(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    return file


def test_a_file_is_stored_under_its_name(content: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "git"))
    assert store.find(Pointer(OID, 7)) is None
    assert store.store_file(str(content)) == Pointer(OID, 7) == pointer_to(str(content))
    place = tmp_path / "git/lfs/objects" / OID[:2] / OID[2:4] / OID
    assert store.find(Pointer(OID, 7)) == str(place) == store.object_path(OID)
    assert place.read_bytes() == content.read_bytes()
    assert os.listdir(tmp_path / "git/lfs/tmp") == []
    assert store.find(Pointer(OID, 8)) is None  # a truncated object is none


def test_a_stored_object_stays_as_it_is(content: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "git"), "elsewhere")
    store.store_file(str(content))
    place = tmp_path / "git/elsewhere/objects" / OID[:2] / OID[2:4] / OID
    before = place.stat().st_ino
    store.store_file(str(content), move=True)
    assert place.stat().st_ino == before
    assert not content.exists()


def test_moving_takes_the_file_itself(content: Path, tmp_path: Path) -> None:
    store, before = Store(str(tmp_path / "git")), content.stat().st_ino
    store.store_file(str(content), move=True)
    assert os.stat(store.object_path(OID)).st_ino == before


def test_objects_of_another_store(content: Path, tmp_path: Path) -> None:
    other = Store(str(tmp_path / "other"))
    other.store_file(str(content))
    store = Store(str(tmp_path / "git"), references=(other.directory,))
    assert store.find(Pointer(OID, 7)) == other.object_path(OID)


def test_what_cannot_be_stored_leaves_nothing(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "git"))
    with pytest.raises(CheckpointError, match="not stored for Git LFS: No such file"):
        store.store_file(str(tmp_path / "missing"))
    assert os.listdir(tmp_path / "git/lfs/tmp") == []


def test_git_lfs_agrees(repo: Repo, content: Path) -> None:
    """What it writes is read, and what is written it reads."""
    if repo.try_git("lfs", "version").returncode:
        pytest.skip("git-lfs is not installed")
    repo.git("lfs", "install", "--local")
    pointer = repo.run("git", "lfs", "clean", stdin=b"its own content").stdout
    found = parse_pointer(pointer)
    assert found is not None
    store = Store(str(repo.path / ".git"))
    path = store.find(found)
    assert path is not None
    with open(path, "rb") as file:
        assert file.read() == b"its own content"
    ours = store.store_file(str(content))
    assert repo.run("git", "lfs", "smudge", stdin=ours.text).stdout == b"content"
