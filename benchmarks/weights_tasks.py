#!/usr/bin/env python3
"""Eight tasks, eight models fine-tuned from one base: what does each method make of them?

    python benchmarks/weights_tasks.py [--seeds 5] [--quick] [--only METHOD...] [--json FILE]
    python benchmarks/weights_tasks.py --from FILE...

The protocol is that of the CLIP benchmark (Ilharco et al., arXiv 2212.04089; FusionBench): one
trunk for all tasks, a frozen head for each. The tasks are scikit-learn's handwritten digits, seen
in eight ways: upright, turned, mirrored, in negative, moved, with their pixels shuffled. A base is
trained on all of them with few examples, together with the heads, which then stay as they are;
eight trunks are fine-tuned from it, each on all examples of its own task. All are written as
safetensors, and every registered method merges the eight by the command `tiebreak weights merge`.

A figure is accuracy on digits that nobody trained on, divided by that of the task's own fine-tuned
model, and the mean over the tasks, in percent, with a 95 % interval (Student's t, over the seeds).
The last column is the tuned figure minus that of Task Arithmetic, seed by seed.

    default   the method as it is, with no choice
    tuned     times lambda, which is chosen for each seed on other digits that nobody trained on;
              where a method has no lambda, the merged model's distance from the base is scaled.
              Of `nearswap`, whose scale it is, t is chosen

Beside the methods stand `pretrained` (the base), `individual` (100 by definition), and `joint`: the
base fine-tuned on all tasks, with as many steps as all eight together. Methods of two models merge
one after the other, each with its share. `layer_swap` and `passthrough` merge no eight models.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch
from scipy.stats import t as student
from sklearn.datasets import load_digits
from torch import nn

from tiebreak.cli import dispatch
from tiebreak.learn.progress import progress
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.engine import Output, write_checkpoint
from tiebreak.weights.importance import FISHER, GRAM
from tiebreak.weights.methods import METHODS
from tiebreak.weights.values import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    Weights = dict[str, Tensor]

SIDE: Final = 8  # pixels
PIXELS: Final = SIDE * SIDE
CLASSES: Final = 10
WIDTH, HIDDEN, DEPTH = 128, 256, 2
TRAINED, CHOSEN_ON = 1000, 300  # digits; the other 497 are for the figures
LAMBDAS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
MOVES: Final = (0.003, 0.01, 0.02, 0.03, 0.05, 0.1)
BESIDE: Final = "task_arithmetic"
APART: Final = {"layer_swap", "passthrough"}
DEFAULTS: Final[dict[str, dict[str, object]]] = {"nearswap": {"t": 0.01}}

Merge = Callable[[dict[str, object]], "Weights"]


class Setting(NamedTuple):
    """How long is trained, and what is tried."""

    few: int = 24  # examples of every task that the base sees
    base_steps: int = 100
    task_steps: int = 60
    examples: int = 256  # of each task, for what a method has to know of it
    lambdas: tuple[float, ...] = LAMBDAS
    moves: tuple[float, ...] = MOVES


QUICK: Final = Setting(24, 60, 30, 32, (0.3, 1.0), (0.01,))


class Labelled(NamedTuple):
    """Images as rows, and their classes."""

    images: Tensor
    labels: Tensor


class Task(NamedTuple):
    """One way to see the digits."""

    name: str
    train: Labelled
    chosen_on: Labelled
    test: Labelled


class Scores(NamedTuple):
    """Accuracy by task: on what parameters are chosen by, and on the test."""

    chosen_on: tuple[float, ...]
    test: tuple[float, ...]


class Outcome(NamedTuple):
    """Of one seed: accuracies by task; by method the one with defaults, and the best with its t."""

    reference: dict[str, tuple[float, ...]]
    default: dict[str, tuple[float, ...]]
    tuned: dict[str, tuple[float, ...]]
    chosen: dict[str, float]
    failed: dict[str, str]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="less training, less to choose from")
    parser.add_argument("--only", nargs="+", choices=list(METHODS), metavar="METHOD")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--from", nargs="+", type=Path, dest="files", help="print saved results")
    given = parser.parse_args()
    outcomes = saved(given.files) if given.files else measured(given)
    for line in table(outcomes):
        print(line)
    if given.json:
        given.json.write_text(json.dumps([outcome._asdict() for outcome in outcomes]))


def saved(files: Sequence[Path]) -> list[Outcome]:
    """Of runs with the same seeds, which may be of different methods."""
    runs = [[Outcome(**one) for one in json.loads(file.read_text())] for file in files]
    for outcomes in runs[1:]:
        for first, other in zip(runs[0], outcomes, strict=True):
            for known, more in zip(first[1:], other[1:], strict=True):
                known.update(more)
    return runs[0]


def measured(given: argparse.Namespace) -> list[Outcome]:
    """One seed after the other."""
    setting = QUICK if given.quick else Setting()
    methods = given.only or [name for name in METHODS if name not in APART]
    outcomes = []
    with progress() as bar:
        shown = bar.add_task("merges", total=given.seeds * len(methods))
        for seed in range(given.seeds):
            outcomes += [run(seed, setting, methods, lambda: bar.advance(shown))]
            print(f"seed {seed}: done", file=sys.stderr)
    return outcomes


def run(
    seed: int, setting: Setting, methods: Sequence[str], done: Callable[[], None] = lambda: None
) -> Outcome:
    """Train, merge by every method, and measure."""
    torch.set_num_threads(1)  # more only wait for each other, with models so small
    tasks = eight_tasks(seed)
    base, heads = pretrained(tasks, setting, seed)
    experts = [
        tuned(base, [heads[place]], [task.train], setting.task_steps, seed + place)
        for place, task in enumerate(tasks)
    ]
    joint = tuned(base, heads, [t.train for t in tasks], len(tasks) * setting.task_steps, seed)
    own = tuple(
        accuracy(expert, heads[place], tasks[place].test) for place, expert in enumerate(experts)
    )
    reference = {
        "pretrained": scores(base.state_dict(), heads, tasks).test,
        "individual": own,
        "joint": scores(joint.state_dict(), heads, tasks).test,
    }
    outcome = Outcome(reference, {}, {}, {}, {})
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder), base, experts)
        files.estimate(tasks, heads, setting.examples)
        for name in methods:
            try:
                one_method(name, files, setting, outcome, lambda w: scores(w, heads, tasks))
            except MergeError as error:
                outcome.failed[name] = str(error)
            done()
    return outcome


def one_method(
    name: str,
    files: Files,
    setting: Setting,
    outcome: Outcome,
    measure: Callable[[Weights], Scores],
) -> None:
    """As it is, and with what the held-out digits choose."""
    plain = files.merged(name, DEFAULTS.get(name, {}))
    outcome.default[name] = measure(plain).test
    found: dict[float, Scores] = {}
    if name == "nearswap":
        found = {t: measure(files.merged(name, {"t": t})) for t in setting.moves}
    elif "lambda" in METHODS[name].parameters:
        found = {x: measure(files.merged(name, {"lambda": x})) for x in setting.lambdas}
    else:
        found = {x: measure(files.scaled(plain, x)) for x in setting.lambdas}
    best = max(found, key=lambda value: statistics.mean(found[value].chosen_on))
    outcome.tuned[name], outcome.chosen[name] = found[best].test, best


# Tasks --------------------------------------------------------------------------------------------


def eight_tasks(seed: int) -> list[Task]:
    """The same digits are trained on in all of them."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, SIDE, SIDE)
    order = np.random.default_rng(seed).permutation(len(images))
    parts = np.split(order, [TRAINED, TRAINED + CHOSEN_ON])
    return [
        Task(name, *(labelled(view(images[part]), labels[part]) for part in parts))
        for name, view in VIEWS.items()
    ]


