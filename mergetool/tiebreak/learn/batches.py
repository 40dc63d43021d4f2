"""The packed arrays of `tiebreak.learn.tensors`, put into batches of hunks on a device."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tiebreak.ranker.columns import CODES, swapped
from tiebreak.ranker.encoding import MOST, WORDS
from tiebreak.ranker.features import of_network, swap_order
from tiebreak.ranker.hands import swapped_stratum

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROUND: int = 16  # lengths are rounded up to a multiple, so that few shapes occur


class Batch(NamedTuple):
    """Some hunks: their sequences (n, length), and where each belongs."""

    pieces: Tensor
    codes: Tensor
    words: Tensor
    seams: Tensor
    kept: Tensor
    real: Tensor
    slots: Tensor  # (n,) of a flat (hunks * candidates) table
    features: Tensor  # (hunks, candidates, features)
    strata: Tensor  # (hunks, candidates)
    present: Tensor
    right: Tensor
    hunks: Tensor  # (hunks,) their numbers in the data


class Data:
    """All hunks of a file, on a device."""

    def __init__(self, path: Path, device: torch.device) -> None:
        """Load a file that `tiebreak.learn.tensors.pack` wrote."""
        raw = np.load(path)
        self.about: dict[str, Any] = json.loads(raw["about"].tobytes())
        self.device = device

        def put(name: str, kind: torch.dtype) -> Tensor:
            wide = raw[name].astype(np.int32) if raw[name].dtype == np.uint16 else raw[name]
            return torch.from_numpy(wide).to(device=device, dtype=kind)

        self.pieces, self.codes = put("pieces", torch.int16), put("codes", torch.uint8)
        self.words, self.seams = put("words", torch.uint8), put("seams", torch.uint8)
        self.kept = put("kept", torch.uint8)
        self.names = of_network()
        self.features = put("features", torch.float32)[:, : len(self.names)]
        self.strata = put("strata", torch.int64)
        self.right = put("right", torch.bool)
        self.lengths = raw["lengths"].astype(np.int64)
        self.counts = raw["counts"].astype(np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self.firsts = np.concatenate([[0], np.cumsum(self.counts)])
        strata = self.about["strata"]
        number = {name: index for index, name in enumerate(strata)}
        self.swap_codes = _table([swapped(code) for code in range(CODES)], device)
        self.swap_features = _table(swap_order(self.names), device)
        self.swap_strata = _table([number.get(swapped_stratum(s), 0) for s in strata], device)
        self.longest = np.array(
            [self.lengths[a:b].max() for a, b in zip(self.firsts, self.firsts[1:], strict=False)]
        )

    def __len__(self) -> int:
        return len(self.counts)

    def plan(self, hunks: Sequence[int], room: int, seed: int) -> list[list[int]]:
        """Hunks in batches of at most `room` pieces with padding; alike in length, shuffled."""
        random = np.random.default_rng(seed)
        noise = random.uniform(0.85, 1.15, len(self))
        order = sorted(hunks, key=lambda hunk: self.longest[hunk] * noise[hunk])
        batches: list[list[int]] = [[]]
        size = longest = 0
        for hunk in order:
            length = _up(max(longest, int(self.longest[hunk])))
            if batches[-1] and (size + int(self.counts[hunk])) * length > room:
                batches.append([])
                size = longest = 0
            batches[-1].append(hunk)
            size += int(self.counts[hunk])
            longest = max(longest, int(self.longest[hunk]))
        random.shuffle(batches)
        return batches

    def batch(self, hunks: list[int], *, swap: bool = False) -> Batch:
        """Gather a batch; with `swap` ours and theirs change places."""
        sequences = np.concatenate([np.arange(self.firsts[h], self.firsts[h + 1]) for h in hunks])
        lengths = self.lengths[sequences]
        width = _up(int(lengths.max()))
        reach = np.arange(width)
        real = torch.from_numpy(reach[None] < lengths[:, None]).to(self.device)
        index = self.starts[sequences][:, None] + np.minimum(reach[None], lengths[:, None] - 1)
        where = torch.from_numpy(index).to(self.device)
        slot = slots_of([int(self.counts[h]) for h in hunks]).to(self.device)
        number = torch.from_numpy(sequences).to(self.device)
        codes, features = self.codes[where].long(), self.features[number]
        strata = self.strata[number]
        if swap:
            codes, strata = self.swap_codes[codes], self.swap_strata[strata]
            features = features[:, self.swap_features]
        return Batch(
            self.pieces[where].long(),
            codes,
            self.words[where].long(),
            self.seams[where].long(),
            self.kept[where],
            real,
            slot,
            table_of(features, slot, len(hunks)),
            table_of(strata, slot, len(hunks)),
            table_of(torch.ones_like(strata, dtype=torch.bool), slot, len(hunks)),
            table_of(self.right[number], slot, len(hunks)),
            torch.tensor(hunks),
        )


def renamed(words: Tensor, generator: torch.Generator) -> Tensor:
    """The same words under other numbers; 0 stays."""
    order = torch.randperm(WORDS, generator=generator, device=words.device) + 1
    return torch.cat([order.new_zeros(1), order])[words]


def means_by_hunk(means: Tensor, batch: Batch) -> Tensor:
    """The sequences' means in a table (hunks, candidates, width)."""
    return table_of(means, batch.slots, len(batch.hunks))


def slots_of(counts: Sequence[int]) -> Tensor:
    """The place of every candidate in a table of hunks that have so many each, `MOST` a row."""
    return torch.cat([torch.arange(count) + at * MOST for at, count in enumerate(counts)])


def table_of(rows: Tensor, slots: Tensor, hunks: int) -> Tensor:
    """Rows in a table (hunks, candidates, ...), each at its slot; elsewhere zeros."""
    table = rows.new_zeros((hunks * MOST, *rows.shape[1:]))
    table[slots] = rows
    return table.view(hunks, MOST, *rows.shape[1:])


def _table(values: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor(list(values), device=device)


def _up(length: int) -> int:
    return -(-length // ROUND) * ROUND
