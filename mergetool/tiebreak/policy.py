"""The policy: from a calibrated judgement to what is done with a conflict.

Three thresholds, compared with the *lower* confidence bound of the best candidate's probability.
Settings found in the merged tree (`.tiebreak.toml`) can lower what is done automatically but never
raise it above what the user's own git configuration allows: `Policy.limited_by`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from tiebreak.conflict import Judgement

COMMIT: Final = "commit"  # resolved; when all conflicts of a file are, the merge goes on (exit 0)
APPLY: Final = "apply"  # the result is written, the file stays unmerged for review (exit 1)
SUGGEST: Final = "suggest"  # the conflict stays; candidates are offered
LEAVE: Final = "leave"  # the conflict stays, and nothing is offered

USED: Final = frozenset({APPLY, COMMIT})  # the candidate's text is written
ACTIONS: Final = (LEAVE, SUGGEST, APPLY, COMMIT)  # from the most careful to the least


class Policy(NamedTuple):
    """Thresholds on the lower bound, and the most that may be done at all.

    `most` caps every action; `provable` is what a provable candidate may do at most. `trust` names
    strata (``structure`` is all of ``structure/...``) that may commit without measured precision:
    only a user's own configuration can say so. `ordered` names groups of siblings whose order is to
    be kept though their language says that it has no meaning: ``members``, ``java.sets``.
    """

    commit: float = 0.98
    apply: float = 0.95
    most: str = COMMIT
    provable: str = COMMIT
    trust: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()

    def trusts(self, stratum: str) -> bool:
        """Whether the user trusts a stratum whatever was measured."""
        return self.favour(stratum) > 0

    def favour(self, stratum: str) -> int:
        """How high a trusted stratum ranks: what is named first is preferred; 0 is not trusted."""
        for place, trusted in enumerate(self.trust):
            if f"{stratum}/".startswith(f"{trusted}/"):
                return len(self.trust) - place
        return 0

    def action(self, judgement: Judgement, *, trusted: bool = False) -> str:
        """What to do with a conflict whose best candidate has this judgement."""
        earned = COMMIT if trusted else SUGGEST
        if judgement.lower >= self.apply:
            earned = max(earned, APPLY, key=ACTIONS.index)
        if judgement.lower >= self.commit:
            earned = COMMIT
        if judgement.provable:
            earned = max(earned, self.provable, key=ACTIONS.index)
        return min(earned, self.most, key=ACTIONS.index)

    def limited_by(self, other: Policy) -> Policy:
        """The more careful of two policies, setting by setting. Symmetric."""
        return Policy(
            commit=max(self.commit, other.commit),
            apply=max(self.apply, other.apply),
            most=min(self.most, other.most, key=ACTIONS.index),
            provable=min(self.provable, other.provable, key=ACTIONS.index),
            trust=tuple(
                dict.fromkeys(
                    [
                        *(stratum for stratum in self.trust if other.trusts(stratum)),
                        *(stratum for stratum in other.trust if self.trusts(stratum)),
                    ]
                )
            ),
            ordered=tuple(sorted({*self.ordered, *other.ordered})),
        )