def labelled(images: np.ndarray, labels: np.ndarray) -> Labelled:
    """As tensors."""
    rows = np.ascontiguousarray(images).reshape(len(images), PIXELS)
    return Labelled(torch.from_numpy(rows), torch.from_numpy(labels))


def shuffled(images: np.ndarray) -> np.ndarray:
    """Every image with its pixels in the same other order."""
    order = np.random.default_rng(0).permutation(PIXELS)
    return images.reshape(-1, PIXELS)[:, order]


VIEWS: Final[dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "upright": lambda images: images,
    "quarter turn": lambda images: np.rot90(images, 1, (1, 2)),
    "half turn": lambda images: np.rot90(images, 2, (1, 2)),
    "mirrored": lambda images: images[:, :, ::-1],
    "transposed": lambda images: images.transpose(0, 2, 1),
    "negative": lambda images: 1 - images,
    "moved": lambda images: np.roll(images, (3, 3), (1, 2)),
    "shuffled": shuffled,
}


# Training -----------------------------------------------------------------------------------------


class Block(nn.Module):
    """A residual block."""

    def __init__(self) -> None:
        """With two matrices."""
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the block has to say."""
        return x + self.down(nn.functional.gelu(self.up(self.norm(x))))


class Trunk(nn.Module):
    """What all tasks have in common."""

    def __init__(self) -> None:
        """With fresh weights."""
        super().__init__()
        self.entry = nn.Linear(PIXELS, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """The features of images."""
        x = self.entry(x)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def pretrained(tasks: Sequence[Task], setting: Setting, seed: int) -> tuple[Trunk, list[nn.Linear]]:
    """The base, and the heads, which are trained with it and never again."""
    torch.manual_seed(seed)
    trunk, heads = Trunk(), [nn.Linear(WIDTH, CLASSES) for _ in tasks]
    few = [Labelled(*(part[: setting.few] for part in task.train)) for task in tasks]
    train(trunk, heads, few, setting.base_steps, seed)
    for head in heads:
        head.requires_grad_(requires_grad=False)
    return trunk, heads


def tuned(
    base: Trunk, heads: Sequence[nn.Linear], data: Sequence[Labelled], steps: int, seed: int
) -> Trunk:
    """A copy of the base, fine-tuned."""
    trunk = copy.deepcopy(base)
    train(trunk, heads, data, steps, seed)
    return trunk


def train(
    trunk: Trunk, heads: Sequence[nn.Linear], data: Sequence[Labelled], steps: int, seed: int
) -> None:
    """AdamW with a linear decay; each step takes from one task, in turn."""
    rng = torch.Generator().manual_seed(seed)
    parameters = [p for module in (trunk, *heads) for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, steps)
    for step in range(steps):
        images, labels = data[step % len(data)]
        rows = torch.randint(len(images), (32,), generator=rng)
        predicted = heads[step % len(data)](trunk(images[rows]))
        nn.functional.cross_entropy(predicted, labels[rows]).backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()


@torch.no_grad()
def accuracy(trunk: Trunk, head: nn.Linear, data: Labelled) -> float:
    """The share that is right."""
    return float((head(trunk(data.images)).argmax(1) == data.labels).float().mean())


def scores(weights: Weights, heads: Sequence[nn.Linear], tasks: Sequence[Task]) -> Scores:
    """A trunk with every task's head."""
    trunk = Trunk()
    trunk.load_state_dict(weights)
    pairs = list(zip(heads, tasks, strict=True))
    return Scores(
        tuple(accuracy(trunk, head, task.chosen_on) for head, task in pairs),
        tuple(accuracy(trunk, head, task.test) for head, task in pairs),
    )


