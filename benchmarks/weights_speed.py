#!/usr/bin/env python3
"""What merging checkpoints costs, as ratios taken in one run: rounds of all variants, interleaved.

    python benchmarks/weights_speed.py MODELS [--rounds 5] [--mergekit PATH] [--json FILE]
                                       [--only NAME...]

MODELS is a folder with the models `base`, `ft1` and `ft2` (folders with safetensors). Measured are
whole commands, from the start of the interpreter to the renamed and synced output:

    floor 2, floor 3   read 2 or 3 models in pieces of 1 MiB and write one, with the same fsync
    linear, ...        `tiebreak weights merge` with the method's defaults
    numpy ...          a plain loop over the tensors with numpy in float32, without start-up
    karcher, ...       the other methods, once; those that see matrices take minutes
    mergekit ...       `mergekit-yaml`, once for each case of `weights_cases`, when it is there
    start              merging models of one number
    18000 tensors      TIES of a model of 18,000 tensors of 6 KB, and of its half
    a quarter changed  TIES where each model changed one tensor in four

A time is the best of the rounds; a ratio is that over the best of its floor. Memory is the largest
anonymous resident memory seen (`RssAnon`): mapped input files are the page cache's.
`weights_parity.py` compares what tiebreak and mergekit write.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zlib
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.engine import Output, write_checkpoint
from tiebreak.weights.values import decode, encode
from weights_cases import CASES, DENSITY, NAMES, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PIECE: Final = 1 << 20
MANY: Final = 18_000
QUARTER: Final = 4
BOUNDS: Final = {"linear": 2.0, "task_arithmetic": 2.5, "ties": 4.0}
ABOUT_TWO: Final = ("linear", "slerp", "nuslerp, models", "karcher", "nearswap", "arcee_fusion")
FLOORS: Final = dict.fromkeys(ABOUT_TWO, "floor 2")  # the others read a third model
METHODS: Final = ("linear", "task_arithmetic", "ties", "ties model", "dare", "slerp")
OWN: Final = ("magmax", "emr", "pcb", "iso_c", "iso_cts", "tsv_m", "wudi")  # mergekit has none
MERGE: Final = "import sys; from tiebreak.cli import main; sys.exit(main())"


class Measured(NamedTuple):
    """Seconds, and bytes of anonymous memory (0: not measured)."""

    seconds: float
    memory: int = 0


Variants = dict[str, "Callable[[], Measured]"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mergekit", default=shutil.which("mergekit-yaml"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", help="these variants; the floors are always there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.models.parent) as folder:
        every, once = variants(given.models, Path(folder), given.mergekit)
        found = measure(every, once, given.rounds, given.only)
    for line in table(found):
        print(line)
    if given.json:
        given.json.write_text(json.dumps({name: best._asdict() for name, best in found.items()}))


def variants(models: Path, work: Path, mergekit: str | None) -> tuple[Variants, Variants]:
    """What is run in every round, and what is so slow that it is run once."""
    once = {
        **others(models, work),
        **loops(models, work),
        **(mergekits(models, work, mergekit) if mergekit else {}),
    }
    return {**floors(models, work), **ours(models, work)}, once


def measure(
    every: Variants, once: Variants, rounds: int, only: list[str] | None
) -> dict[str, Measured]:
    """The best of all rounds, by variant."""
    best: dict[str, Measured] = {}
    for number in range(rounds):
        for name, run in {**every, **(once if not number else {})}.items():
            if only and name not in only and not name.startswith("floor"):
                continue
            now, before = run(), best.get(name)
            best[name] = now if before is None or now.seconds < before.seconds else before
            print(f"round {number + 1}: {name}: {now.seconds:.2f} s", file=sys.stderr)
    return best


def floors(models: Path, work: Path) -> Variants:
    """Reading and writing alone."""
    paths = [sorted((models / name).glob("*.safetensors")) for name in NAMES]
    return {
        "floor 2": partial(timed, partial(copy, paths[1:], work)),
        "floor 3": partial(timed, partial(copy, paths, work)),
    }


def copy(models: list[list[Path]], work: Path) -> None:
    """Read all, and write the last."""
    buffer = memoryview(bytearray(PIECE))
    out = os.open(work / "floor", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for files in models:
        for path in files:
            with path.open("rb", buffering=0) as file:
                while size := file.readinto(buffer):
                    if files is models[-1]:
                        os.write(out, buffer[:size])
    os.fsync(out)
    os.close(out)
    os.unlink(work / "floor")


def ours(models: Path, work: Path) -> Variants:
    """The command, on the models and on what is made from them."""
    found: Variants = {}
    for name in METHODS:
        method, _, scope = name.partition(" ")
        options = ["--set", f"scope={scope}"] if scope else []
        found[name] = partial(merge, models, work, "--method", method, *options)
    found["start"] = partial(merge, many(work / "one", 1, (1,)), work, "--method", "linear")
    half, full = (many(work / f"many{n}", n, (64, 50)) for n in (MANY // 2, MANY))
    found[f"{MANY // 2} tensors"] = partial(merge, half, work, "--method", "ties")
    found[f"{MANY} tensors"] = partial(merge, full, work, "--method", "ties")
    quarter = sparse(models, work / "quarter")
    found["a quarter changed"] = partial(merge, quarter, work, "--method", "ties")
    return found


def others(models: Path, work: Path) -> Variants:
    """The other methods that mergekit has, and those that it has not."""
    cases = {name: case for name, case in CASES.items() if name not in METHODS}
    cases |= {name: Case(name, "") for name in OWN}
    return {
        name: partial(merge, models, work, *case.options(), names=(NAMES[0], *case.models))
        for name, case in cases.items()
    }


def merge(models: Path, work: Path, *options: str, names: Sequence[str] = NAMES) -> Measured:
    """One `tiebreak weights merge` of the base and the models."""
    inputs = [str(path(models, name)) for name in names]
    out = work / ("out" if Path(inputs[1]).is_dir() else "out.safetensors")
    command = [sys.executable, "-c", MERGE, "weights", "merge", *inputs, "-o", str(out), *options]
    command.append("--no-card")  # which reads every input again, for its digest
    measured = watched(command)
    shutil.rmtree(out) if out.is_dir() else out.unlink()
    return measured


def path(models: Path, name: str) -> Path:
    """The model as a folder, or as the file that this benchmark made."""
    return models / name if (models / name).is_dir() else models / f"{name}.safetensors"


def many(folder: Path, number: int, shape: tuple[int, ...]) -> Path:
    """Models of that many tensors of random numbers."""
    folder.mkdir()
    for seed, name in enumerate(NAMES):
        rng = np.random.default_rng(seed)
        raw = (encode(rng.standard_normal(shape).ravel(), "BF16") for _ in range(number))
        tensors = [
            Output(f"layers.{i}.w", "BF16", shape, memoryview(data)) for i, data in enumerate(raw)
        ]
        write_checkpoint(str(folder / f"{name}.safetensors"), tensors, {"format": "pt"})
    return folder


def sparse(models: Path, folder: Path) -> Path:
    """The models, with three of four tensors (by a hash of their names) as in the base."""
    folder.mkdir()
    with open_checkpoint(str(models / "base")) as base:
        for name in NAMES:
            with open_checkpoint(str(models / name)) as model:
                tensors = []
                for tensor in model.names:
                    changed = zlib.crc32(f"{name} {tensor}".encode()) % QUARTER == 0
                    info, source = model.info(tensor), model if changed else base
                    tensors.append(Output(tensor, info.dtype, info.shape, source.raw(tensor)))
                write_checkpoint(str(folder / f"{name}.safetensors"), tensors, {"format": "pt"})
                tensors.clear()
    return folder


def loops(models: Path, work: Path) -> Variants:
    """Plain numpy, tensor by tensor."""
    formulas = {"linear": average, "task_arithmetic": add, "ties": trim_elect_merge}
    return {
        f"numpy {name}": partial(timed, partial(loop, models, work, formula))
        for name, formula in formulas.items()
    }


def loop(models: Path, work: Path, formula: Callable[..., np.ndarray]) -> None:
    """Read, compute in float32, write."""
    opened = [open_checkpoint(str(models / name)) for name in NAMES]
    with (work / "loop").open("wb") as out:
        for name in opened[0].names:
            dtype = opened[0].info(name).dtype
            out.write(encode(formula(*(decode(one.raw(name), dtype) for one in opened)), dtype))
        out.flush()
        os.fsync(out.fileno())
    (work / "loop").unlink()


def average(_base: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """The linear method."""
    return (one + two) / 2


def add(base: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Task Arithmetic."""
    return base + ((one - base) + (two - base))


