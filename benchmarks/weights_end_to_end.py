#!/usr/bin/env python3
"""Two branches fine-tune a small language model, and git merges them: what is the result worth?

    python benchmarks/weights_end_to_end.py [--seeds 5] [--quick] [--json FILE]

A GPT of 120,000 parameters that reads bytes is trained on a base of code and prose. Branch `prose`
fine-tunes it on the reference manual that Python's `help()` shows, branch `code` on the sources of
Python's standard library; neither of these texts is in the base. Each commits its checkpoint with
its Fisher, and `git merge` merges them by the committed recipe. A figure is the loss on text that
nobody trained on, in bits for each byte, so less is better; `mean` is that of the two tasks.

Beside the merged models stand the base, both parents, and `joint`: the base fine-tuned on both
tasks, with as many steps as both branches together. The recipes are the defaults of the methods
(`average` is linear); nothing is chosen by the figures. With the first seed, every merge is made
again under Git LFS, and as a rebase (of `code` onto `prose`) in both kinds of repository; the last
column says whether all four gave the same bytes. A seed takes half a minute on a core of its own.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import pydoc_data.topics
import random
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from transformers.utils import logging

from tiebreak.learn.fisher import write_fisher
from tiebreak.learn.loaded import How

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

CONTEXT: Final = 64  # bytes
BATCH: Final = 16
HELD_OUT: Final = 0.1  # the last part of every text
FILE: Final = "model.safetensors"
TIEBREAK: Final = "import sys; from tiebreak.cli import main; sys.exit(main())"
ATTRIBUTES: Final = "*.safetensors filter=lfs diff=lfs merge=tiebreak -text\n"
RECIPES: Final = {
    "average": 'method = "linear"',
    "task_arithmetic": 'method = "task_arithmetic"',
    "ties": 'method = "ties"',
    "dare": 'method = "dare"',
    "slerp": 'method = "slerp"',
    "fisher": 'method = "fisher"\nfloor_mode = "relative"',
}
FISHER_FILES: Final = '\n[weights."*.fisher.safetensors"]\nmethod = "ours"\nmetadata = "ours"\n'


class Steps(NamedTuple):
    """How long is trained."""

    base: int = 250
    task: int = 80


class Texts(NamedTuple):
    """Bytes: what is trained on, and what only measures."""

    train: Tensor
    held_out: Tensor


class Loss(NamedTuple):
    """Bits for each byte of the two tasks."""

    prose: float
    code: float

    @property
    def mean(self) -> float:
        """The figure that counts."""
        return (self.prose + self.code) / 2


class Outcome(NamedTuple):
    """Of one seed: the losses by model; by recipe, whether every way of merging gave the same."""

    losses: dict[str, Loss]
    same: dict[str, bool]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a quarter of the training")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    steps = Steps(60, 20) if given.quick else Steps()
    outcomes = []
    for seed in range(given.seeds):
        ways = WAYS if seed == 0 else WAYS[:1]
        outcomes.append(run(seed, steps, RECIPES, ways))
        print(f"seed {seed}: {outcomes[-1]}", file=sys.stderr)
    for line in table(outcomes):
        print(line)
    if given.json:
        given.json.write_text(json.dumps([outcome._asdict() for outcome in outcomes]))


def run(
    seed: int, steps: Steps, recipes: Mapping[str, str], ways: Sequence[tuple[str, str]]
) -> Outcome:
    """Train, commit, merge by every recipe in each of the ways, and measure."""
    torch.set_num_threads(1)  # more only wait for each other, with models so small
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    base_text, prose, code = corpora()
    torch.manual_seed(seed)
    base = train(new_model(), [base_text], steps.base, seed)
    parents = {
        "prose": train(copy.deepcopy(base), [prose], steps.task, seed + 1),
        "code": train(copy.deepcopy(base), [code], steps.task, seed + 2),
    }
    joint = train(copy.deepcopy(base), [prose, code], 2 * steps.task, seed + 3)
    trained = {"base": base, **parents, "joint": joint}
    losses = {name: Loss(loss(one, prose), loss(one, code)) for name, one in trained.items()}
    same: dict[str, bool] = {}
    with tempfile.TemporaryDirectory() as folder:
        commits = Commits(Path(folder), {"base": base, **parents})
        if "fisher" in recipes:
            commits.estimate({"prose": prose, "code": code})
        for kind in sorted({kind for kind, _ in ways}):
            commits.commit(kind)
        for name, recipe in recipes.items():
            found, alike = commits.merged(recipe, ways)
            same |= {name: alike} if len(ways) > 1 else {}
            losses[name] = Loss(loss(found, prose), loss(found, code))
    return Outcome(losses, same)


# Texts --------------------------------------------------------------------------------------------


def corpora() -> tuple[Texts, Texts, Texts]:
    """The base, prose and code: what comes with Python itself."""
    library = Path(sysconfig.get_path("stdlib"))
    names = ("textwrap", "argparse", "calendar", "difflib", "optparse", "pdb", "zipfile")
    mixed = [(library / f"{name}.py").read_text("utf-8") for name in names]
    mixed.append((library / "idlelib/NEWS.txt").read_text("utf-8"))
    topics = pydoc_data.topics.topics
    prose = [topics[name] for name in sorted(topics)]
    code = [path.read_text("utf-8") for path in sorted((library / "asyncio").glob("*.py"))]
    return texts(mixed), texts(prose), texts(code)


def texts(parts: Sequence[str]) -> Texts:
    """Mixed up, so that what is held out is like the rest."""
    mixed = list(parts)
    random.Random(0).shuffle(mixed)  # noqa: S311
    data = torch.tensor(list("\n".join(mixed).encode()), dtype=torch.long)
    cut = int(len(data) * (1 - HELD_OUT))
    return Texts(data[:cut], data[cut:])


# Training -----------------------------------------------------------------------------------------


def new_model() -> GPT2LMHeadModel:
    """A GPT that reads bytes."""
    config = GPT2Config(
        vocab_size=256, n_positions=CONTEXT, n_embd=64, n_layer=2, n_head=4,
        bos_token_id=0, eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    return GPT2LMHeadModel(config)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Every byte is a token, whose number it is."""
    alphabet = [chr(byte) for byte in range(256)]
    letters = {_letter(byte): byte for byte in range(len(alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def _letter(byte: int) -> str:
    """The letter by which byte-level tokenizers write a byte (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if byte in printable:
        return chr(byte)
    return chr(256 + [other for other in range(256) if other not in printable].index(byte))


def train(model: GPT2LMHeadModel, tasks: Sequence[Texts], steps: int, seed: int) -> GPT2LMHeadModel:
    """AdamW with a linear decay; each step takes from one task, in turn."""
    rng = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, steps)
    model.train()
    for step in range(steps):
        data = tasks[step % len(tasks)].train
        starts = torch.randint(len(data) - CONTEXT, (BATCH,), generator=rng)
        ids = torch.stack([data[start : start + CONTEXT] for start in starts])
        model(ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return model.eval()


@torch.no_grad()
def loss(model: GPT2LMHeadModel, task: Texts) -> float:
    """Bits for each byte, over the first 256 stretches of what was held out."""
    ids = task.held_out[: 256 * CONTEXT]
    ids = ids[: len(ids) // CONTEXT * CONTEXT].reshape(-1, CONTEXT)
    return float(model(ids, labels=ids).loss) / math.log(2)


# Git ----------------------------------------------------------------------------------------------


class Commits:
    """The base and both fine-tuned models as commits, in a plain repository and in one of LFS."""

    def __init__(self, folder: Path, models: Mapping[str, GPT2LMHeadModel]) -> None:
        """Write them as Hugging Face models."""
        self.folder = folder
        for name, model in models.items():
            model.save_pretrained(folder / name)
            byte_tokenizer().save_pretrained(folder / name)

    def estimate(self, tasks: Mapping[str, Texts]) -> None:
        """As `tiebreak weights fisher`, on what each model was trained on."""
        for name, task in tasks.items():
            text = bytes(task.train.tolist()).decode(errors="replace")
            output = str(self.folder / name / "model.fisher.safetensors")
            how = How(length=CONTEXT, batch=32)
            write_fisher(str(self.folder / name), [text], output, how, lambda *_: None)

    def commit(self, kind: str) -> None:
        """A repository with the branches `base`, `prose` and `code`."""
        repository = self.folder / kind
        repository.mkdir()
        git(repository, "init", "-q", "-b", "base")
        tiebreak(repository, "install", "--local")
        if kind == "lfs":
            git(repository, "lfs", "install", "--local", "--skip-repo")
            (repository / ".gitattributes").write_text(ATTRIBUTES)
        for name in ("base", "prose", "code"):
            if name != "base":
                git(repository, "checkout", "-q", "-b", name, "base")
            for path in (self.folder / name).iterdir():
                (repository / path.name).write_bytes(path.read_bytes())
            git(repository, "add", "-A")
            git(repository, "commit", "-q", "-m", name)

    def merged(self, recipe: str, ways: Sequence[tuple[str, str]]) -> tuple[GPT2LMHeadModel, bool]:
        """What `git merge` makes of them, and whether all ways give the same bytes."""
        contents = [self.merge(*way, recipe) for way in ways]
        with tempfile.TemporaryDirectory(dir=self.folder) as result:
            shutil.copytree(self.folder / "base", result, dirs_exist_ok=True)
            (Path(result) / FILE).write_bytes(contents[0])
            return GPT2LMHeadModel.from_pretrained(result), len(set(contents)) == 1

    def merge(self, kind: str, command: str, recipe: str) -> bytes:
        """The checkpoint that git makes of both branches, with a recipe committed before."""
        repository = self.folder / kind
        text = f"[weights]\n{recipe}\n{FISHER_FILES}"
        for branch, origin in (("ours", "prose"), ("theirs", "code")):
            git(repository, "checkout", "-q", "-B", branch, origin)
        git(repository, "checkout", "-q", "ours")
        (repository / ".tiebreak.toml").write_text(text)
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "-m", "recipe")
        if command == "rebase":
            git(repository, "checkout", "-q", "theirs")
            git(repository, "rebase", "-q", "ours")
        else:
            git(repository, "merge", "-q", "-m", "both", "theirs")
        return (repository / FILE).read_bytes()


WAYS: Final = (("plain", "merge"), ("lfs", "merge"), ("plain", "rebase"), ("lfs", "rebase"))


def git(folder: Path, *arguments: str) -> None:
    """Run git, which has to succeed."""
    command(folder, "git", *arguments)


def tiebreak(folder: Path, *arguments: str) -> None:
    """Run the command line."""
    command(folder, sys.executable, "-P", "-c", TIEBREAK, *arguments)


def command(folder: Path, *words: str) -> None:
    """Run a program in a folder."""
    done = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {(done.stdout + done.stderr).decode()}")


def environment() -> dict[str, str]:
    """Nobody's configuration, and somebody to commit."""
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "A U Thor"), ("EMAIL", "author@example.com"))
    }
    return {**os.environ, **who, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


# Report -------------------------------------------------------------------------------------------


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Mean and standard deviation over the seeds, and how often a model beats both parents."""
    yield "| model | prose | code | mean | better than both parents | all ways: same bytes |"
    yield "|---|---|---|---|---|---|"
    for name in outcomes[0].losses:
        losses = [outcome.losses[name] for outcome in outcomes]
        columns = [
            spread([one.prose for one in losses]),
            spread([one.code for one in losses]),
            spread([one.mean for one in losses]),
        ]
        parents = [
            min(outcome.losses["prose"].mean, outcome.losses["code"].mean) for outcome in outcomes
        ]
        better = sum(one.mean < parent for one, parent in zip(losses, parents, strict=True))
        same = [outcome.same[name] for outcome in outcomes if name in outcome.same]
        told = f"{sum(same)} of {len(same)}" if same else ""
        yield f"| {name} | {' | '.join(columns)} | {better} of {len(outcomes)} | {told} |"


def spread(values: Sequence[float]) -> str:
    """``1.234 (0.005)``."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ({deviation:.3f})"


if __name__ == "__main__":
    main()
