r"""Experts for languages, merged by tiebreak itself, against one network that learned everything.

    python -m tiebreak.learn.experts DATA.npz BASE/model.pt -o FOLDER --fold 0 \
        --recipe models/experts.toml

Each expert goes on from the base with the hunks of its languages alone; the joint network goes on
with all of them, for as many passes. The experts are checkpoints of one base, and every way of the
recipe merges them. What each is worth is measured on the hunks of the fold that none of them saw.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch

from tiebreak.learn import fit
from tiebreak.learn.batches import Data, means_by_hunk
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.engine import Output, write_checkpoint
from tiebreak.weights.importance import FISHER
from tiebreak.weights.methods import check, method_named
from tiebreak.weights.whole import Models, merge_models, write_models

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from tiebreak.weights.checkpoint import Checkpoint

DRAWN: Final = 400  # hunks that a Fisher is estimated from
JOINT: Final = "joint"
BASE: Final = "base"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("base", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, required=True, help="experts and ways, in TOML")
    parser.add_argument("--fold", type=int, default=-1)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--also", type=Path, nargs="*", default=[])
    options = parser.parse_args(arguments)
    work: Path = options.output
    work.mkdir(parents=True, exist_ok=True)
    recipe = read_recipe(options.recipe)
    for name, languages in {**recipe.experts, JOINT: ()}.items():
        learn(options, work / name, languages)
    training = judge_of(options, work / JOINT)
    shutil.copyfile(options.base, work / "base.pt")
    for name in (*recipe.experts, JOINT, BASE):
        path = work / f"{name}.pt" if name == BASE else work / name / "model.pt"
        save(fit.state_of(path), work / f"{name}.safetensors")
        if name in recipe.experts:
            training.ranker.load_state_dict(fit.state_of(path))
            save(
                fisher(training, recipe.experts[name]), work / FISHER.beside(f"{name}.safetensors")
            )
    report(training, work, recipe, options.also)
    return 0


class Recipe(NamedTuple):
    """The languages of each expert, and the methods, with their parameters, that merge them."""

    experts: Mapping[str, Sequence[str]]
    ways: Sequence[tuple[str, Mapping[str, object]]]


def read_recipe(path: Path) -> Recipe:
    """Read `models/experts.toml` or one like it."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    ways = [(way.pop("method"), way) for way in found["ways"]]
    return Recipe(found["experts"], ways)


def learn(options: argparse.Namespace, run: Path, languages: Sequence[str]) -> None:
    """Go on from the base, with all languages or some."""
    fit.main(
        [
            *(str(options.data), "-o", str(run), "--start", str(options.base)),
            *("--fold", str(options.fold), "--passes", str(options.passes)),
            *("--rate", str(options.rate), "--seconds", str(options.seconds)),
            *shape_of(options.base),
            *(("--languages", *languages) if languages else ()),
        ]
    )


def shape_of(model: Path) -> list[str]:
    """The arguments of `tiebreak.learn.fit` for a network of this shape, and how it forgets."""
    shape = torch.load(model, map_location="cpu", weights_only=True)["shape"]
    kept = ("width", "layers", "dropout")
    return [word for name in kept for word in (f"--{name}", str(shape[name]))] + ["--hide", "0.4"]


def judge_of(options: argparse.Namespace, run: Path) -> fit.Training:
    """A trained network, to ask."""
    parser = fit.parser()
    words = [str(options.data), "-o", str(run), "--fold", str(options.fold)]
    words += ["--start", str(run / "model.pt"), *shape_of(options.base)]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return fit.Training(Data(options.data, device), parser.parse_args(words))


