#!/usr/bin/env python3
"""What tiebreak and mergekit make of the same models, element by element.

    python benchmarks/weights_parity.py MODELS --mergekit PATH/TO/mergekit-yaml
                                        [--only CASE...] [--computes DTYPE...]

MODELS is a folder with the models `base`, `ft1` and `ft2` in BF16 (folders with safetensors). Each
method is run by both with the same parameters, by mergekit once computing in BF16 (as its users
mostly do) and once in float32, both written as BF16. tiebreak computes in float64. Printed are the
share of elements that have the same bits, the largest difference, and the largest difference in
steps of BF16 (units in the last place of the larger value).

DARE and DELLA drop by chance, and mergekit rescales by a ratio of norms where the papers divide by
the probability (`rescale` "l1" does as it does), so there only statistics are compared: the share
of elements that moved away from the base, the slope of the moves over the undropped sum (1:
unbiased), and their norm over its norm. At the end it is counted how many entries there are of
which both make something else on purpose.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.values import decode
from weights_cases import CASES, CRUMBS, NAMES, Case
from weights_speed import MERGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CAUSES: Final = (
    "in all",
    "as large as a threshold of breadcrumbs",
    "changed by opposite amounts",
    "changed alike",
    "in rows whose changes oppose each other",
)
PRECISIONS: Final = ("bfloat16", "float32")


class Difference(NamedTuple):
    """Between two merged models."""

    elements: int
    same: int
    largest: float
    steps: float


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path)
    parser.add_argument("--mergekit", required=True)
    parser.add_argument("--only", nargs="+", choices=list(CASES), metavar="CASE", default=CASES)
    parser.add_argument("--computes", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    given = parser.parse_args()
    print("| method | mergekit computes in | same bits | largest difference | in BF16 steps |")
    print("|---|---|---|---|---|")
    for name in given.only:
        with tempfile.TemporaryDirectory(dir=given.models.parent) as folder:
            mine = ours(given.models, Path(folder) / "ours", CASES[name])
            for dtype in given.computes:
                other = Path(folder) / dtype
                theirs(given.models, other, CASES[name], dtype, given.mergekit)
                for line in compared(name, dtype, given.models, (mine, other)):
                    print(line, flush=True)
    print("", *causes(given.models), sep="\n")


def compared(name: str, dtype: str, models: Path, merged: tuple[Path, Path]) -> Iterator[str]:
    """The lines of one case."""
    if CASES[name].chance:
        yield from (f"{name}, {dtype}: {line}" for line in chance(models, *merged))
    else:
        yield row(name, dtype, difference(*merged))


def ours(models: Path, out: Path, case: Case) -> Path:
    """The model that tiebreak writes."""
    inputs = [str(models / name) for name in (NAMES[0], *case.models)]
    command = [sys.executable, "-c", MERGE, "weights", "merge", *inputs, "-o", str(out)]
    subprocess.run([*command, *case.options()], check=True, capture_output=True)
    return out


def theirs(models: Path, out: Path, case: Case, dtype: str, program: str) -> Path:
    """The model that mergekit writes."""
    config = out.with_name(f"{out.name}.yaml")
    config.write_text(json.dumps(case.recipe(models, dtype)))
    done = subprocess.run(
        [program, str(config), str(out), "--lazy-unpickle", "--quiet"],
        check=False, capture_output=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"mergekit {case.theirs}: {done.stderr.decode(errors='replace')}")
    return out


def pairs(*paths: Path) -> Iterator[list[NDArray[np.float64]]]:
    """The same tensor of each model, tensor by tensor."""
    models = [open_checkpoint(str(path)) for path in paths]
    for name in models[0].names:
        yield [decode(bytes(one.raw(name)), one.info(name).dtype).astype("f8") for one in models]


def difference(mine: Path, other: Path) -> Difference:
    """Over all elements."""
    elements = same = 0
    largest = steps = 0.0
    for x, y in pairs(mine, other):
        gap = np.abs(x - y)
        elements, same = elements + x.size, same + int((gap == 0).sum())
        largest = max(largest, float(gap.max()))
        _, exponent = np.frexp(np.maximum(np.abs(x), np.abs(y)))
        steps = max(steps, float((gap / np.ldexp(1.0, exponent - 8)).max()))
    return Difference(elements, same, largest, steps)


def row(method: str, dtype: str, found: Difference) -> str:
    """A line of the table."""
    share = 100 * found.same / found.elements
    return f"| {method} | {dtype} | {share:.4f} % | {found.largest:.3g} | {found.steps:.3g} |"


def chance(models: Path, mine: Path, other: Path) -> Iterator[str]:
    """The statistics of methods that drop by chance."""
    sums = {"tiebreak": np.zeros(3), "mergekit": np.zeros(3)}
    whole, elements = 0.0, 0
    for base, one, two, x, y in pairs(*(models / name for name in NAMES), mine, other):
        full = one + two - 2 * base
        whole += float(full @ full)
        elements += base.size
        for name, found in (("tiebreak", x), ("mergekit", y)):
            move = found - base
            sums[name] += ((move != 0).sum(), move @ full, move @ move)
    for name, (moved, along, square) in sums.items():
        share, slope, norm = moved / elements, along / whole, (square / whole) ** 0.5
        yield f"{name}: {100 * share:.2f} % moved, slope {slope:.4f}, norm {norm:.4f}"


def causes(models: Path) -> Iterator[str]:
    """How many entries there are of which both make something else on purpose."""
    found = dict.fromkeys(CAUSES, 0)
    with open_checkpoint(str(models / NAMES[0])) as first:
        shapes = [first.info(name).shape for name in first.names]
    tensors = pairs(*(models / name for name in NAMES))
    for shape, (base, *sides) in zip(shapes, tensors, strict=True):
        one, two = ((side - base).reshape(shape[0], -1) for side in sides)
        found["in all"] += base.size
        found["as large as a threshold of breadcrumbs"] += (at_an_end(one) | at_an_end(two)).sum()
        found["changed by opposite amounts"] += ((one == -two) & (one != 0)).sum()
        found["changed alike"] += ((one == two) & (one != 0)).sum()
        if len(shape) > 1:
            opposing = int(((one * two).sum(axis=1) < 0).sum())
            found["in rows whose changes oppose each other"] += opposing * one.shape[1]
    for name, entries in found.items():
        yield f"entries {name}: {entries}, {100 * entries / found['in all']:.1f} %"


def at_an_end(change: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which entries are as large as the smallest or the largest that breadcrumbs keep."""
    sizes = np.abs(change).astype(np.float32)
    ascending = np.sort(sizes, axis=None)
    top, kept = (int(CRUMBS[share] * sizes.size) for share in ("gamma", "density"))
    return (sizes == ascending[-top - 1]) | (sizes == ascending[-top - kept])


if __name__ == "__main__":
    main()
