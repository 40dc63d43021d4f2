"""``python -m tiebreak.learn.mergebert.train OUT.npz -o RESULT``: train on prepared arrays.

Needs torch and numpy. Writes into RESULT: ``last.pt`` after every epoch, from which a run that was
cut off goes on; ``best.pt``, the model with the lowest loss on the repositories kept to stop by;
``record.json``, settings and curves; and in the end ``predictions.jsonl`` (see `predict`).

Seeded. The learning rate falls with the steps done, or with the seconds spent where ``--seconds``
ends the run before its epochs do: then two runs differ as far as the machine's speed does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from tiebreak.learn.fit import descend
from tiebreak.learn.mergebert import arrays as stored
from tiebreak.learn.mergebert import predict
from tiebreak.learn.mergebert.batches import Loader, rows_of
from tiebreak.learn.mergebert.model import MergeBert, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tiebreak.learn.mergebert.arrays import Arrays
    from tiebreak.learn.mergebert.batches import Batch

WARM_UP = 0.06  # of the run
REPORT_EVERY = 5.0  # seconds


class Settings(NamedTuple):
    """How to train; all of it is in the record."""

    epochs: int
    seconds: float
    rate: float
    columns: int  # of a batch: sequences times their padded length
    decay: float
    swap: bool  # half of the sub-conflicts of a batch change sides
    seed: int


class Epoch(NamedTuple):
    """A line of the curves."""

    number: int
    loss: float
    held_out_loss: float
    held_out_right: float
    seconds: float


class Trainer:
    """A run: the model, its optimiser, and how far it is."""

    def __init__(self, arrays: Arrays, shape: Shape, settings: Settings, result: Path) -> None:
        """Begin, or go on where a run with the same data and settings was cut off."""
        torch.manual_seed(settings.seed)
        self.settings, self.shape, self.result = settings, shape, result
        self.loader = Loader(arrays, predict.device())
        self.train_rows = rows_of(arrays, (stored.TRAIN,), labelled=True)
        self.held_out = rows_of(arrays, (stored.DEVELOP,), labelled=True)
        self.model = MergeBert(shape).to(self.loader.device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), settings.rate, (0.9, 0.98), weight_decay=settings.decay
        )
        self.clean = right_when_clean(arrays)
        self.curve: list[Epoch] = []
        self.spent = 0.0
        self.key = _key(arrays, shape, settings)
        self._resume()

    def run(self) -> None:
        """Train until the epochs are done or the seconds spent."""
        began = time.monotonic() - self.spent
        while len(self.curve) < self.settings.epochs and self.spent < self.settings.seconds:
            loss = self._epoch(began)
            held_out_loss, right = self.measure()
            self.spent = time.monotonic() - began
            self.curve.append(Epoch(len(self.curve) + 1, loss, held_out_loss, right, self.spent))
            self._keep()
            say(
                f"epoch {len(self.curve)}/{self.settings.epochs}: loss {loss:.4f}, "
                f"held out {held_out_loss:.4f}, right {100 * right:.1f} %, {self.spent:.0f} s"
            )

    def _epoch(self, began: float) -> float:
        self.model.train()
        seed = (self.settings.seed, len(self.curve))  # of the epoch: a resumed run is the same
        torch.manual_seed(1_000_003 * seed[0] + seed[1])
        chance = np.random.default_rng(seed)
        batches = list(self.loader.rows_by_size(self.train_rows, self.settings.columns, chance))
        losses = torch.zeros((), device=self.loader.device)
        seen, told = 0, time.monotonic()
        for step, rows in enumerate(batches):
            elapsed = time.monotonic() - began
            if elapsed >= self.settings.seconds:
                break
            done = (len(self.curve) + step / len(batches)) / self.settings.epochs
            losses += self._step(rows, chance, max(done, elapsed / self.settings.seconds))
            seen += len(rows)
            if time.monotonic() - told > REPORT_EVERY:
                told = time.monotonic()
                mean = float(losses) / seen
                say(f"  step {step + 1}/{len(batches)}: loss {mean:.4f}, {elapsed:.0f} s")
        return float(losses) / max(seen, 1)

    def _step(self, rows: NDArray[np.int64], chance: np.random.Generator, done: float) -> Any:
        """One update; the sum of the losses. `done` is the share of the run that is behind."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * schedule(done)
        batch = self.loader.batch(rows)
        if self.settings.swap:
            flags = torch.from_numpy(chance.integers(0, 2, len(rows), bool))
            batch = batch.swapped(flags.to(self.loader.device))
        losses = self._losses(batch)[0]
        descend(self.optimiser, self.model, losses.mean())
        return losses.detach().sum()

    def _losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Of each sub-conflict the loss, and whether the best label is right.

        The loss is on the probability that any of the right labels has.
        """
        kind = self.loader.device.type
        with torch.autocast(kind, torch.bfloat16, kind == "cuda"):
            scores = self.model(batch.pieces, batch.edits)
        only_right = scores.masked_fill(~batch.right, -torch.inf)
        losses = scores.logsumexp(1) - only_right.logsumexp(1)
        return losses, batch.right.gather(1, scores.argmax(1, keepdim=True))[:, 0]

    @torch.inference_mode()
    def measure(self) -> tuple[float, float]:
        """Loss and share of right labels on the repositories kept to stop by."""
        self.model.eval()
        loss = right = 0.0
        for rows in self.loader.rows_by_size(self.held_out, predict.COLUMNS, None):
            losses, hits = self._losses(self.loader.batch(rows))
            loss, right = loss + float(losses.sum()), right + float(hits.sum())
        count = max(len(self.held_out), 1)
        return loss / count, right / count

    def _keep(self) -> None:
        kept = {
            "shape": tuple(self.shape),
            "model": self.model.state_dict(),
            "clean": self.clean,
        }
        if self.curve[-1].held_out_loss <= min(epoch.held_out_loss for epoch in self.curve):
            _replace(self.result / "best.pt", kept)
        rest = {"optimiser": self.optimiser.state_dict(), "curve": [tuple(e) for e in self.curve]}
        _replace(self.result / "last.pt", kept | rest | {"key": self.key, "spent": self.spent})
        record = {
            "settings": self.settings._asdict(),
            "shape": self.shape._asdict(),
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "clean merges right": self.clean,
            "data": self.key["data"],
            "device": _device_name(),
            "curve": [epoch._asdict() for epoch in self.curve],
        }
        (self.result / "record.json").write_text(json.dumps(record, indent=1), encoding="utf-8")

    def _resume(self) -> None:
        path = self.result / "last.pt"
        if not path.exists():
            return
        kept: dict[str, Any] = torch.load(path, weights_only=True)
        if kept["key"] != self.key:
            raise SystemExit(f"{path} is of other data or settings: choose another folder")
        self.model.load_state_dict(kept["model"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.curve = [Epoch(*epoch) for epoch in kept["curve"]]
        self.spent = kept["spent"]
        say(f"going on after epoch {len(self.curve)}")


def right_when_clean(arrays: Arrays) -> float:
    """The share of the clean token merges to train on that people committed."""
    clean = (np.diff(arrays.first) == 0) & (arrays.parts == stored.TRAIN)
    return float(arrays.labelled[clean].sum() + 1) / float(clean.sum() + 2)


def schedule(done: float) -> float:
    """The learning rate at a share of the run, as a share of the highest: warm-up, then cosine."""
    if done < WARM_UP:
        return max(done / WARM_UP, 0.01)
    return 0.5 * (1 + math.cos(math.pi * min((done - WARM_UP) / (1 - WARM_UP), 1.0)))


def _key(arrays: Arrays, shape: Shape, settings: Settings) -> dict[str, Any]:
    found = hashlib.blake2b(digest_size=12)
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return {"data": found.hexdigest(), "shape": tuple(shape), "settings": tuple(settings)}


def _replace(path: Path, kept: dict[str, Any]) -> None:
    unfinished = path.with_suffix(".part")
    torch.save(kept, unfinished)
    unfinished.replace(path)


def _device_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def say(line: str) -> None:
    """Tell how far the run is."""
    print(line, flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train MergeBERT on prepared arrays.")
    parser.add_argument("arrays", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--columns", type=int, default=32_768)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--swap", action="store_true", help="augment by swapping the sides")
    parser.add_argument("--seed", type=int, default=1)
    shape = Shape(0)
    parser.add_argument("--width", type=int, default=shape.width)
    parser.add_argument("--layers", type=int, default=shape.layers)
    parser.add_argument("--heads", type=int, default=shape.heads)
    parser.add_argument("--dropout", type=float, default=shape.dropout)
    return parser


def main() -> None:
    """Train, then rank the labellings of the hunks that were held out."""
    given = _parser().parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    arrays = stored.load(given.arrays)
    sizes = {name: getattr(given, name) for name in ("width", "layers", "heads", "dropout")}
    settings = Settings(*(getattr(given, name) for name in Settings._fields))
    trainer = Trainer(arrays, Shape(int(arrays.pieces), **sizes), settings, given.output)
    count = sum(parameter.numel() for parameter in trainer.model.parameters())
    say(
        f"{_device_name()}: {count / 1e6:.1f} million parameters, "
        f"{len(trainer.train_rows)} sub-conflicts to learn, {len(trainer.held_out)} to stop by"
    )
    trainer.run()
    say("ranking")
    best = predict.restored(given.output / "best.pt", arrays)
    predict.write(given.output / "predictions.jsonl", best, arrays, predict.HELD_OUT)


if __name__ == "__main__":
    main()
