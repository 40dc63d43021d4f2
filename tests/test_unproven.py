"""What must not pass for proof: inputs that look like a safe merge and are none.

Every case was resolved once, and lost or broke something.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tiebreak.text.file import merge_text

ABOVE, BELOW = "aa{0}\nab{0}\nac{0}\nad{0}\n", "za{0}\nzb{0}\nzc{0}\n"  # a list that is sorted


class Case(NamedTuple):
    """A file's three versions."""

    path: str
    base: str
    ours: str
    theirs: str


def _among(case: Case, form: str) -> Case:
    """The three texts in the middle of a sorted list of entries."""
    above, below = ABOVE.format(form), BELOW.format(form)
    return Case(case.path, *(above + text + below for text in case[1:]))


NESTED = "k:\n  aa: 1\n  ab: 1\n  ac: 1\n  ad: 1\n  ae: 1\n  af: 1\n"
IMPORT = "import aa\nimport ab\nimport ac\nimport ad\n", "import za\nimport zb\nimport zc\n"
USES = "print(foo)\n"

LEFT = {
    # blanks that are content
    "heredoc": Case("a.sh", "echo <<E\na  b\nE\n", "echo <<E\na b\nE\n", "echo <<E\na  c\nE\n"),
    "markdown line break": Case("a.md", "a\nb\n", "a  \nb\n", "a\nc\n"),
    "csv": Case("a.csv", "a b,c\n", "a  b,c\n", "a b,d\n"),
    "yaml scalar": Case("a.yaml", "a: p  q\n", "a: p q\n", "a: p  r\n"),
    "yaml block": Case("a.yaml", "a: |\n  p  q\n", "a: |\n  p q\n", "a: |\n  p  r\n"),
    "quotes elsewhere": Case(
        "a.py", 'x = """\n\na  b\n\n"""\n', 'x = """\n\na b\n\n"""\n', 'x = """\n\na  c\n\n"""\n'
    ),
    "macro with parameters": Case(
        "a.c", "#define F(x) x\n", "#define F (x) x\n", "#define F(x) x+1\n"
    ),
    "return on a line of its own": Case(
        "a.js",
        "function f() {\n  return x\n}\n",
        "function f() {\n  return\n  x\n}\n",
        "function f() {\n  return x + 1\n}\n",
    ),
    "jsx text": Case("a.tsx", "x = <b>a b </b>;\n", "x = <b>a b</b>;\n", "x = <b>a c </b>;\n"),
    # a new line after a block that the other side moved
    "inside or outside": Case(
        "a.py", "if a:\n    b\nc\n", "if a:\n    b\n    c\n", "if a:\n    b\nc\nd\n"
    ),
    # the same words, elsewhere
    "replaced elsewhere": Case("a.txt", "x = a\ny = a\n", "x = b\ny = a\n", "x = a\ny = b + c\n"),
    "replaced by more": Case("a.yaml", "nu: psi omi\n", "lam: psi omi\n", "psi:\n  lam: 1\n"),
    "removed elsewhere": Case("a.txt", "x not a\ny not a\n", "x a\ny not a\n", "x not a\ny b\n"),
    # entries that are not independent
    "renamed twice": _among(Case("a.yaml", "k: 1\n", "l: 1\n", "m: 1\n"), ": 1"),
    "another mapping": Case("a.yaml", NESTED, NESTED + "c:\n  z: 1\n", NESTED + "  y: 2\n"),
    "anchor": Case(
        "a.yaml", "a: &x 1\nb: 1\nc: *x\n", "a: &x 2\nb: 1\nc: *x\n", "a: &x 1\nb: &x 3\nc: *x\n"
    ),
    "dotted key": _among(Case("a.toml", "", "b.c = 1\n", "b = {d = 1}\n"), " = 1"),
    "a table below one that is gone": Case(
        "a.toml",
        'c = "r"\n\n[x]\na = "p"\nb = "q"\n',
        'b = 10\nc = "r"\n',
        'c = "r"\n\n[x]\na = "p"\nb = "q"\n\n[x.y]\nd = 1\n',
    ),
    "nothing left": Case("a.yaml", "k:\n  a: 1\n  b: 1\n", "k:\n  a: 1\n", "k:\n  b: 1\n"),
    # imports whose order has a meaning
    "star": Case(
        "a.py",
        "".join(IMPORT) + USES,
        IMPORT[0] + "from m import *\n" + IMPORT[1] + USES,
        IMPORT[0] + "from n import *\n" + IMPORT[1] + USES,
    ),
    "bound elsewhere": Case(
        "a.py",
        "".join(IMPORT) + USES + "\nimport x\n",
        IMPORT[0] + "from m import foo\n" + IMPORT[1] + USES + "\nimport x\n",
        IMPORT[0] + "import print\n" + IMPORT[1] + USES + "\nfrom n import foo\nimport x\n",
    ),
    # lines that share a name of one letter
    "loop variable": Case(
        "a.py",
        "for i in range(size):\n    total += val[i]\n    count = count + 1\n",
        "for j in range(size):\n    total += val[j]\n    count = count + 1\n",
        "for i in range(size):\n    total += val[i]\n    count = count + i\n",
    ),
}


@pytest.mark.parametrize("case", LEFT.values(), ids=LEFT.keys())
def test_stays_in_conflict(case: Case) -> None:
    base, ours, theirs = (text.encode() for text in case[1:])
    for one, other in ((ours, theirs), (theirs, ours)):
        merged = merge_text(case.path, base, one, other)
        assert (merged.unmerged, merged.resolved) == (True, 0)


def test_a_namespace_import_says_its_name() -> None:
    base = "".join(f'import {{ a{i} }} from "a{i}";\n' for i in range(6)) + "\nx(b, c);\n"
    named = 'import { b } from "b";\n\nx'
    spaced = 'import * as c from "c";\n\nx'
    texts = (base, base.replace("\nx", named), base.replace("\nx", spaced))
    merged = merge_text("a.ts", *(text.encode() for text in texts))
    assert merged.text.decode() == base.replace("\nx", named.replace("\n\nx", "\n") + spaced)


@pytest.mark.parametrize("form", ["lines", "marks"])
def test_yaml_too_deep_for_its_grammar_is_left(form: str) -> None:
    """The grammar's scanner would take the whole process down."""
    rows = [b" " * depth + b"k:\n" for depth in range(300)]
    above = b"".join(rows) if form == "lines" else b"- " * 300 + b"k:\n"
    base, ours, theirs = (above + b" " * 600 + value for value in (b"1\n", b"2\n", b"3\n"))
    assert merge_text("a.yaml", base, ours, theirs).unmerged