# Merging ------------------------------------------------------------------------------------------


class MergeError(Exception):
    """The command's own line."""


class Files:
    """The models as safetensors, and what the command makes of them."""

    def __init__(self, folder: Path, base: Trunk, experts: Sequence[Trunk]) -> None:
        """Write them."""
        self.folder = folder
        self.base = self.write("base", base.state_dict())
        self.experts = [
            self.write(f"expert{place}", expert.state_dict())
            for place, expert in enumerate(experts)
        ]

    def write(self, name: str, weights: Mapping[str, Tensor]) -> Path:
        """One file, in F32."""
        path = self.folder / f"{name}.safetensors"
        outputs = [
            Output(key, "F32", tuple(tensor.shape), memoryview(tensor.numpy().tobytes()))
            for key, tensor in weights.items()
        ]
        write_checkpoint(str(path), outputs, None)
        return path

    def estimate(self, tasks: Sequence[Task], heads: Sequence[nn.Linear], examples: int) -> None:
        """The Fisher and the Grams of each expert on its own task, beside it."""
        for expert, task, head in zip(self.experts, tasks, heads, strict=True):
            weights, images = self.read(expert), task.train.images[:examples]
            self.write(Path(FISHER.beside(str(expert))).stem, fisher(weights, head, images))
            self.write(Path(GRAM.beside(str(expert))).stem, grams(weights, images))

    def read(self, path: Path) -> Weights:
        """A file's tensors."""
        weights = {}
        with open_checkpoint(str(path)) as found:
            for name in found.names:
                info = found.info(name)
                values = decode(bytes(found.raw(name)), info.dtype).reshape(info.shape)
                weights[name] = torch.from_numpy(values.copy())
        return weights

    def merged(self, method: str, given: Mapping[str, object]) -> Weights:
        """All experts merged: together, or where a method takes two, one after the other."""
        if METHODS[method].sides[1] is None:
            return self.merge(method, self.experts, given)
        found = self.experts[0] if METHODS[method].sides[0] > 1 else self.base
        for place, expert in enumerate(self.experts):
            if found == expert:
                continue
            share = {"slerp": {"t": 1 / (place + 1)}, "nuslerp": {"weight": f"{place},1"}}
            result = self.merge(method, [found, expert], {**given, **share.get(method, {})})
            found = self.write("so-far", result)
        return self.read(found)

    def scaled(self, weights: Mapping[str, Tensor], scale: float) -> Weights:
        """As far again from the base."""
        found = self.write("unscaled", weights)
        return self.merge("task_arithmetic", [found], {"lambda": scale})

    def merge(self, method: str, models: Sequence[Path], given: Mapping[str, object]) -> Weights:
        """One `tiebreak weights merge`."""
        out = self.folder / "out.safetensors"
        said = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
        inputs = [str(path) for path in (self.base, *models)]
        words = ["weights", "merge", *inputs, "-o", str(out), "--method", method, *said]
        with redirect_stderr(io.StringIO()) as told:
            code = dispatch.run([*words, "--threads", "1"])
        if code:
            raise MergeError(told.getvalue().strip())
        found = self.read(out)
        out.unlink()
        return found


