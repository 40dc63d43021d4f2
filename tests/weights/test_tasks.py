"""The benchmark of eight tasks: real training, the real command, and figures that follow."""

from __future__ import annotations

import statistics

import torch

from weights_tasks import QUICK, normalised, run, table


def test_merging_eight_models_is_better_than_none_of_them() -> None:
    """The better the more is chosen; a method that cannot is named, and the others go on."""
    methods = ["linear", "task_arithmetic", "fisher", "slerp", "nearswap", "layer_swap"]
    threads, ticks = torch.get_num_threads(), []
    try:
        found = run(0, QUICK, methods, lambda: ticks.append(1))
    finally:
        torch.set_num_threads(threads)
    pretrained, joint = (normalised(found, found.reference[x]) for x in ("pretrained", "joint"))
    assert normalised(found, found.reference["individual"]) == 100
    assert 40 < pretrained < 70
    assert joint > 95
    for name in methods[:-1]:
        assert pretrained < normalised(found, found.tuned[name]) < joint
    assert found.chosen["task_arithmetic"] == 0.3
    assert statistics.mean(found.tuned["task_arithmetic"]) > statistics.mean(
        found.default["task_arithmetic"]
    )
    assert "needs the parameter layers" in found.failed["layer_swap"]
    assert len(ticks) == len(methods)
    lines = list(table([found, found]))
    assert "| *individual* | 100.0 ± 0.0 | | | |" in lines
    assert any("task_arithmetic" in line and line.endswith("| 0.0 ± 0.0 |") for line in lines)
    assert lines[-1].startswith("layer_swap: ")
