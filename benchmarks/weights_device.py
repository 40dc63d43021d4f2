#!/usr/bin/env python3
"""Merging on a device of torch against the processor: the same bytes, and how long it takes.

    PYTHONPATH=mergetool python benchmarks/weights_device.py [--device cuda] [--millions 200]
                                                             [--rounds 3] [--folder DIR]

Needs torch, numpy and click; the package runs from its source. The processor's kernels are compiled
first when there is a C compiler, and are numpy's else. A base and two fine-tunes of random numbers
in BF16 are written to DIR (in memory where there is /dev/shm), each with a Fisher, and merged by
every method on both, read, written and synced. A time is the best of the rounds; the first merge on
the device, which starts it, is not counted. Printed besides: the share of the bytes that are equal,
and the largest difference in steps of BF16 (1: one rounding).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch

import tiebreak
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.engine import Output, write_checkpoint
from tiebreak.weights.importance import FISHER
from tiebreak.weights.kernels import computing_on, host, native
from tiebreak.weights.methods import check, method_named
from tiebreak.weights.values import encode
from tiebreak.weights.whole import Models, merge_models, write_models

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES: Final = ("base", "one", "two")
ROWS: Final = 2048
FLAGS: Final = ("-O3", "-std=c11", "-fPIC", "-shared", "-ffp-contract=off", "-fno-math-errno")
METHODS: Final = {
    "linear": {},
    "task_arithmetic": {},
    "ties": {},
    "ties, whole model": {"scope": "model"},
    "dare": {},
    "dare, signs elected": {"elect": "mass"},
    "slerp": {},
    "fisher": {},
}


class Compared(NamedTuple):
    """Seconds on both, the share of equal elements, and the largest difference in steps."""

    host: float
    device: float
    same: float
    steps: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--millions", type=int, default=200, help="parameters of a model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default="/dev/shm" if Path("/dev/shm").is_dir() else None)  # noqa: S108
    given = parser.parse_args()
    compile_kernels()
    print(f"torch {torch.__version__}, {name_of(given.device)}, {os.cpu_count()} processors")
    print(f"kernels of the processor: {type(host()).__name__}, {given.millions} M parameters\n")
    print("| method | processor s | device s | equal elements | largest difference, steps |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        make_models(Path(folder), given.millions * 1_000_000)
        for name, parameters in METHODS.items():
            found = compare(Path(folder), name.partition(",")[0], parameters, given)
            print(
                f"| {name} | {found.host:.2f} | {found.device:.2f} | {100 * found.same:.6f} % "
                f"| {found.steps} |",
                flush=True,
            )


def compile_kernels() -> None:
    """Build the library beside the source, where there is a compiler and no library yet."""
    folder = Path(tiebreak.__file__).parent / "weights/kernels"
    if native.load() is None:
        command = [os.environ.get("CC", "cc"), *FLAGS, "kernels.c", "-o", native.NAME, "-lm"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"not compiled: {error}", file=sys.stderr)


def name_of(device: str) -> str:
    """What the device is called."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def make_models(folder: Path, elements: int) -> None:
    """Square tensors, and one small one for each."""
    columns = 2048
    count = max(1, elements // (ROWS * columns))
    for seed, name in enumerate(NAMES):
        path = folder / f"{name}.safetensors"
        write_checkpoint(str(path), [*tensors(count, columns, seed, "BF16")], {"format": "pt"})
        if seed:
            fisher = [*tensors(count, columns, seed + len(NAMES), "F32")]
            write_checkpoint(str(folder / FISHER.beside(path.name)), fisher, {"format": "pt"})


def tensors(count: int, columns: int, seed: int, dtype: str) -> list[Output]:
    """Of one model: the base's numbers and a change, or a Fisher that spans many decades."""
    found = []
    for number in range(count):
        for name, size in ((f"layers.{number}.w", ROWS * columns), (f"layers.{number}.b", 999)):
            always, own = (np.random.default_rng((place, number, size)) for place in (0, seed + 1))
            values = always.standard_normal(size, np.float32) * 0.02
            if dtype == "F32":
                values = np.exp(4 * own.standard_normal(size, np.float32) - 12)
            elif seed:
                values += own.standard_normal(size, np.float32) * 1e-3
            found.append(Output(name, dtype, (size,), memoryview(encode(values, dtype))))
    return found


def compare(
    folder: Path, method: str, parameters: dict[str, object], given: argparse.Namespace
) -> Compared:
    """Merge on both, as often as asked, and look at what came out."""
    outputs = [folder / f"{place}.safetensors" for place in ("host", "device")]
    merge(folder, method, parameters, given.device, outputs[1])  # starts the device
    host_seconds = best(given.rounds, lambda: merge(folder, method, parameters, "cpu", outputs[0]))
    device_seconds = best(
        given.rounds, lambda: merge(folder, method, parameters, given.device, outputs[1])
    )
    one, two = (np.memmap(path, np.uint8, "r") for path in outputs)
    with open_checkpoint(str(outputs[0])) as header:
        start = header.layout[0].header.data_start
    ours, theirs = (np.asarray(data[start:]).view(np.uint16) for data in (one, two))
    steps = np.abs(ordered(ours) - ordered(theirs))
    return Compared(host_seconds, device_seconds, float((steps == 0).mean()), int(steps.max()))


def ordered(bits: np.ndarray) -> np.ndarray:
    """Numbers that are as far apart as there are BF16 values between them."""
    size = (bits & 0x7FFF).astype(np.int32)
    return np.where(bits & 0x8000, -size, size)


def best(rounds: int, run: Callable[[], float]) -> float:
    """The shortest of several times."""
    return min(run() for _ in range(rounds))


def merge(
    folder: Path, method: str, parameters: dict[str, object], device: str, output: Path
) -> float:
    """One merge as the command does it; gives the seconds."""
    output.unlink(missing_ok=True)
    chosen = method_named(method)
    if device == "cpu" and output.name.startswith("device"):
        device = "cpu:0"  # torch's, to try this program out without another device
    begun = time.perf_counter()
    with computing_on(device), ExitStack() as stack:
        files = [folder / f"{name}.safetensors" for name in NAMES]
        fishers = [
            folder / FISHER.beside(path.name) for path in files[1:] if chosen.needs_importance
        ]
        base, *sides = (stack.enter_context(open_checkpoint(str(path))) for path in files)
        importances = [stack.enter_context(open_checkpoint(str(path))) for path in fishers]
        checked = check(chosen, parameters, len(sides))
        planned = merge_models(Models(base, sides, importances), chosen, checked)
        write_models(str(output), sides[0], planned)
        planned.clear()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