def fisher(training: fit.Training, languages: Sequence[str]) -> dict[str, Tensor]:
    """The diagonal Fisher information: squared gradients of an answer drawn from the network's."""
    hunks = training.data.about["hunks"]
    own = [i for i in training.train if hunks[i]["language"] in languages]
    drawn = np.random.default_rng(0).permutation(own)[:DRAWN].tolist()
    ranker = training.ranker.eval()
    state = {name: torch.zeros_like(v) for name, v in ranker.state_dict().items()}
    generator = torch.Generator(device=training.data.device).manual_seed(0)
    for hunk in drawn:
        batch = training.data.batch([hunk])
        _, means = ranker.encode(batch.pieces, batch.codes, batch.words, batch.seams, batch.real)
        table = means_by_hunk(means, batch)
        scores = ranker.rank(table, batch.features, batch.strata, batch.present)
        answer = torch.multinomial(scores.softmax(-1), 1, generator=generator)
        ranker.zero_grad(set_to_none=True)
        (-scores.log_softmax(-1).gather(1, answer).sum()).backward()
        for name, parameter in ranker.named_parameters():
            if parameter.grad is not None:
                state[name] += parameter.grad.square() / len(drawn)
    return {name: v.clamp(min=0) for name, v in state.items() if v.is_floating_point()}


def save(state: Mapping[str, Tensor], path: Path) -> None:
    """Write weights as a checkpoint, numbers that are no floats left out."""
    write_checkpoint(str(path), list(_tensors(state)), {"format": "pt"})


def _tensors(state: Mapping[str, Tensor]) -> Iterator[Output]:
    for name, value in state.items():
        if value.is_floating_point():
            numbers: Any = value.detach().cpu().numpy().astype("<f4", order="C")
            yield Output(name, "F32", tuple(value.shape), memoryview(numbers).cast("B"))


def load(path: Path, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint's weights; what it lacks is as in `like`."""
    with open_checkpoint(str(path)) as found:
        return {
            name: _tensor(found, name) if name in found.names else value
            for name, value in like.items()
        }


def _tensor(found: Checkpoint, name: str) -> Tensor:
    flat = np.frombuffer(found.raw(name), "<f4").copy()
    return torch.from_numpy(flat).reshape(found.info(name).shape)


def merge(
    paths: Sequence[Path], method: str, parameters: Mapping[str, object], target: Path
) -> None:
    """Merge the experts; the base, beside them, is what they went on from."""
    chosen, work = method_named(method), target.parent
    base = open_checkpoint(str(work / f"{BASE}.safetensors"))
    sides = [open_checkpoint(str(path)) for path in paths]
    needed = chosen.needs_importance
    weighed = [open_checkpoint(str(work / FISHER.beside(p.name))) for p in paths if needed]
    checked = check(chosen, parameters, len(sides))
    write_models(str(target), sides[0], merge_models(Models(base, sides, weighed), chosen, checked))
    for one in (base, *sides, *weighed):
        one.close()


def report(training: fit.Training, work: Path, recipe: Recipe, also: Sequence[Path]) -> None:
    """Measure the base, the experts, the joint network and every merge; one line of JSON each."""
    like = fit.state_of(work / JOINT / "model.pt")
    places: list[tuple[str, Path]] = [
        (name, work / f"{name}.safetensors") for name in (BASE, JOINT, *recipe.experts)
    ]
    experts = [work / f"{name}.safetensors" for name in recipe.experts]
    for number, (method, parameters) in enumerate(recipe.ways):
        target = work / f"merged-{number}.safetensors"
        target.unlink(missing_ok=True)
        merge(experts, method, parameters, target)
        places.append((" ".join([method, *(f"{k}={v}" for k, v in parameters.items())]), target))
    more, found = [Data(path, training.data.device) for path in also], []
    for name, path in places:
        training.ranker.load_state_dict(load(path, like))
        row: dict[str, Any] = {"name": name}
        scores: dict[str, Any] = {}
        if training.watch:
            scores["watch"] = training.predict(training.watch)
            row |= training.top(training.watch, scores["watch"]) | {"hunks": len(training.watch)}
        for data, of in zip(more, also, strict=True):
            scores[of.stem] = training.predict(range(len(data)), data)
        np.savez_compressed(path.with_suffix(".scores.npz"), **scores, hunks=training.watch)
        row["file"] = path.name
        found.append(row)
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
    (work / "experts.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
