"""The three tokenisations: nothing is lost, whatever the bytes; words are cut as they should be."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tiebreak.text.language import language_for
from tiebreak.text.lexer import (
    CODE,
    PIECES,
    SPACE,
    TOKENISATIONS,
    key,
    tokenise,
    tokenise_leaves,
)
from tiebreak.text.parse import parse

FRAGMENTS = [
    b"getUserName", b"snake_case", b"x1", b"0x1F", b"1.5e3", b'"a b"', b"'c", b"`t\n`", b"// d e",
    b"/* f\n g */", b"# h", b'"""doc\nstring"""', b"\\", b'"', b"/*", b"*/", b" ", b"\t", b"\n",
    b"\r\n", b"\r", b"\xc3\xa9t\xc3\xa9", b"\xff\xfe", b"\x00", b"->", b"::", b"&'a ", b"{", b"}",
]  # fmt: skip
texts = st.one_of(st.binary(max_size=80), st.lists(st.sampled_from(FRAGMENTS)).map(b"".join))


@pytest.mark.parametrize("how", TOKENISATIONS)
@given(text=texts)
@example(text=b'\\"' * 2000 + b'"')
@example(text=b"\n" * 1000 + b"/*" * 1000)
def test_tokens_join_back_to_the_text(how: str, text: bytes) -> None:
    tokens = tokenise(text, how)
    assert b"".join(tokens) == text
    assert all(tokens)


@pytest.mark.parametrize("path", ["a.py", "a.rs", "a.ts", "a.c", "a.yaml"])
@given(text=texts, cuts=st.tuples(st.integers(0, 60), st.integers(0, 60)))
def test_leaves_of_any_span_join_back(path: str, text: bytes, cuts: tuple[int, int]) -> None:
    language = language_for(path)
    assert language is not None
    tree = parse(language, text)
    assert tree is not None
    start, end = (min(cut, len(text)) for cut in sorted(cuts))
    for how in TOKENISATIONS:
        tokens = tokenise_leaves(tree, text, (start, end), how)
        assert b"".join(tokens) == text[start:end]
        assert all(tokens)


def test_blanks_are_tokens() -> None:
    tokens = tokenise(b"\tif (a  == b)\r\n\n  x++;\r", SPACE)
    assert tokens == [
        b"\t", b"if", b" ", b"(", b"a", b"  ", b"==", b" ", b"b", b")", b"\r\n",
        b"\n", b"  ", b"x", b"++", b";", b"\r",
    ]  # fmt: skip


def test_code_tokens_carry_their_blanks_and_compare_without() -> None:
    tokens = tokenise(b"  a = b;  \r\n\n\tc\n\n", CODE)
    assert tokens == [b"  a ", b"= ", b"b", b";  \r\n", b"\n\tc\n", b"\n"]
    assert [key(token, CODE) for token in tokens] == [b"a", b"=", b"b", b";", b"c", b""]


@given(text=texts)
def test_code_keys_do_not_see_layout(text: bytes) -> None:
    def keys(data: bytes) -> list[bytes]:
        return [k for token in tokenise(data, CODE) if (k := key(token, CODE))]

    lines = text.split(b"\n")
    assert keys(b"\n".join(b"    " + line for line in lines)) == keys(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"getUserName", [b"get", b"User", b"Name"]),
        (b"snake_case2", [b"snake", b"_", b"case", b"2"]),
        (b"parseHTTPHeader", [b"parse", b"HTTP", b"Header"]),
        (b'"two words"', [b'"', b"two", b" ", b"words", b'"']),
        ("größeÄndern".encode(), ["größeÄndern".encode()]),
    ],
)
def test_pieces_are_words(text: bytes, words: list[bytes]) -> None:
    assert tokenise(text, PIECES) == words


@pytest.mark.parametrize(
    "name", ["größe".encode(), "größe".encode("latin-1"), b"\xff\xfe\x80", "名前".encode()]
)
def test_names_of_any_encoding_stay_whole(name: bytes) -> None:
    assert tokenise(b"a." + name + b"()", SPACE) == [b"a", b".", name, b"(", b")"]


def test_strings_and_comments_are_split_at_blanks_only() -> None:
    assert tokenise(b'x = "a.b, c" // d.e (f)', CODE) == [
        b"x ", b"= ", b'"a.b, ', b'c" ', b"// ", b"d.e ", b"(f)",
    ]  # fmt: skip


def test_a_tree_knows_strings_of_several_lines() -> None:
    source = b'x = """one, two\nthree(four)"""\n'
    language = language_for("a.py")
    assert language is not None
    tree = parse(language, source)
    assert tree is not None
    whole = tokenise_leaves(tree, source, (0, len(source)), CODE)
    assert whole == [b"x ", b"= ", b'"""one, ', b"two\n", b'three(four)"""\n']
    second_line = tokenise_leaves(tree, source, (16, len(source)), CODE)
    assert second_line == [b'three(four)"""\n']
    assert b"(" in b"".join(tokenise(source[16:], CODE)[1:2])
