"""The oracle of candidates: counted on examples as mining writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("pygit2")

from tiebreak.learn import examples, oracle
from tiebreak.learn.extend import proposals_for

if TYPE_CHECKING:
    from pathlib import Path


def example(number: int, language: str, resolution: bytes) -> examples.Example:
    taken = examples.Proposal(
        "sides", "sides/ours", provable=False, drops=1, value=b"o\n", equal=False
    )
    return examples.Example(
        repo="a/b",
        merge="0" * 40,
        time=0,
        path="a.py",
        language=language,
        number=number,
        hunks=1,
        files=1,
        ours_regions=0,
        theirs_regions=0,
        whole="",
        digest=str(number),
        before=b"",
        after=b"",
        base=b"x\n",
        ours=b"o\n",
        theirs=b"t\n",
        resolution=resolution,
        proposals=(taken,),
    )


def test_counts_hunks_whose_resolution_is_proposed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        example(0, "python", b" o\n"),  # mined
        example(1, "python", b""),  # proposed now
        example(2, "python", b"new\n"),
        example(3, "json", b"o\n"),
    ]
    examples.write(tmp_path / "a+b.parquet", rows, {})
    for arguments, source in (([], "66.7%"), (["--mined"], "33.3%")):
        assert oracle.main([str(tmp_path), *arguments]) == 0
        out = capsys.readouterr().out
        assert "4 hunks of 1 repositories" in out
        table = {line[:36].strip(): line[36:].split() for line in out.splitlines()}
        assert table["source"][:2] == ["3", source]
        assert table["other"][:2] == ["1", "100.0%"]


def test_rows_are_extended_without_their_files() -> None:
    found = proposals_for(b"x\n", b"o\n", b"t\n", "a.py")
    assert {b"o\n", b"t\n", b"x\n", b"o\nt\n", b"t\no\n", b""} <= {c.value for c in found}
    assert not any(c.provable for c in found)
