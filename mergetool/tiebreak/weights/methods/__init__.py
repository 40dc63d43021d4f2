"""The methods that merge tensors, one file each. A new one is a file and a line in `METHODS`."""

from __future__ import annotations

from typing import Final

from tiebreak.weights.methods import (
    arcee_fusion,
    breadcrumbs,
    dare,
    della,
    emr,
    fisher,
    iso_c,
    iso_cts,
    karcher,
    layer_swap,
    linear,
    magmax,
    model_stock,
    multislerp,
    nearswap,
    nuslerp,
    passthrough,
    pcb,
    ram,
    regmean,
    sce,
    slerp,
    task_arithmetic,
    ties,
    tsv_m,
    wudi,
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
        della.METHOD,
        breadcrumbs.METHOD,
        magmax.METHOD,
        pcb.METHOD,
        emr.METHOD,
        sce.METHOD,
        ram.METHOD,
        model_stock.METHOD,
        slerp.METHOD,
        nuslerp.METHOD,
        multislerp.METHOD,
        karcher.METHOD,
        nearswap.METHOD,
        arcee_fusion.METHOD,
        layer_swap.METHOD,
        passthrough.METHOD,
        fisher.METHOD,
        regmean.METHOD,
        iso_c.METHOD,
        iso_cts.METHOD,
        tsv_m.METHOD,
        wudi.METHOD,
    )
}


def method_named(name: str) -> Method:
    """The method of that name; an unknown one raises `UsageError` and names the nearest."""
    return nearest(METHODS, name)
