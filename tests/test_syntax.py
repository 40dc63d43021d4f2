"""The structural merge through the one door for text, with trust as a user would give it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiebreak.policy import COMMIT, SUGGEST, Policy
from tiebreak.text.file import Settings, merge_text
from tiebreak.text.language import language_for
from tiebreak.text.parse import parse
from tiebreak.text.trees.groups import groups_of
from tiebreak.text.trees.items import Items, items_of, join

TRUSTING = Settings(policy=Policy(trust=("structure", "versions")))
CASES = sorted(Path(__file__).parent.glob("cases/*/*/base.*"))

PYTHON = "def f(a):\n    x = one(a)\n    y = two(a)\n    return x + y\n\n\nz = 1\n"


def merged(path: str, base: str, ours: str, theirs: str, how: Settings = TRUSTING) -> str | None:
    """The text when nothing is left in conflict."""
    found = merge_text(path, base.encode(), ours.encode(), theirs.encode(), how)
    return None if found.unmerged else found.text.decode()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parts[-3]}-{case.parts[-2]}")
def test_a_node_is_its_items_and_gaps(case: Path) -> None:
    named = case.parent / "name"
    language = language_for(named.read_text().strip() if named.exists() else case.name)
    assert language is not None
    source = case.read_bytes()
    tree = parse(language, source)
    assert tree is not None
    pending = [tree.root_node]
    while pending:
        node = pending.pop()
        pending += node.children
        found = items_of(node, source, groups_of(language).kinds(node.type))
        if found is not None and found.items:
            assert _written(found) == source[node.start_byte : node.end_byte].rstrip()


def _written(found: Items) -> bytes:
    text, trail = b"", b""
    for item in found.items:
        text = join(text, trail, item.gap) + item.text
        trail = item.trail
    return join(text, trail, found.tail)


def test_different_statements() -> None:
    ours, theirs = PYTHON.replace("one(a)", "one(a, 1)"), PYTHON.replace("two(a)", "two(a, 2)")
    assert merged("a.py", PYTHON, ours, theirs) == ours.replace("two(a)", "two(a, 2)")


def test_without_trust_it_is_suggested() -> None:
    ours, theirs = PYTHON.replace("x = one", "x: int = one"), PYTHON.replace("two(a)", "two(a, 2)")
    assert merged("a.py", PYTHON, ours, theirs, Settings()) is None


def test_a_deletion_does_not_win_over_an_edit() -> None:
    ours = PYTHON.replace("    y = two(a)\n", "")
    theirs = PYTHON.replace("two(a)", "three(a)")
    assert merged("a.py", PYTHON, ours, theirs) is None
    assert merged("a.py", PYTHON, theirs, ours) is None


def test_an_edit_follows_the_code_that_was_moved() -> None:
    other = "\n\ndef g():\n    return one(1) + two(2) + three(3)\n"
    base, ours = PYTHON + other, other.lstrip() + "\n\n" + PYTHON
    theirs = base.replace("three(3)", "three(4)")
    assert merged("a.py", base, ours, theirs) == ours.replace("three(3)", "three(4)")


def test_a_comment_stays_with_what_it_is_about() -> None:
    base = "class A {\n    void f() {}\n}\n"
    ours = base.replace("    void f() {}\n", "    void f() {}\n\n    // about g\n    void g() {}\n")
    theirs = base.replace(
        "    void f() {}\n", "    void f() {}\n\n    // about h\n    void h() {}\n"
    )
    text = merged("A.java", base, ours, theirs)
    assert text is not None
    assert "    // about g\n    void g() {}\n\n    // about h\n    void h() {}\n" in text


def test_statements_that_both_add_at_one_place_are_in_conflict() -> None:
    ours, theirs = (PYTHON.replace("    return", f"    {x}()\n    return") for x in ("p", "q"))
    assert merged("a.py", PYTHON, ours, theirs) is None


def test_neighbours_of_which_each_side_removes_one_are_in_conflict() -> None:
    ours = PYTHON.replace("    x = one(a)\n", "")
    theirs = PYTHON.replace("    y = two(a)\n", "")
    assert merged("a.py", PYTHON, ours, theirs) is None


def test_one_name_with_two_contents_is_in_conflict() -> None:
    base = "class A {\n}\n"
    ours, theirs = (base.replace("{\n", f"{{\n    int x = {n};\n") for n in (1, 2))
    assert merged("A.java", base, ours, theirs) is None


def test_what_is_added_takes_over_the_new_indentation() -> None:
    ours = PYTHON.replace("    ", "  ")
    theirs = PYTHON.replace("    return", "    if x:\n        p()\n    return")
    text = merged("a.py", PYTHON, ours, theirs)
    assert text == ours.replace("  return", "  if x:\n      p()\n  return")


def test_code_that_was_not_in_conflict_is_as_it_was() -> None:
    odd = "a   =  ( 1,2 )   # odd\r\nif a :\n\tb  =2\n" * 3
    base = PYTHON + odd
    ours, theirs = base.replace("one(a)", "one(a, 1)"), base.replace("two(a)", "two(a, 2)")
    text = merged("a.py", base, ours, theirs)
    assert text == ours.replace("two(a)", "two(a, 2)")
    assert text.endswith(odd)


def test_what_stays_in_conflict_is_made_smaller_where_trusted() -> None:
    ours = PYTHON.replace("one(a)", "one(a, 1)").replace("x + y", "x - y")
    theirs = PYTHON.replace("two(a)", "two(a, 2)").replace("x + y", "x * y")
    found = merge_text("a.py", PYTHON.encode(), ours.encode(), theirs.encode(), TRUSTING)
    assert found.conflicts == 1
    assert b"    x = one(a, 1)\n    y = two(a, 2)\n<<<<<<<" in found.text
    assert found.text.count(b"return") == 2


def test_the_higher_version_only_where_asked_for() -> None:
    sides = ("v = 1.0.0\n", "v = 1.2.0\n", "v = 1.10.0-rc1\n")
    assert merged("a.txt", *sides) == "v = 1.10.0-rc1\n"
    assert merged("a.txt", *sides, Settings()) is None
    assert merged("a.txt", "v = 1.0\n", "v = 1.1-rc1\n", "v = 1.1\n") == "v = 1.1\n"
    assert merged("a.txt", "v = 1.0\n", "v = 1.1\n", "w = 1.2\n") is None


@pytest.mark.parametrize("name", ["package-lock.json", "sub/Cargo.lock", "yarn.lock"])
def test_lock_files_are_left(name: str) -> None:
    base = '{\n "a": 1,\n "b": 1\n}\n'
    ours, theirs = base.replace('"a": 1', '"a": 2'), base.replace('"b": 1', '"b": 2')
    assert merged(name, base, ours, theirs) is None
    found = merge_text(name, base.encode(), ours.encode(), theirs.encode(), TRUSTING)
    assert {resolution.action for resolution in found.resolutions} == {SUGGEST}


def test_trust_is_limited_by_both_policies() -> None:
    one, other = Policy(trust=("structure", "keyed")), Policy(trust=("structure/block",))
    assert one.limited_by(other).trust == ("structure/block",)
    assert one.favour("structure/inline") > one.favour("keyed/entries") > one.favour("sides/ours")
    assert Policy(most=COMMIT).trust == ()


def test_what_is_very_deep_is_left() -> None:
    deep = "x = " + "(" * 400 + "1" + ")" * 400 + "\n"
    assert merged("a.py", deep, deep.replace("1", "2"), deep.replace("1", "3")) is None
    union = "type T = " + " | ".join(f"A{i}" for i in range(1500)) + ";\n"
    ours, theirs = union.replace("A700", "B700"), union.replace("A900", "B900")
    assert merge_text("a.ts", *(t.encode() for t in (union, ours, theirs)), TRUSTING) is not None
