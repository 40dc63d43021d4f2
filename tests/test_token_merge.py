"""The token merge: examples from papers, identities, symmetry, bounded work, and its candidates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiebreak.text.anchors import STEPS, Budget, align
from tiebreak.text.coarse import LARGE, merge_large
from tiebreak.text.document import Document, Hunk, Region
from tiebreak.text.generators import adjacent, sides, tokens
from tiebreak.text.language import language_for
from tiebreak.text.lexer import CODE, PIECES, SPACE, TOKENISATIONS
from tiebreak.text.tokens import TokenConflict, merge_token_lists, merge_tokens
from tiebreak.text.weave import weave

WORDS = [b"a", b"b", b"foo", b"bar", b"(", b")", b",", b" ", b"  ", b"\n"]
texts = st.lists(st.sampled_from(WORDS), max_size=25).map(b"".join)
ids = st.lists(st.integers(0, 6), max_size=40)
every_how = pytest.mark.parametrize("how", TOKENISATIONS)


def hunk(base: bytes, ours: bytes, theirs: bytes, path: str = "a.py") -> Hunk:
    return Hunk(Document(path, [Region(base, ours, theirs, None)], language_for(path)), 0)


def value(base: bytes, ours: bytes, theirs: bytes, how: str) -> bytes | None:
    merged = merge_tokens(base, ours, theirs, how)
    assert merged is not None
    return merged.value


@every_how
def test_mergebert_example(how: str) -> None:
    merged = merge_tokens(
        b"var x = max(y, 10)\n", b"let x = max(y, 11)\n", b"var x = max(y, 11, z)\n", how
    )
    assert merged is not None
    before, conflict, after = merged.parts
    assert (before, after) == (b"let x = max(y, ", b")\n")
    assert isinstance(conflict, TokenConflict)
    sides_ = [b"".join(side) for side in (conflict.base, conflict.ours, conflict.theirs)]
    assert sides_ == [b"10", b"11", b"11, z"]
    found = [
        c.value
        for c in tokens.generate(
            hunk(b"var x = max(y, 10)\n", b"let x = max(y, 11)\n", b"var x = max(y, 11, z)\n")
        )
    ]
    assert found[1] == b"let x = max(y, 11, z)\n"


@every_how
def test_clean_but_wrong_is_doubted(how: str) -> None:
    """MergeGen's example of a clean token merge that nobody wanted."""
    base, ours, theirs = (
        b"core.workflow.TlsContext", b"core.workflow.chooser.Chooser", b"core.state.TlsContext",
    )  # fmt: skip
    assert value(base, ours, theirs, how) == b"core.state.chooser.Chooser"
    (candidate,) = tokens.generate(hunk(base, ours, theirs))
    assert candidate.stratum == "tokens/two-doubts"
    assert not candidate.provable


@every_how
@given(base=texts, side=texts)
def test_one_side_unchanged_gives_the_other(how: str, base: bytes, side: bytes) -> None:
    assert value(base, base, side, how) == side
    assert value(base, side, base, how) == side
    assert value(base, side, side, how) == side


@every_how
@given(base=texts, ours=texts, theirs=texts)
def test_swapping_sides_swaps_the_conflicts_only(
    how: str, base: bytes, ours: bytes, theirs: bytes
) -> None:
    one = merge_tokens(base, ours, theirs, how)
    other = merge_tokens(base, theirs, ours, how)
    assert one is not None
    assert other is not None
    assert one.value == other.value
    swapped = tuple(
        p if isinstance(p, bytes) else p._replace(ours=p.theirs, theirs=p.ours) for p in other.parts
    )
    assert one.parts == swapped


@given(base=texts, ours=texts, theirs=texts)
def test_parts_hold_both_sides(base: bytes, ours: bytes, theirs: bytes) -> None:
    """Filling every sub-conflict with a side, and dropping what the other did, is no other text."""
    merged = merge_tokens(base, ours, theirs, SPACE)
    assert merged is not None
    taken = b"".join(p if isinstance(p, bytes) else b"".join(p.ours) for p in merged.parts)
    if not any(edit.side == "theirs" for edit in merged.edits):
        assert taken == ours


