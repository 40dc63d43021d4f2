"""The methods that merge tensors, one file each. A new one is a file and its name in `_NAMES`.

A file is imported when its method is asked for: a merge needs one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from tiebreak.weights.methods.method import (
    Method,
    Parameters,
    Terms,
    check,
    merge_tensor,
    nearest,
)

__all__ = ["METHODS", "Method", "Parameters", "Terms", "check", "merge_tensor", "method_named"]

_NAMES: Final = (
    "linear",
    "task_arithmetic",
    "ties",
    "dare",
    "della",
    "breadcrumbs",
    "magmax",
    "pcb",
    "emr",
    "sce",
    "ram",
    "model_stock",
    "slerp",
    "nuslerp",
    "multislerp",
    "karcher",
    "nearswap",
    "arcee_fusion",
    "layer_swap",
    "passthrough",
    "fisher",
    "regmean",
    "iso_c",
    "iso_cts",
    "tsv_m",
    "wudi",
)


class _Methods(Mapping[str, Method]):
    """The methods by name, which is that of the file."""

    def __getitem__(self, name: str) -> Method:
        if name not in _NAMES:
            raise KeyError(name)
        method: Method = import_module(f"{__name__}.{name}").METHOD
        return method

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


METHODS: Final = _Methods()


def method_named(name: str) -> Method:
    """The method of that name; an unknown one raises `UsageError` and names the nearest."""
    return nearest(METHODS, name)
