"""A hunk as numbers: bounded, the same for both sides when they change places."""

from __future__ import annotations

from tiebreak.lineage import Branch, Lineage, Past
from tiebreak.ranker.encoding import LONGEST, TOKENS, Case, encode
from tiebreak.ranker.features import Setting, Texts, names, swap_order
from tiebreak.ranker.hands import MOST, Offer, hold, swapped_stratum


def _pieces(word: bytes) -> list[int]:
    return [2 + byte for byte in word[:3]]


def _case(texts: Texts, values: list[bytes]) -> Case:
    held = hold([Offer(value, "sides/ours", provable=False, drops=0) for value in values])
    setting = Setting(1, 2, 3, code=True)
    return Case(texts, b"before\n", b"after\n", setting, [one.hand for one in held])


def test_one_sequence_and_all_features_for_each_candidate() -> None:
    encoded = encode(_case(Texts(b"a\n", b"b\n", b"c\n"), [b"b\n", b"c\n", b"b\nc\n"]), _pieces)
    assert encoded is not None
    assert len(encoded.sequences) == 3
    for sequence in encoded.sequences:
        assert len(sequence.features) == len(names())
        lengths = {len(sequence.pieces), len(sequence.codes), len(sequence.words)}
        assert lengths == {len(sequence.seams)} == {len(sequence.columns)}


def test_features_of_swapped_sides_are_the_same_features_in_the_order_of_partners() -> None:
    texts = Texts(b"x = 1\n", b"x = 2\n", b"yy = 1\n")
    values = [b"yy = 2\n", texts.ours, texts.theirs]
    ours = Branch(2, 1, 1700000000, (b"first = 1\nyy = 1\n",), had_other=True)
    theirs = Branch(5, 3, 1700009999, (b"x = 3\n",), had_other=False)
    past = Lineage(ours, theirs).past(*texts)
    assert past.theirs.stale
    one = encode(_case(texts, values)._replace(past=past), _pieces)
    turned = _case(Texts(texts.base, texts.theirs, texts.ours), values)
    turned = turned._replace(setting=Setting(1, 3, 2, code=True), past=Past(past.theirs, past.ours))
    other = encode(turned, _pieces)
    assert one is not None
    assert other is not None
    order = swap_order(names())
    assert sorted(order) == list(range(len(order)))
    for mine, theirs in zip(one.sequences, other.sequences, strict=True):
        assert [mine.features[index] for index in order] == theirs.features


def test_long_hunks_are_cut_and_huge_ones_not_judged() -> None:
    long = b"".join(b"word%d(a, b);\n" % i for i in range(60))
    texts = Texts(b"", long, b"other\n")
    encoded = encode(_case(texts, [long]), _pieces)
    assert encoded is not None
    assert len(encoded.sequences[0].pieces) == LONGEST
    assert encode(_case(Texts(b"", b"w\n" * TOKENS, b""), [b""]), _pieces) is None


def test_what_all_share_is_cut_to_what_is_near_an_edit() -> None:
    shared = b"".join(b"line %d\n" % i for i in range(40))
    texts = Texts(shared + b"a\n", shared + b"b\n", shared + b"c\n")
    encoded = encode(_case(texts, [texts.ours]), _pieces)
    assert encoded is not None
    assert len(encoded.sequences[0].pieces) < 60


def test_candidates_that_differ_in_blanks_are_one_hand() -> None:
    offers = [Offer(value, "s", provable=False, drops=0) for value in (b"a b\n", b"ab\n", b"c\n")]
    held = hold(offers)
    assert [one.members for one in held] == [(0, 1), (2,)]
    assert held[0].hand.proposals == 2
    many = [Offer(b"%d\n" % i, "s", provable=False, drops=0) for i in range(40)]
    assert len(hold(many)) == MOST


def test_what_is_provable_comes_first() -> None:
    offers = [
        Offer(b"a\n", "sides/ours", provable=False, drops=0),
        Offer(b"b\n", "x", provable=True, drops=0),
    ]
    assert hold(offers)[0].hand.value == b"b\n"


def test_strata_change_sides_too() -> None:
    assert swapped_stratum("tokens/filled/ours/edits") == "tokens/filled/theirs/edits"
    assert swapped_stratum("sides/concat/over-base/ours-theirs").endswith("theirs-ours")
