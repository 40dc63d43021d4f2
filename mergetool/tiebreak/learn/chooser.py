"""The chooser: a small network over what is counted of candidates, that sees all of a hunk at once.

    candidate   its features, standardised, and its stratum -> two dense layers
    hunk        all candidates and NONE, as a set -> layers of attention -> one score each

The trees judge candidates one by one and are trained to tell right from wrong; this one is trained
to choose, listwise (Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach",
ICML 2007), with attention over the set as in SetRank (Pang et al., SIGIR 2020). It errs elsewhere
than they do, so together they err less. No text is read: it is trained in a minute or two on a CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tiebreak.learn import boosting
from tiebreak.learn.batches import slots_of, table_of
from tiebreak.learn.fit import BLIND, DECAY, descend, groups, listwise, schedule
from tiebreak.learn.network import Block, compared
from tiebreak.ranker import past

if TYPE_CHECKING:
    from tiebreak.learn.packed import Packed

WIDTH: Final = 64
HEADS: Final = 4
LAYERS: Final = 2
DROPOUT: Final = 0.3
RATE: Final = 2e-3
PASSES: Final = 10
BATCH: Final = 128  # hunks
FAR: Final = 5.0  # standard deviations; what is further off counts as that far


class Chooser(nn.Module):
    """See the module's text."""

    middle: Tensor
    spread: Tensor

    def __init__(self, middle: Tensor, spread: Tensor, strata: int) -> None:
        """Untrained, for features with these means and standard deviations."""
        super().__init__()
        self.register_buffer("middle", middle)
        self.register_buffer("spread", spread)
        self.feature = nn.Sequential(
            nn.Linear(len(middle), WIDTH), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, WIDTH)
        )
        self.stratum = nn.Embedding(strata, WIDTH)
        nn.init.normal_(self.stratum.weight, std=0.02)
        self.none = nn.Parameter(torch.zeros(WIDTH))
        self.drop = nn.Dropout(DROPOUT)
        self.compare = nn.ModuleList(Block(WIDTH, HEADS, DROPOUT) for _ in range(LAYERS))
        self.last = nn.LayerNorm(WIDTH)
        self.score = nn.Linear(WIDTH, 1)

    def choose(self, features: Tensor, strata: Tensor, present: Tensor) -> Tensor:
        """Scores (hunks, 1 + candidates), NONE first, of (hunks, candidates, ...) inputs."""
        standard = ((features - self.middle) / self.spread).clamp(-FAR, FAR)
        own = self.drop(self.feature(standard) + self.stratum(strata))
        return compared(self, own, present)

    def forward(self, features: Tensor, strata: Tensor) -> Tensor:
        """The scores of one hunk: (candidates, features), (candidates,)."""
        present = torch.ones_like(strata, dtype=torch.bool)
        return self.choose(*(one.unsqueeze(0) for one in (features, strata, present)))[0]


class Hunks(NamedTuple):
    """Packed rows as tables, one row a hunk and a place for each candidate."""

    features: Tensor
    strata: Tensor
    present: Tensor
    right: Tensor

    @classmethod
    def of(cls, data: Packed) -> Hunks:
        """Put each candidate into its place."""
        slots = slots_of(data.counts.tolist())

        def table(rows: Any, kind: Any) -> Tensor:
            return table_of(torch.from_numpy(rows.astype(kind)), slots, len(data.counts))

        return cls(
            table(data.features, np.float32),
            table(data.kinds, np.int64),
            table(np.ones_like(data.right), bool),
            table(data.right, bool),
        )

    def some(self, numbers: Any) -> Hunks:
        """Those hunks."""
        wanted = torch.from_numpy(numbers)
        return Hunks(*(one[wanted] for one in self))


def fit(data: Packed, seed: int = 0) -> Chooser:
    """Train on all of `data`; of some hunks, others in each pass, no history is known."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    hunks, every = Hunks.of(data), data.features.astype(np.float32)
    spread = every.std(0)
    spread[spread == 0] = 1
    middle = torch.from_numpy(every.mean(0))
    chooser = Chooser(middle, torch.from_numpy(spread), len(data.strata))
    hidden = torch.zeros(len(data.names), dtype=torch.bool)
    hidden[past.columns(data.names)] = True
    optimizer = torch.optim.AdamW(groups(chooser), lr=RATE, weight_decay=DECAY)
    batches = max(1, len(data.counts) // BATCH)
    for number in range(PASSES * batches):
        if number % batches == 0:
            order = np.array_split(random.permutation(len(data.counts)), batches)
        for group in optimizer.param_groups:
            group["lr"] = RATE * schedule((number + 1) / (PASSES * batches + 1))
        some = hunks.some(order[number % batches])
        blind = torch.from_numpy(random.random(len(some.right)) < BLIND)[:, None, None]
        features = some.features.masked_fill(blind & hidden, past.UNKNOWN)
        scores = chooser.choose(features, some.strata, some.present)
        descend(optimizer, chooser, listwise(scores, some.right))
    chooser.eval()
    return chooser


@torch.no_grad()
def chances(chooser: Chooser, data: Packed) -> Any:
    """The chance of every candidate to be the one that people chose."""
    hunks = Hunks.of(data)
    scores = chooser.choose(hunks.features, hunks.strata, hunks.present)
    return scores.softmax(-1)[:, 1:][hunks.present].double().numpy()


def out_of_fold(data: Packed) -> Any:
    """Chances of every candidate from choosers that saw other folds only."""
    every = np.zeros(len(data.right))
    for held in boosting.folds(data):
        every[data.rows_of(held)] = chances(fit(data.where(~held)), data.where(held))
    return every