def trim_elect_merge(base: np.ndarray, *models: np.ndarray) -> np.ndarray:
    """TIES."""
    trimmed = []
    for model in models:
        delta = model - base
        size, place = np.abs(delta), delta.size - max(1, int(DENSITY * delta.size))
        trimmed.append(np.where(size >= np.partition(size, place)[place], delta, 0))
    sign = np.sign(sum(trimmed))
    agree = [np.where(np.sign(delta) == sign, delta, 0) for delta in trimmed]
    return base + sum(agree) / np.maximum(sum(delta != 0 for delta in agree), 1)


def mergekits(models: Path, work: Path, program: str) -> Variants:
    """The same merges by mergekit."""
    found: Variants = {}
    for name, case in CASES.items():
        config = work / f"{name}.yaml"
        config.write_text(json.dumps(case.recipe(models, "bfloat16")))
        command = [program, str(config), str(work / "mergekit"), "--lazy-unpickle", "--quiet"]
        found[f"mergekit {name}"] = partial(watched, command)
    return found


def timed(run: Callable[[], None]) -> Measured:
    """The seconds of a call."""
    begun = perf_counter()
    run()
    return Measured(perf_counter() - begun)


def watched(command: list[str]) -> Measured:
    """The seconds of a process, and its largest anonymous memory."""
    begun, largest = perf_counter(), [0]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        watcher = threading.Thread(target=watch, args=(process, largest), daemon=True)
        watcher.start()
        _, errors = process.communicate()
        seconds = perf_counter() - begun
        watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)}: {errors.decode(errors='replace')}")
    return Measured(seconds, largest[0])


def watch(process: subprocess.Popen[bytes], largest: list[int]) -> None:
    """Look every 10 ms while the process runs."""
    while process.poll() is None:
        largest[0] = max([largest[0], *anonymous(process.pid)])
        sleep(0.01)


def anonymous(pid: int) -> Iterator[int]:
    """The anonymous memory of a process, where the system tells."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                yield int(line.split()[1]) * 1024
    except OSError:
        return


def table(found: dict[str, Measured]) -> Iterator[str]:
    """Seconds, the ratio to the floor, its bound, and the memory."""
    yield "| what | seconds | x floor | bound | anonymous MiB |"
    yield "|---|---|---|---|---|"
    for name, best in found.items():
        floor = FLOORS.get(name.removeprefix("mergekit "), "floor 3")
        ratio = best.seconds / found[floor].seconds
        bound = f"{BOUNDS[name]:g}" if name in BOUNDS else ""
        memory = f"{best.memory / 2**20:.0f}" if best.memory else ""
        yield f"| {name} | {best.seconds:.2f} | {ratio:.2f} | {bound} | {memory} |"


if __name__ == "__main__":
    main()