def fisher(weights: Weights, head: nn.Linear, images: Tensor) -> Weights:
    """The diagonal of the Fisher information, exact over the classes, each example by itself."""
    trunk = Trunk()

    def logs(parameters: Weights, image: Tensor) -> Tensor:
        features = torch.func.functional_call(trunk, parameters, (image[None],))
        return torch.log_softmax(head(features)[0], -1)

    def squares(image: Tensor) -> Weights:
        chances = logs(weights, image).exp()
        rows = torch.func.jacrev(logs)(weights, image)
        return {
            name: (chances.reshape(-1, *[1] * (found.ndim - 1)) * found**2).sum(0)
            for name, found in rows.items()
        }

    found = torch.func.vmap(squares, chunk_size=4)(images)
    return {name: values.mean(0).detach() for name, values in found.items()}


@torch.no_grad()
def grams(weights: Weights, images: Tensor) -> Weights:
    """The mean of x x' over the inputs x of every linear layer."""
    trunk, found = Trunk(), {}
    trunk.load_state_dict(weights)

    def seen(name: str, inputs: Tensor) -> None:
        found[f"{name}.weight"] = inputs.T @ inputs / len(inputs)

    for name, module in trunk.named_modules():
        if isinstance(module, nn.Linear):
            module.register_forward_pre_hook(lambda _, given, name=name: seen(name, given[0]))
    trunk(images)
    return found


# Report -------------------------------------------------------------------------------------------


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Percent of the individual models, the best tuned one first."""
    yield f"| method | default | tuned | lambda (t), by seed | tuned, minus {BESIDE} |"
    yield "|---|---|---|---|---|"
    for name in outcomes[0].reference:
        found = [normalised(one, one.reference[name]) for one in outcomes]
        yield f"| *{name}* | {interval(found)} | | | |"
    rows = sorted((row(name, outcomes) for name in outcomes[0].tuned), reverse=True)
    yield from (text for _, text in rows)
    for name, reason in outcomes[0].failed.items():
        yield f"{name}: {reason}"


def row(name: str, outcomes: Sequence[Outcome]) -> tuple[float, str]:
    """What a method is sorted by, and its line."""
    found = [one for one in outcomes if name in one.tuned]
    values = [normalised(one, one.tuned[name]) for one in found]
    cells = [
        name,
        interval([normalised(one, one.default[name]) for one in found]),
        interval(values),
        ", ".join(f"{one.chosen[name]:g}" for one in found),
        interval(
            [
                value - normalised(one, one.tuned[BESIDE])
                for value, one in zip(values, found, strict=True)
                if BESIDE in one.tuned
            ]
        ),
    ]
    return statistics.mean(values), f"| {' | '.join(cells)} |"


def normalised(outcome: Outcome, found: Sequence[float]) -> float:
    """The mean over the tasks of the ratio to the task's own model, in percent."""
    own = outcome.reference["individual"]
    return 100 * statistics.mean(x / y for x, y in zip(found, own, strict=True))


def interval(values: Sequence[float]) -> str:
    """``87.1 ± 0.9``: the mean, and half a 95 % interval."""
    if not values:
        return ""
    mean = statistics.mean(values)
    if len(values) == 1:
        return f"{mean:.1f}"
    half = student.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.1f} ± {half:.1f}"


if __name__ == "__main__":
    main()
