"""The ranker: one encoder reads a candidate beside the three versions, one compares candidates.

    sequence    pieces + codes + word numbers + seams + places -> encoder -> mean of its states
    candidate   that mean + its features + its stratum
    hunk        all candidates and NONE, as a set -> a few layers -> one score each

A softmax over the scores is the chance that people chose each candidate, or none of them. Beside
it, each piece's state says whether the people kept its column (a dense label, for training only).

The shape follows listwise rankers over sets (Pang et al., "SetRank", SIGIR 2020); the input is ours
(`tiebreak.ranker.columns`).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiebreak.ranker.columns import CODES
from tiebreak.ranker.encoding import LONGEST, WORDS


class Shape(NamedTuple):
    """The sizes of a network."""

    pieces: int
    features: int
    strata: int
    width: int = 256
    heads: int = 4
    layers: int = 6
    set_layers: int = 2
    dropout: float = 0.1


class Block(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        """Of so many features for each place, and so many heads of attention."""
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.after = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`x` is (batch, length, width); `mask` (batch, 1, 1, length), 0 or minus infinity."""
        batch, length, width = x.shape
        mixed = self.mix(self.before(x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = mixed.permute(2, 0, 3, 1, 4).unbind(0)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + self.drop(self.out(seen.transpose(1, 2).reshape(batch, length, width)))
        return x + self.drop(self.down(functional.gelu(self.up(self.after(x)))))


class Ranker(nn.Module):
    """See the module's text."""

    def __init__(self, shape: Shape) -> None:
        """Untrained."""
        super().__init__()
        width = shape.width
        self.shape = shape
        self.piece = nn.Embedding(shape.pieces, width)
        self.code = nn.Embedding(CODES, width)
        self.word = nn.Embedding(WORDS + 1, width)
        self.seam = nn.Embedding(2, width)
        self.place = nn.Embedding(LONGEST, width)
        self.blocks = nn.ModuleList(
            Block(width, shape.heads, shape.dropout) for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.keeps = nn.Linear(width, 1)
        self.stratum = nn.Embedding(shape.strata, width)
        self.feature_norm = nn.BatchNorm1d(shape.features)
        self.feature = nn.Sequential(
            nn.Linear(shape.features, width), nn.GELU(), nn.Linear(width, width)
        )
        self.none = nn.Parameter(torch.zeros(width))
        self.compare = nn.ModuleList(
            Block(width, shape.heads, shape.dropout) for _ in range(shape.set_layers)
        )
        self.last = nn.LayerNorm(width)
        self.score = nn.Linear(width, 1)
        self.drop = nn.Dropout(shape.dropout)
        for table in (self.piece, self.code, self.word, self.seam, self.place, self.stratum):
            nn.init.normal_(table.weight, std=0.02)

    def encode(
        self, pieces: Tensor, codes: Tensor, words: Tensor, seams: Tensor, real: Tensor
    ) -> tuple[Tensor, Tensor]:
        """States (n, length, width) of sequences (n, length) and their means (n, width)."""
        places = torch.arange(pieces.shape[1], device=pieces.device)
        x = self.piece(pieces) + self.code(codes) + self.word(words) + self.seam(seams)
        x = self.drop(x + self.place(places))
        mask = _mask(real, x.dtype)
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        weight = real.to(x.dtype).unsqueeze(-1)
        return x, (x * weight).sum(1) / weight.sum(1).clamp(min=1)

    def rank(self, means: Tensor, features: Tensor, strata: Tensor, present: Tensor) -> Tensor:
        """Scores (hunks, 1 + candidates), NONE first, of (hunks, candidates, ...) inputs."""
        hunks, candidates, width = means.shape
        flat = self.feature_norm(features.reshape(hunks * candidates, -1))
        own = means + self.stratum(strata) + self.feature(flat).view(hunks, candidates, width)
        return compared(self, own, present)

    def forward(  # noqa: PLR0913, PLR0917  (the inputs of the exported graph)
        self,
        pieces: Tensor,
        codes: Tensor,
        words: Tensor,
        seams: Tensor,
        real: Tensor,
        features: Tensor,
        strata: Tensor,
    ) -> Tensor:
        """The scores of one hunk: (candidates, length) sequences, (candidates, features)."""
        _, means = self.encode(pieces, codes, words, seams, real)
        present = torch.ones_like(strata, dtype=torch.bool).unsqueeze(0)
        return self.rank(means.unsqueeze(0), features.unsqueeze(0), strata.unsqueeze(0), present)[0]


class Comparing(Protocol):
    """A network that ends in a comparison of candidates: what stands for NONE, and the layers."""

    none: nn.Parameter
    compare: nn.ModuleList
    last: nn.LayerNorm
    score: nn.Linear


def compared(network: Comparing, own: Tensor, present: Tensor) -> Tensor:
    """Scores (hunks, 1 + candidates), NONE first, of states (hunks, candidates, width)."""
    none = network.none.expand(own.shape[0], 1, own.shape[2]).to(own.dtype)
    x = torch.cat([none, own], 1)
    real = torch.cat([present.new_ones(present.shape[0], 1), present], 1)
    mask = _mask(real, x.dtype)
    for block in network.compare:
        x = block(x, mask)
    scores: Tensor = network.score(network.last(x)).squeeze(-1).float()
    return scores.masked_fill(~real, -1e4)


def _mask(real: Tensor, kind: torch.dtype) -> Tensor:
    """What is added to attention (n, 1, 1, length), so that only what is `real` is seen."""
    return torch.zeros(real.shape, dtype=kind, device=real.device).masked_fill(~real, -1e4)[
        :, None, None, :
    ]
