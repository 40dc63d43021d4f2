"""Languages as data, and the one door to syntax trees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiebreak.text import language_table, parse
from tiebreak.text.language import Language, from_data, language_for
from tiebreak.text.languages import __main__ as languages

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = Path(__file__).parent / "cases"
LEAST = 5  # cases of a language

ALL = [from_data(name, data) for name, data in language_table.LANGUAGES.items()]

SOURCES = {
    "python": b"def f(:\n  pass\n",
    "java": b"class X { void f( {} }\n",
    "javascript": b"function f( {}\n",
    "typescript": b"interface I { a: ; \n",
    "tsx": b"const a = <a><b></a>;\n",
    "csharp": b"class X { void F( {} }\n",
    "go": b"package a\nfunc f( {}\n",
    "rust": b"fn f( {}\n",
    "c": b"int f( {}\n",
    "cpp": b"class X { int f( {} \n",
    "json": b'{"a": }\n',
    "yaml": b"a: [1, 2\nb: }\n",
    "toml": b"a = = 1\n",
}


def test_the_table_is_what_the_files_say() -> None:
    assert languages.TABLE.read_text("utf-8") == languages.render()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/app.py", "python"),
        ("a b/x.pyi", "python"),
        ("X.JAVA", "java"),
        ("lib/index.d.ts", "typescript"),
        ("a.test.tsx", "tsx"),
        ("main.c", "c"),
        ("main.C", "cpp"),
        ("Cargo.lock", "toml"),
        ("dir.py/README", None),
        (".py", None),
        ("Makefile", "make"),
        ("src/CMakeLists.txt", "cmake"),
        ("pyproject.toml", "pyproject"),
        ("LICENSE", None),
        ("", None),
    ],
)
def test_language_for(path: str, name: str | None) -> None:
    found = language_for(path)
    assert (found.name if found else None) == name


def test_language_for_imports_no_parser_and_no_toml() -> None:
    code = (
        "import sys; from tiebreak.text.language import language_for; language_for('a.py');"
        "print({'tree_sitter', 'tomllib', 'dataclasses', 'json', 'pathlib'} & set(sys.modules))"
    )
    path = [str(languages.HERE.parents[2]), *sys.path]
    ran = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path = {path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "set()"


def test_an_unknown_field_of_a_language_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        from_data("x", {"grammar": "x", "colour": "red"})


@pytest.mark.parametrize("name", SOURCES)
def test_every_grammar_counts_errors(name: str) -> None:
    (language,) = (language for language in ALL if language.name == name)
    broken = parse.parse(language, SOURCES[name])
    assert broken is not None
    assert parse.error_count(broken) > 0


@pytest.mark.parametrize("language", ALL, ids=lambda language: language.name)
def test_every_language_has_cases_that_parse(language: Language) -> None:
    cases = sorted(path for path in (CASES / language.name).iterdir() if path.is_dir())
    assert len(cases) >= LEAST
    for case in cases:
        (base,) = case.glob("base.*")
        tree = parse.parse(language, base.read_bytes())
        assert tree is not None
        assert parse.error_count(tree) == 0 or case.name == "imports-comments-stay-attached"


def _kinds(language: Language) -> Iterator[str]:
    yield from language.comments + language.wrappers
    yield from language.imports.statements + language.imports.first
    for rule in language.commutative:
        yield from (rule.parent, *rule.items)
    for keyed in language.keyed:
        yield from keyed.parents + keyed.entries + tuple(_in_path(keyed.key))
    for definition in language.definitions:
        yield from definition.nodes + definition.within + definition.qualifiers
        yield from _in_path(definition.name + definition.signature)


def _in_path(path: tuple[str, ...]) -> Iterator[str]:
    yield from (step[1:].rstrip("*?+") for step in path if step[0] == ":")


@pytest.mark.parametrize("language", ALL, ids=lambda language: language.name)
def test_every_node_kind_in_the_data_exists_in_the_grammar(language: Language) -> None:
    grammar = parse.grammar_for(language)
    assert grammar is not None
    known = {grammar.node_kind_for_id(i) for i in range(grammar.node_kind_count)}
    assert set(_kinds(language)) - known == set()


def test_without_the_grammar_there_is_no_tree() -> None:
    assert parse.parse(Language("x", "no-such-grammar"), b"a") is None


def test_without_tree_sitter_there_is_no_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    monkeypatch.setattr(parse, "_grammars", {})
    assert parse.parse(Language("python", "python"), b"a") is None


def test_a_very_large_source_is_not_parsed() -> None:
    assert parse.parse(ALL[0], b" " * (parse.LARGEST + 1)) is None


def test_a_deep_tree_is_counted() -> None:
    language = language_for("a.json")
    assert language is not None
    tree = parse.parse(language, b"[" * 20_000 + b"}" + b"]" * 20_000)
    assert tree is not None
    assert parse.error_count(tree) > 0


def test_parsing_again_from_an_old_tree_gives_the_same_tree() -> None:
    language = language_for("a.py")
    assert language is not None
    before = b"\n\n# x\nimport a\n\ndef f():\n    return [1, 2]\n\n\nclass B:\n    x = 1\n"
    after = before.replace(b"[1, 2]", b"{\n 1: '\xc3\xa9'}").replace(b"class B", b"class A(B")
    old = parse.parse(language, before)
    fresh = parse.parse(language, after)
    assert old is not None
    assert fresh is not None
    again = parse.parse(language, after, old, before)
    assert again is not None
    assert str(again.root_node) == str(fresh.root_node)
    assert old.root_node.has_changes is False


def test_two_languages_cannot_claim_one_extension(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text('grammar = "c"\nextensions = [".c"]\n')
    with pytest.raises(ValueError, match=r"b and a both claim \.c"):
        languages.render(tmp_path)
