"""Languages that a repository brings along: ``.tiebreak/languages/<name>.toml``.

A file there has the fields of the shipped ones (`tiebreak.text.language`), ``like`` included. It
comes with the tree that is being merged, so it must not raise what is done automatically: what it
proposes is only suggested, unless the user's own configuration says otherwise
(``tiebreak.languages = repository``).
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from tiebreak.errors import InputError
from tiebreak.text.language import claims, from_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tiebreak.text.language import Language

FOLDER: Final = ".tiebreak/languages"
LARGEST: Final = 64 * 1024  # bytes of a file
MOST: Final = 100  # files
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}$")


class LanguageError(InputError):
    """A language file that cannot be read. The message names it."""


def read_folder(top: str) -> tuple[Language, ...]:
    """The languages in a work tree; none where there is no such folder."""
    folder = os.path.join(top, FOLDER)
    if not os.path.isdir(folder):
        return ()
    names = sorted(
        name
        for name in os.listdir(folder)
        if name.endswith(".toml") and os.path.isfile(os.path.join(folder, name))
    )
    return read_languages((name, _read(os.path.join(folder, name))) for name in names[:MOST])


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise LanguageError(f"{path}: cannot be read: {error.strerror}") from error


def read_languages(files: Iterable[tuple[str, bytes]]) -> tuple[Language, ...]:
    """Languages from the names and contents of their files."""
    return tuple(_language(name, content) for name, content in files)


def _language(file_name: str, content: bytes) -> Language:
    import tomllib

    name = file_name.rpartition("/")[2].removesuffix(".toml")
    where = f"{FOLDER}/{name}.toml"
    if not _NAME.match(name) or len(content) > LARGEST:
        raise LanguageError(f"{where}: expected a name in small letters, and at most 64 KiB")
    try:
        data = tomllib.loads(content.decode("utf-8"))
        return from_data(name, _complete(data))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError, ValueError, KeyError) as error:
        raise LanguageError(f"{where}: {error}") from error


def _complete(data: Mapping[str, object]) -> Mapping[str, object]:
    """The data with what it is ``like``, as in the shipped files."""
    from tiebreak.text.language_table import LANGUAGES

    own = dict(data)
    model = own.pop("like", None)
    if model is None:
        return own
    if model not in LANGUAGES:
        raise ValueError(f"like: {model!r} is no shipped language")
    return {**LANGUAGES[str(model)], "extensions": [], "file_names": [], **own}


def language_among(languages: Sequence[Language], path: str) -> Language | None:
    """The first of these languages that claims a file."""
    return next((language for language in languages if claims(language, path)), None)
