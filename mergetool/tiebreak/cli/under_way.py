"""What git is in the middle of, by the files that it keeps for it in its directory."""

from __future__ import annotations

import os
from typing import Final

_UNDER_WAY: Final = (
    ("rebase-merge", "git rebase --continue"),
    ("rebase-apply/applying", "git am --continue"),
    ("rebase-apply", "git rebase --continue"),
    ("CHERRY_PICK_HEAD", "git cherry-pick --continue"),
    ("REVERT_HEAD", "git revert --continue"),
    ("MERGE_HEAD", "git merge --continue"),
)


def how_to_end(git_dir: str) -> str:
    """The command that goes on with what is under way (git-status(1) tells it the same way)."""
    for name, ending in _UNDER_WAY:
        if os.path.exists(os.path.join(git_dir, name)):
            return ending
    return ""
