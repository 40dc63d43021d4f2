"""The network (section 5): one encoder for four sequences, their sum, nine labels.

Each sequence (ours, base beside ours, theirs, base beside theirs) goes through the same encoder on
its own, edit types added to the pieces' embeddings; four learned scalars weigh the four states of
the first piece. The published network has 84 million parameters and was trained on code before;
this one has about 8 million and starts from nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

SEQUENCES = 4
LABELS = 9
EDITS = 5  # types of edit; 0, like piece 0, is beyond the end of a sequence
# Signs and sizes differ, or the network would begin unable to tell the sides apart.
FIRST_WEIGHTS = (1.0, 0.5, -0.5, 0.25)


class Shape(NamedTuple):
    """The size of the network."""

    pieces: int
    width: int = 256
    layers: int = 6
    heads: int = 8
    length: int = 512
    dropout: float = 0.1


class MergeBert(nn.Module):
    """Scores the nine labels of sub-conflicts."""

    def __init__(self, shape: Shape) -> None:
        """Random weights, of torch's generator."""
        super().__init__()
        self.pieces = nn.Embedding(shape.pieces, shape.width)
        self.places = nn.Embedding(shape.length, shape.width)
        self.edits = nn.Embedding(EDITS, shape.width)
        for table in (self.pieces, self.places, self.edits):
            nn.init.normal_(table.weight, std=0.02)
        self.norm = nn.LayerNorm(shape.width)
        self.dropout = nn.Dropout(shape.dropout)
        layer = nn.TransformerEncoderLayer(
            shape.width,
            shape.heads,
            4 * shape.width,
            shape.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(
            layer, shape.layers, nn.LayerNorm(shape.width), enable_nested_tensor=False
        )
        self.weights = nn.Parameter(torch.tensor(FIRST_WEIGHTS))
        self.head = nn.Sequential(
            nn.Dropout(shape.dropout),
            nn.Linear(shape.width, shape.width),
            nn.Tanh(),
            nn.Dropout(shape.dropout),
            nn.Linear(shape.width, LABELS),
        )

    def forward(self, pieces: Tensor, edits: Tensor) -> Tensor:
        """The scores of a batch, (n, 9).

        `pieces` (n, 4, length): ours, base beside ours, theirs, base beside theirs. `edits`
        (n, 2, length): of ours and of theirs against base; 0 beyond the end.
        """
        count, _, length = pieces.shape
        edits = edits.repeat_interleave(2, dim=1)
        places = torch.arange(length, device=pieces.device)
        states = self.pieces(pieces) + self.edits(edits) + self.places(places)
        states = self.dropout(self.norm(states)).flatten(0, 1)
        states = self.encoder(states, src_key_padding_mask=(edits == 0).flatten(0, 1))
        first = states[:, 0].reshape(count, SEQUENCES, -1)
        summed = (first * self.weights.to(first.dtype)[:, None]).sum(1)
        scores: Tensor = self.head(summed)
        return scores.float()
