"""Models that are named as on the Hugging Face Hub, where they lie in its local cache.

Nothing is downloaded. The cache's layout is that of huggingface_hub: a folder
``models--ORG--REPO`` with ``refs/REVISION``, which names a commit, and ``snapshots/COMMIT``.
"""

from __future__ import annotations

import os
import re
from typing import Final

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown

_NAME: Final = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_MAIN: Final = "main"


def is_hub_name(name: str) -> bool:
    """Whether it could be ``ORG/REPO`` or ``ORG/REPO@REVISION``."""
    return _NAME.fullmatch(name) is not None and not name.startswith((".", "/"))


def cached(name: str) -> str:
    """The folder of the model in the cache. Raises `InputError` when it is not there."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(f"{shown(name)}: expected ORG/REPO")
    repository, revision = match[1], match[2] or _MAIN
    folder = os.path.join(_cache(), "models--" + repository.replace("/", "--"))
    commit = revision
    reference = os.path.join(folder, "refs", revision)
    if os.path.isfile(reference):
        with open(reference, encoding="utf-8") as file:
            commit = file.read().strip()
    found = os.path.join(folder, "snapshots", commit)
    if os.path.isdir(found):
        return found
    wanted = "" if revision == _MAIN else f" --revision {revision}"
    raise InputError(
        f"{shown(name)}: no such folder, and not in the cache {shown(_cache(), 400)}; "
        f"get it with: hf download {repository}{wanted}"
    )


def _cache() -> str:
    """Where huggingface_hub keeps models (its environment variables)."""
    set_ = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if set_:
        return set_
    home = os.environ.get("HF_HOME")
    if not home:
        around = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
        home = os.path.join(around, "huggingface")
    return os.path.expanduser(os.path.join(home, "hub"))
