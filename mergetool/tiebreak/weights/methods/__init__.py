"""The methods that merge tensors, one file each. A new one is a file and a line in `METHODS`."""

from __future__ import annotations

from typing import Final

from tiebreak.weights.methods import (
    dare,
    fisher,
    iso_c,
    iso_cts,
    layer_swap,
    linear,
    slerp,
    task_arithmetic,
    ties,
    tsv_m,
)
from tiebreak.weights.methods.method import (
    Method,
    Parameters,
    Terms,
    check,
    merge_tensor,
    nearest,
)

__all__ = ["METHODS", "Method", "Parameters", "Terms", "check", "merge_tensor", "method_named"]

METHODS: Final = {
    method.name: method
    for method in (
        linear.METHOD,
        task_arithmetic.METHOD,
        ties.METHOD,
        dare.METHOD,
        slerp.METHOD,
        layer_swap.METHOD,
        fisher.METHOD,
        iso_c.METHOD,
        iso_cts.METHOD,
        tsv_m.METHOD,
    )
}


def method_named(name: str) -> Method:
    """The method of that name; an unknown one raises `UsageError` and names the nearest."""
    return nearest(METHODS, name)