def test_layout_of_one_side_and_edit_of_the_other() -> None:
    base, ours = b"f(a, b);\n", b"    f( a,\n       b );\n"
    assert value(base, ours, b"f(a, c);\n", CODE) == b"    f( a,\n       c );\n"
    assert value(base, b"f(a,\n  b);\n", b"f(a, c);\n", CODE) == b"f(a,\n  c);\n"
    assert value(base, b"f(a,  b);\n", b"f(a,   b);\n", CODE) == b"f(a,   b);\n"


def test_pieces_merge_inside_a_name() -> None:
    assert value(b"getUserName", b"getAccountName", b"getUserNames", PIECES) is None
    assert value(b"getUserName", b"getAccountName", b"setUserName", PIECES) is None
    assert value(b"get_user_name", b"set_user_name", b"get_user_id", PIECES) == b"set_user_id"
    assert value(b"get_user_name", b"set_user_name", b"get_user_id", SPACE) is None


def test_touching_replacements_offer_both() -> None:
    merged = merge_tokens(b"a.b", b"x.b", b"a->b", SPACE)
    assert merged is not None
    assert [c.both for c in merged.conflicts] == [b"x->"]
    merged = merge_tokens(b"a.b", b"ax.b", b"ay.b", SPACE)
    assert merged is not None
    assert [c.both for c in merged.conflicts] == [None]


@given(a=ids, b=ids)
def test_alignment_matches_equal_runs_in_order(a: list[int], b: list[int]) -> None:
    blocks = align(a, b, [1, 1, 1, 6, 6, 6, 6], Budget(STEPS))
    assert blocks is not None
    i = j = 0
    for block in blocks:
        assert block.a >= i
        assert block.b >= j
        assert a[block.a : block.a + block.size] == b[block.b : block.b + block.size]
        i, j = block.a + block.size, block.b + block.size


def test_words_outweigh_punctuation() -> None:
    names = {"(": 0, ")": 1, ",": 2, "alpha": 3}
    a = [names[x] for x in ("(", ")", ",", "alpha")]
    b = [names[x] for x in ("alpha", "(", ")", ",")]
    blocks = align(a, b, [1, 1, 1, 6], Budget(STEPS))
    assert blocks == [(3, 0, 1)]


def test_far_moved_anchors_are_found_in_long_texts() -> None:
    unique = [f"name{n} = {n}\n".encode() for n in range(400)]
    base = b"".join(unique)
    ours = b"".join([*unique[:100], b"inserted()\n" * 300, *unique[100:]])
    theirs = base.replace(b"name300 ", b"renamed300 ")
    assert value(base, ours, theirs, SPACE) == ours.replace(b"name300 ", b"renamed300 ")


@every_how
def test_no_budget_gives_up(how: str) -> None:
    one, two = [b"a", b"b", b"c"] * 50, [b"c", b"a", b"d"] * 50
    assert merge_token_lists(one, two, two[::-1], how, Budget(100)) is None


def test_work_on_hostile_texts_stays_within_the_budget() -> None:
    class Counting(Budget):
        __slots__ = ("spent",)

        def __init__(self, steps: int) -> None:
            super().__init__(steps)
            self.spent = 0

        def spend(self, steps: int) -> bool:
            allowed = super().spend(steps)
            self.spent += steps if allowed else 0
            return allowed

    hostile = [
        (b"a," * 40_000, b"a," * 20_000 + b"b," + b"a," * 20_000, b"x" + b"a," * 40_000),
        (b"a b\n" * 20_000, b"b a\n" * 20_000, b"a  b\n" * 20_001),
        (b"x" * 90_000, b"y" * 90_000, b"z" * 90_000),
        (b"", b"p(q)" * 30_000, b"q(p)" * 30_000),
    ]
    for texts_ in hostile:
        budget = Counting(200_000)
        for merged in merge_large(texts_, TOKENISATIONS, budget).values():
            assert isinstance(merged.value, bytes | None)
        assert budget.spent <= 200_000


