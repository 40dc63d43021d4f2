"""Train the ranker: ``python -m tiebreak.learn.fit DATA.npz -o FOLDER --seconds 300``.

Reads the packed arrays only, so it runs wherever torch and numpy are. Seeded, checkpointed after
every pass and resumable; a time limit sets the length of the schedule.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tiebreak.learn.batches import Batch, Data, means_by_hunk, renamed
from tiebreak.learn.network import Ranker, Shape
from tiebreak.learn.split import fold_of, in_share
from tiebreak.ranker import past
from tiebreak.ranker.encoding import MOST

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOM: Final = 65_536  # pieces in a batch, padding included
RATE: Final = 6e-4
WARM: Final = 0.06  # of the schedule
KEPT: Final = 0.3  # weight of the dense label's loss
FORGET: Final = 0.12  # share of pieces that are hidden in training
BLIND: Final = 0.2  # share of hunks whose history is hidden in training
DECAY: Final = 0.05


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--passes", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--pieces", type=int, default=8192)
    parser.add_argument("--room", type=int, default=ROOM)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--fold", type=int, nargs="+", default=[-1], help="hold out; -1: none")
    parser.add_argument("--hide", type=float, default=FORGET, help="share of pieces hidden")
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="other data to judge")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--start", type=Path, help="the model.pt to go on from")
    parser.add_argument("--languages", nargs="*", default=[], help="learn from these alone")
    parser.add_argument("--share", type=float, default=1.0, help="of the repositories")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = Data(options.data, device)
    options.output.mkdir(parents=True, exist_ok=True)
    Training(data, options).run()
    return 0


class Training:
    """One training run and its state."""

    def __init__(self, data: Data, options: argparse.Namespace) -> None:
        """Prepare the network and the hunks; takes up a checkpoint that is there."""
        torch.manual_seed(options.seed)
        self.data, self.options = data, options
        self.shape = Shape(
            options.pieces,
            len(data.names),
            len(data.about["strata"]),
            width=options.width,
            layers=options.layers,
            dropout=options.dropout,
        )
        self.ranker = Ranker(self.shape).to(data.device)
        if options.start:
            self.ranker.load_state_dict(state_of(options.start))
        hunks = data.about["hunks"]
        folds = [fold_of(hunk["repo"]) for hunk in hunks]
        columns = torch.tensor(past.columns(data.names), device=data.device)
        self.past = torch.zeros(self.shape.features, dtype=torch.bool, device=data.device)
        self.past[columns] = True
        self.train = [i for i, fold in enumerate(folds) if fold not in options.fold]
        self.train = [i for i in self.train if _wanted(hunks[i], options)]
        self.watch = [i for i, fold in enumerate(folds) if fold in options.fold]
        self.optimizer = torch.optim.AdamW(
            groups(self.ranker), lr=options.rate, betas=(0.9, 0.98), weight_decay=DECAY
        )
        self.generator = torch.Generator(device=data.device).manual_seed(options.seed)
        self.random = np.random.default_rng(options.seed)
        self.started, self.passed, self.curve = time.monotonic(), 0, list[dict[str, float]]()
        self.checkpoint = options.output / "checkpoint.pt"
        if self.checkpoint.exists():
            self._take_up()

    def _take_up(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.data.device, weights_only=True)
        self.ranker.load_state_dict(state["ranker"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.passed = state["passed"]
        self.started -= state["seconds"]
        sys.stdout.write(f"goes on after pass {self.passed}\n")

    def run(self) -> None:
        """All passes, or as many as the time allows; then the predictions of every hunk."""
        total = self.options.passes
        while self.passed < total and self._used() < 1:
            self._pass(total)
            self.passed += 1
            line = {"pass": self.passed, "seconds": round(self._seconds(), 1)}
            if self.watch:
                line |= self.top(self.watch, self.predict(self.watch))
            self.curve.append(line)
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            self._save()
        self._judge(self.data, "scores.npz")
        for path in self.options.also:
            self._judge(Data(path, self.data.device), f"{path.stem}.scores.npz")
        (self.options.output / "curve.json").write_text(json.dumps(self.curve, indent=1) + "\n")

    def _judge(self, data: Data, name: str) -> None:
        """Write the log-probabilities of all hunks of some data."""
        scores = self.predict(range(len(data)), data)
        np.savez_compressed(self.options.output / name, scores=scores.astype(np.float16))

    def _seconds(self) -> float:
        return time.monotonic() - self.started

    def _used(self) -> float:
        """How much of the schedule is over: by passes or by time, whichever is further."""
        return self._seconds() / float(self.options.seconds)

    def _pass(self, total: int) -> None:
        self.ranker.train()
        plan = self.data.plan(self.train, self.options.room, self.passed + 1000 * self.options.seed)
        for number, hunks in enumerate(plan):
            over = max(self._used(), (self.passed + number / len(plan)) / total)
            if over >= 1:
                break
            for group in self.optimizer.param_groups:
                group["lr"] = self.options.rate * schedule(over)
            batch = self.data.batch(hunks, swap=bool(self.random.integers(2)))
            with _mixed(self.data.device):
                loss = self._loss(batch)
            descend(self.optimizer, self.ranker, loss)

    def _loss(self, batch: Batch) -> Tensor:
        hidden = torch.rand(
            batch.pieces.shape, generator=self.generator, device=batch.pieces.device
        )
        pieces = batch.pieces.masked_fill(hidden < self.options.hide, 0)
        words = renamed(batch.words, self.generator)
        states, means = self.ranker.encode(pieces, batch.codes, words, batch.seams, batch.real)
        kept = batch.kept.masked_fill(~batch.real, 2)
        says = self.ranker.keeps(states).squeeze(-1).float()
        known = kept != 2  # noqa: PLR2004  (see UNKNOWN_COLUMN)
        dense = functional.binary_cross_entropy_with_logits(says[known], kept[known].float())
        table, features = means_by_hunk(means, batch), self._blinded(batch.features)
        scores = self.ranker.rank(table, features, batch.strata, batch.present)
        return listwise(scores, batch.right) + KEPT * dense

    def _blinded(self, features: Tensor) -> Tensor:
        """The features (hunks, candidates, n), of some hunks without their history."""
        chance = torch.rand(len(features), generator=self.generator, device=features.device)
        hidden = (chance < BLIND)[:, None, None] & self.past
        return features.masked_fill(hidden, past.UNKNOWN)

    @torch.no_grad()
    def predict(self, hunks: Sequence[int], data: Data | None = None) -> Any:
        """Log-probabilities (hunks, 1 + candidates) in the order given; NONE first."""
        data = self.data if data is None else data
        self.ranker.eval()
        found = torch.zeros((len(data), 1 + MOST), device=data.device)
        for some in data.plan(hunks, 2 * self.options.room, 0):
            batch = data.batch(some)
            with _mixed(data.device):
                _, means = self.ranker.encode(
                    batch.pieces, batch.codes, batch.words, batch.seams, batch.real
                )
                scores = self.ranker.rank(
                    means_by_hunk(means, batch), batch.features, batch.strata, batch.present
                )
            found[batch.hunks.to(found.device)] = scores.float().log_softmax(-1)
        return found[torch.tensor(list(hunks), device=found.device)].cpu().numpy()

    def top(self, hunks: Sequence[int], scores: Any) -> dict[str, float]:
        """Accuracy of the first choice, of the first three, and the loss, on some hunks."""
        right = np.zeros((len(hunks), scores.shape[1] - 1), bool)
        flat = self.data.right.cpu().numpy()
        for at, hunk in enumerate(hunks):
            first, last = self.data.firsts[hunk], self.data.firsts[hunk + 1]
            right[at, : last - first] = flat[first:last]
        order = np.argsort(-scores[:, 1:], axis=1)
        sorted_right = np.take_along_axis(right, order, 1)
        wanted = np.concatenate([~right.any(1, keepdims=True), right], 1)
        loss = -np.log(np.maximum((np.exp(scores) * wanted).sum(1), 1e-9)).mean()
        best = np.exp(scores[:, 1:].max(1))
        sure = np.argsort(-best)
        hits = sorted_right[sure, 0].cumsum() / np.arange(1, len(hunks) + 1)
        covered = {
            f"cover{round(100 * level)}": float(_coverage(hits, level)) for level in (0.9, 0.95)
        }
        source = np.array([self.data.about["hunks"][hunk]["source"] for hunk in hunks])
        return {
            "loss": round(float(loss), 4),
            "top1": round(float(sorted_right[:, 0].mean()), 4),
            "top3": round(float(sorted_right[:, :3].any(1).mean()), 4),
            "source1": round(float(sorted_right[source, 0].mean()), 4),
            **covered,
        }

    def _save(self) -> None:
        state = {
            "ranker": self.ranker.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "passed": self.passed,
            "seconds": self._seconds(),
        }
        torch.save(state, self.checkpoint)
        model = {
            "shape": self.shape._asdict(),
            "strata": self.data.about["strata"],
            "features": self.data.about["features"],
            "ranker": {
                k: v.half() if v.is_floating_point() else v
                for k, v in self.ranker.state_dict().items()
            },
        }
        torch.save(model, self.options.output / "model.pt")


def state_of(model: Path) -> dict[str, Tensor]:
    """The weights of a `model.pt`, in full precision."""
    saved = torch.load(model, map_location="cpu", weights_only=True)["ranker"]
    return {k: v.float() if v.is_floating_point() else v for k, v in saved.items()}


def _wanted(hunk: dict[str, Any], options: argparse.Namespace) -> bool:
    """Whether a hunk is one to learn from."""
    spoken = not options.languages or hunk["language"] in options.languages
    return spoken and in_share(hunk["repo"], options.share)


def listwise(scores: Tensor, right: Tensor) -> Tensor:
    """Minus the log of the chance given to what the people chose; NONE where nothing was right."""
    wanted = torch.cat([~right.any(1, keepdim=True), right], 1)
    logs = scores.log_softmax(-1).masked_fill(~wanted, -1e9)
    return -logs.logsumexp(-1).mean()


def schedule(over: float) -> float:
    """Linear warm-up, then a cosine to a hundredth."""
    if over < WARM:
        return over / WARM
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (over - WARM) / (1 - WARM)))


def descend(optimizer: torch.optim.Optimizer, network: nn.Module, loss: Tensor) -> None:
    """Go down the gradient of a loss; a gradient longer than 1 is cut."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()


def groups(network: nn.Module) -> list[dict[str, Any]]:
    """Matrices decay; vectors do not."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]


def _mixed(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def _coverage(hits: Any, level: float) -> float:
    good = np.nonzero(hits >= level)[0]
    return round((good[-1] + 1) / len(hits), 4) if len(good) else 0.0


if __name__ == "__main__":
    sys.exit(main())
