"""Structural generators and checks, on folders of files: see `tests/cases`.

A case is ``tests/cases/<language>/<case>/`` with ``base``, ``ours``, ``theirs`` and mostly
``expected``, all with the language's extension; ``name`` says what the file is called where the
extension does not say the language. Without ``expected`` the generators must have nothing to say.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tiebreak.conflict import Candidate
from tiebreak.policy import Policy
from tiebreak.text.checks import duplicates, parses
from tiebreak.text.document import SIDES, Document, Hunk
from tiebreak.text.generators import imports, keyed, sets, structure, whitespace
from tiebreak.text.joining import joined_resolution
from tiebreak.text.language import language_for
from tiebreak.text.merge3 import merge_lines
from tiebreak.text.structure import words

CASES = sorted(path for path in (Path(__file__).parent / "cases").glob("*/*") if path.is_dir())
GENERATORS = (whitespace, imports, sets, structure, keyed)


def _document(case: Path, sides: tuple[str, ...] = SIDES) -> Document:
    (base,) = case.glob("base.*")
    texts = [(case / f"{side}{base.suffix}").read_bytes() for side in sides]
    named = case / "name"
    name = named.read_text("utf-8").strip() if named.exists() else base.name
    language = language_for(name)
    assert language is not None
    assert language.name == case.parent.name
    return Document(name, merge_lines(*texts), language)


def _candidates(hunk: Hunk) -> list[Candidate[bytes]]:
    return [candidate for module in GENERATORS for candidate in module.generate(hunk)]


def _resolved(document: Document) -> bytes | None:
    """The file with the first candidate of each hunk, else of all together; None without one."""
    chosen = {hunk.index: _candidates(hunk) for hunk in document.hunks}
    if not all(chosen.values()):
        joined = joined_resolution(document, Policy(trust=(structure.NAME,)))
        return joined.document.assemble("ours") if joined and joined.resolution.chosen else None
    document.chosen.update({index: found[0].value for index, found in chosen.items()})
    return document.assemble("ours")


def _name(case: Path) -> str:
    return f"{case.parent.name}-{case.name}"


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_case(case: Path) -> None:
    document = _document(case)
    assert document.hunks, "the case has no conflict"
    expected = next(case.glob("expected.*"), None)
    assert _resolved(document) == (expected.read_bytes() if expected else None)


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_swapping_the_sides_gives_the_same_content(case: Path) -> None:
    merged, swapped = (
        _resolved(_document(case)),
        _resolved(_document(case, ("base", "theirs", "ours"))),
    )
    assert (merged is None) == (swapped is None)
    if merged is not None and swapped is not None:
        assert Counter(words(merged).split()) == Counter(words(swapped).split())


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_candidates_of_the_cases_pass_the_checks(case: Path) -> None:
    for hunk in _document(case).hunks:
        for candidate in _candidates(hunk):
            assert parses.check(hunk, candidate) is None
            assert duplicates.check(hunk, candidate) is None


def _hunk(name: str, base: str, ours: str, theirs: str) -> Hunk:
    texts = (text.encode() for text in (base, ours, theirs))
    (hunk,) = Document(name, merge_lines(*texts), language_for(name)).hunks
    return hunk


def _proposal(value: str) -> Candidate[bytes]:
    return Candidate(value.encode(), "test", "test", "test")


PROOFS = [
    (
        "a.json",
        '{\n "a": 1,\n "b": 1\n}\n',
        '{\n "a": 2,\n "b": 1\n}\n',
        '{\n "a": 1,\n "b": 2\n}\n',
        True,
    ),
    ("a.json", '{\n "z": 1\n}\n', '{\n "z": 1,\n "c": 2\n}\n', '{\n "z": 1,\n "b": 3\n}\n', False),
    ("a.json", '{\n "a": 1.0\n}\n', '{\n "a": 2.0\n}\n', '{\n "a": 1.0,\n "b": 3.0\n}\n', False),
    ("a.py", "a\n", "a = 1\n", "a=1\n", True),
    ("a.ts", "f(a);\ng();\n", "f( a );\ng( );\n", "", True),
    ("a.py", "x\n", "import b\nx\n", "import c\nx\n", False),
]


@pytest.mark.parametrize(("name", "base", "ours", "theirs", "proven"), PROOFS)
def test_provable(name: str, base: str, ours: str, theirs: str, proven: bool) -> None:  # noqa: FBT001
    found = _candidates(_hunk(name, base, ours, theirs))
    assert any(candidate.provable for candidate in found) == proven


def test_indentation_is_meaning_where_the_language_says_so() -> None:
    """Ours nests ``y`` deeper: that is an edit, not white space."""
    texts = ("a:\n  x:\n  y: 1\n", "a:\n  x:\n    y: 1\n", "a:\n  x:\n  y: 2\n")
    (candidate,) = _candidates(_hunk("a.yaml", *texts))
    assert (candidate.stratum, candidate.value) == ("whitespace/indent", b"    y: 2\n")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("def f():\n    return 1 +\n", "does not parse"),
        ("def f():\n    return 3\n", None),
    ],
)
def test_parses(value: str, reason: str | None) -> None:
    hunk = _hunk(
        "a.py", "def f():\n    pass\n", "def f():\n    return 1\n", "def f():\n    return 2\n"
    )
    body = value.partition("\n")[2]
    found = parses.check(hunk, _proposal(body))
    assert (found or "").startswith(reason or "")
    assert (found is None) == (reason is None)


def test_errors_that_the_parents_have_are_allowed() -> None:
    hunk = _hunk("a.py", "x = (\n", "x = (1\n", "x = (2\n")
    assert parses.check(hunk, _proposal("x = (3\n")) is None
    assert parses.check(hunk, _proposal("x = (3\n)))) def def ((\n")) is not None


def test_without_a_grammar_nothing_is_vetoed() -> None:
    hunk = _hunk("a.unknown", "a\n", "b\n", "c\n")
    for check in (parses.check, duplicates.check):
        assert check(hunk, _proposal("(((\n")) is None
    assert _candidates(hunk) == []


TWICE = [
    ("a.py", "def f():\n    pass\n\n\ndef f():\n    pass\n", "defines f"),
    ("a.py", "class A:\n    def f(self): pass\n    def f(self): pass\n", "defines f"),
    ("a.py", "import os\nimport os\n", "imports import os"),
    ("a.py", "from a import b\nfrom a import (c, b)\n", "imports from a import b"),
    ("a.py", 'X = {"a": 1, "a": 2}\n', "has key a"),
    ("a.json", '{"a": 1, "a": 2}\n', "has key a"),
    ("a.yaml", "a: 1\n'a': 2\n", "has key a"),
    ("a.toml", "[t]\na = 1\na = 2\n", "has key a"),
    ("a.toml", "[t]\na = 1\n[t]\nb = 2\n", "has key t"),
    ("A.java", "class A { void f(int a) {} void f(int a) {} }\n", "defines f"),
    ("a.js", "const a = 1;\nconst a = 2;\n", "defines a"),
    ("a.js", "class A { f() {} f() {} }\n", "defines f"),
    ("a.ts", "import {a} from './x';\nimport {a} from './x';\n", "imports"),
    ("a.cs", "using System;\nusing System;\n", "imports using System"),
    ("a.go", 'package a\nimport (\n"a"\n"a"\n)\n', 'imports " a "'),
    ("a.go", "package a\nfunc f() {}\nfunc f() {}\n", "defines f"),
    ("a.rs", "fn f() {}\nfn f() {}\n", "defines f"),
    ("a.c", "int f(int a) { return 1; }\nint f(int a) { return 2; }\n", "defines f"),
    ("a.cpp", "int f(int a) { return 1; }\nint f(int a) { return 2; }\n", "defines f"),
]

ONCE = [
    ("a.py", "if x:\n    def f(): pass\nelse:\n    def f(): pass\n"),
    (
        "a.py",
        "class A:\n    @property\n    def f(self): pass\n    @f.setter\n    def f(self, v): pass\n",
    ),
    ("a.py", "@overload\ndef f(a: int): ...\n@overload\ndef f(a: str): ...\n"),
    ("A.java", "class A { void f(int a) {} void f(String a) {} }\n"),
    ("a.js", "class A { get f() {} set f(v) {} static f() {} }\n"),
    ("a.ts", "function f(a: string): void;\nfunction f(a: number): void;\nfunction f(a: any) {}\n"),
    ("a.cs", "class A { void F(int a) {} void F(string a) {} }\n"),
    ("a.go", "package a\nfunc init() {}\nfunc init() {}\nfunc (a A) f() {}\nfunc (b B) f() {}\n"),
    ("a.rs", "#[cfg(unix)]\nfn f() {}\n#[cfg(windows)]\nfn f() {}\n"),
    ("a.c", "#ifdef X\nint f(void) { return 1; }\n#else\nint f(void) { return 2; }\n#endif\n"),
    ("a.cpp", "int f(int a) { return 1; }\nint f(char a) { return 2; }\n"),
    ("a.json", '{"a": {"b": 1}, "c": {"b": 1}}\n'),
    ("a.yaml", "a:\n  - x: 1\n  - x: 2\n"),
    ("a.toml", "[[t]]\na = 1\n[[t]]\na = 2\n"),
]


@pytest.mark.parametrize(("name", "text", "reason"), TWICE)
def test_what_is_there_twice_is_vetoed(name: str, text: str, reason: str) -> None:
    reported = duplicates.check(_hunk(name, "", "\n", "\n\n"), _proposal(text))
    assert reported is not None
    assert reported.startswith(reason)
    assert reported.endswith("2 times")


@pytest.mark.parametrize(("name", "text"), ONCE)
def test_what_only_looks_like_it_is_not(name: str, text: str) -> None:
    assert duplicates.check(_hunk(name, "", "\n", "\n\n"), _proposal(text)) is None


def test_what_a_side_has_twice_is_allowed() -> None:
    text = "import os\nimport os\n"
    hunk = _hunk("a.py", "", text, "import sys\n")
    assert duplicates.check(hunk, _proposal(text)) is None
    assert duplicates.check(hunk, _proposal(text + "import os\n")) is not None


def test_another_part_of_the_file_is_not_the_candidates_fault() -> None:
    twice = "import os\nimport os\n\n\n\n"
    hunk = _hunk("a.py", twice + "a\n", twice + "b\n", twice + "c\n")
    assert duplicates.check(hunk, _proposal("d\n")) is None