def test_a_long_line_merges_in_segments() -> None:
    statements = [f"function f{n}(a,b){{return a*{n}+b}};".encode() for n in range(2000)]
    base = b"".join(statements)
    ours = base.replace(b"return a*700+b", b"return b*700-a")
    theirs = base.replace(b"f1500(a,b)", b"f1500(a,b,c)").replace(b"f20(", b"g20(")
    assert 3 * len(base) > LARGE
    found = [c.value for c in tokens.generate(hunk(base, ours, theirs, "a.min"))]
    expected = theirs.replace(b"return a*700+b", b"return b*700-a")
    assert found == [expected]


@given(base=texts, ours=texts, theirs=texts)
def test_candidates_are_few_distinct_and_honest(base: bytes, ours: bytes, theirs: bytes) -> None:
    found = list(tokens.generate(hunk(base, ours, theirs, "a.txt")))
    assert len(found) <= 16
    assert len({c.value for c in found}) == len(found)
    for candidate in found:
        assert candidate.stratum.startswith("tokens/")
        assert not candidate.provable
        if candidate.drops:
            combined = all(drop.startswith("the spelling ") for drop in candidate.drops)
            assert combined or candidate.stratum.startswith("tokens/filled/")


def test_the_strata_follow_the_doubts() -> None:
    lines = [f"    value{n} = compute{n}(first, second)\n".encode() for n in range(12)]
    base = b"".join(lines)
    ours = base.replace(b"value1 ", b"result1 ")
    theirs = base.replace(b"compute10(", b"derive10(")
    (clear,) = tokens.generate(hunk(base, ours, theirs))
    assert clear.stratum == "tokens/clear"
    (shared,) = tokens.generate(hunk(base, ours, base.replace(b"compute10(", b"result1(")))
    assert shared.stratum == "tokens/one-doubt"
    assert "share words" in shared.why
    both = ours.replace(b"compute10(", b"derive10(")
    (contained,) = tokens.generate(hunk(base, ours, both))
    assert (contained.stratum, contained.value) == ("tokens/contained", both)


def filled(base: bytes, ours: bytes, theirs: bytes) -> dict[str, tuple[bytes, tuple[str, ...]]]:
    found = reversed(list(tokens.generate(hunk(base, ours, theirs))))
    return {c.stratum.removeprefix("tokens/filled/"): (c.value, c.drops) for c in found}


def test_fillings_tell_what_a_side_did_to_base() -> None:
    lost_ours, lost_theirs = (f"{side}, where the edits overlap" for side in ("ours", "theirs"))
    inserted = filled(b"a\nz\n", b"a\nb\nz\n", b"a\nb\nc\nz\n")
    assert inserted["larger-insertion"] == (b"a\nb\nc\nz\n", ())
    assert inserted["smaller-insertion"] == (b"a\nb\nz\n", (lost_theirs,))
    deleted = filled(b"a one two z\n", b"a z\n", b"a uno dos z\n")
    assert deleted["deletion"] == (b"a z\n", (lost_theirs,))
    assert deleted["undeleted"] == (b"a uno dos z\n", (lost_ours,))
    rewritten = filled(b"f(one)", b"f(uno)", b"f(one, two)")
    assert rewritten["rewritten"] == (b"f(uno)", (lost_theirs,))
    assert rewritten["grown"] == (b"f(one, two)", (lost_ours,))


def test_insertions_of_the_same_words_are_not_put_in_turn_first() -> None:
    apart = list(tokens.generate(hunk(b"", b"alpha(1)\n", b"beta(2)\n")))
    assert apart[0].stratum == "tokens/filled/in-turn/apart"
    assert (apart[0].value, apart[0].drops) == (b"alpha(1)\nbeta(2)\n", ())
    alike = list(tokens.generate(hunk(b"", b"alpha(beta, 1)\n", b"beta(alpha, 2)\n")))
    assert alike[0].stratum == "tokens/filled/ours/alike"
    assert alike[0].drops == ("theirs, where the edits overlap",)


def test_no_words_are_glued_together() -> None:
    found = [c.value for c in tokens.generate(hunk(b"f(10)", b"f(11)", b"f(twelve)"))]
    assert b"f(11)" in found
    assert b"f(11twelve)" not in found


def test_no_fillings_where_much_is_left() -> None:
    lines = [f"name{n}(old{n})\n".encode() for n in range(8)]
    base = b"".join(lines)
    found = list(
        tokens.generate(hunk(base, base.replace(b"old", b"one"), base.replace(b"old", b"two")))
    )
    assert found == []


