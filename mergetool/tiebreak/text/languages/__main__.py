"""Write `tiebreak/text/language_table.py` from the TOML files of this folder.

A file may say ``like = "typescript"``: it starts from that language and replaces whole fields.
"""

from __future__ import annotations

import pprint
import tomllib
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
TABLE: Final = HERE.parent / "language_table.py"

Data = dict[str, object]

OPENING: Final = '''"""The shipped languages as literals, for `tiebreak.text.language`.

Generated: edit the TOML files and run ``python -m tiebreak.text.languages``.
"""

# fmt: off
# ruff: noqa: Q000
from __future__ import annotations

from typing import Any, Final

'''


def render(folder: Path = HERE) -> str:
    """The table's source text, from the language files of a folder."""
    languages = read(folder)
    parts = [
        ("EXTENSIONS", "dict[str, str]", _by(languages, "extensions")),
        ("FILE_NAMES", "dict[str, str]", _by(languages, "file_names")),
        ("LANGUAGES", "dict[str, dict[str, Any]]", languages),
    ]
    body = [f"{name}: Final[{kind}] = {_literal(value)}\n" for name, kind, value in parts]
    return OPENING + "\n".join(body)


def _literal(value: object) -> str:
    return pprint.pformat(value, width=100, compact=True)


def read(folder: Path) -> dict[str, Data]:
    """Every language file of a folder by its name, ``like`` applied."""
    paths = sorted(folder.glob("*.toml"))
    raw = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in paths}
    return {name: _complete(name, raw) for name in raw}


def _complete(name: str, raw: dict[str, Data]) -> Data:
    data = dict(raw[name])
    model = data.pop("like", None)
    return {**_complete(str(model), raw), "file_names": [], **data} if model else data


def _by(languages: dict[str, Data], field: str) -> dict[str, str]:
    """Which language claims an extension or a file name; two claims are an error."""
    claims: dict[str, str] = {}
    for name, data in languages.items():
        listed = data.get(field, [])
        for entry in listed if isinstance(listed, list) else []:
            if entry in claims:
                raise ValueError(f"{name} and {claims[entry]} both claim {entry}")
            claims[entry] = name
    return dict(sorted(claims.items()))


if __name__ == "__main__":
    TABLE.write_text(render(), encoding="utf-8")