def test_a_merge_inside_names_says_so() -> None:
    (candidate, *_) = tokens.generate(hunk(b"get_user_name", b"set_user_name", b"get_user_id"))
    assert candidate.value == b"set_user_id"
    assert candidate.drops == ("the spelling get_user_id", "the spelling set_user_name")


def adjacent_strata(base: bytes, ours: bytes, theirs: bytes) -> list[tuple[str, bytes, bool]]:
    at = hunk(base, ours, theirs)
    found = [*adjacent.generate(at), *adjacent.generate_others(at)]
    return [(c.stratum, c.value, c.provable) for c in found]


BASE = b"first = one(1)\nsecond = two(2)\nthird = three(3)\n"
THIRD = b"third = three(3)\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (
            BASE.replace(b"1", b"10"), BASE.replace(b"2", b"20"),
            ("adjacent/lines", b"first = one(10)\nsecond = two(20)\n" + THIRD, True),
        ),
        (
            BASE.replace(b"first = one(1)", b"entirely(different, words)"),
            BASE.replace(b"2", b"20"),
            ("adjacent/pair", b"entirely(different, words)\nsecond = two(20)\n" + THIRD, False),
        ),
        (
            BASE.replace(b"one", b"common"), BASE.replace(b"two", b"common"),
            ("adjacent/replace", b"first = common(1)\nsecond = common(2)\n" + THIRD, False),
        ),
        (
            BASE.replace(b"first = one(1)\n", b""), BASE.replace(b"2", b"20"),
            ("adjacent/delete", b"second = two(20)\n" + THIRD, False),
        ),
        (
            b"zero\n" + BASE, BASE.replace(b"1", b"10"),
            ("adjacent/insert", b"zero\nfirst = one(10)\nsecond = two(2)\n" + THIRD, False),
        ),
    ],
)  # fmt: skip
def test_adjacent_edits(ours: bytes, theirs: bytes, expected: tuple[str, bytes, bool]) -> None:
    assert adjacent_strata(BASE, ours, theirs) == [expected]
    assert adjacent_strata(BASE, theirs, ours) == [expected]


def test_edits_of_one_line_are_not_adjacent() -> None:
    assert adjacent_strata(BASE, BASE.replace(b"2", b"20"), BASE.replace(b"two", b"deux")) == []
    assert adjacent_strata(BASE, b"x\n" + BASE, b"y\n" + BASE) == []
    assert adjacent_strata(BASE, BASE, BASE.replace(b"2", b"20")) == []


def test_weave_refuses_overlap_and_two_insertions() -> None:
    base = [b"a", b"b"]
    assert weave(base, ([b"x"], [(0, 1, 0, 1)]), ([b"y"], [(1, 2, 0, 1)]), (0, 2)) == [b"x", b"y"]
    assert weave(base, ([b"x"], [(0, 2, 0, 1)]), ([b"y"], [(1, 2, 0, 1)]), (0, 2)) is None
    assert weave(base, ([b"x"], [(1, 1, 0, 1)]), ([b"y"], [(1, 1, 0, 1)]), (0, 2)) is None


def test_sides_and_concatenations_say_what_they_drop() -> None:
    by_stratum = {c.stratum: c for c in sides.generate(hunk(b"", b"one\n", b"two"))}
    assert by_stratum["sides/concat/disjoint-insert/theirs-ours"].value == b"two\none\n"
    assert by_stratum["sides/concat/disjoint-insert/ours-theirs"].value == b"one\ntwo"
    assert by_stratum["sides/concat/disjoint-insert/ours-theirs"].drops == ()
    assert by_stratum["sides/ours"].drops == ("all of theirs",)
    assert by_stratum["sides/base"].drops == ("all of ours", "all of theirs")
    over = {c.stratum: c for c in sides.generate(hunk(b"x\n", b"x\none\n", b"two\n"))}
    assert over["sides/concat/over-base/ours-theirs"].drops
    shared = {c.stratum for c in sides.generate(hunk(b"", b"one\nboth\n", b"both\n"))}
    assert "sides/concat/shared-lines/ours-theirs" in shared
