"""The same merge for tiebreak and for mergekit: what `weights_parity` and `weights_speed` run."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Said = Mapping[str, Any]

NOTHING: Final[Said] = MappingProxyType({})
NAMES: Final = ("base", "ft1", "ft2")
DENSITY: Final = 0.2


class Case(NamedTuple):
    """One merge, by both names and in both ways to say it."""

    method: str
    theirs: str
    given: Said = NOTHING  # our parameters
    each: Said = NOTHING  # of every model there
    whole: Said = NOTHING  # of the merge there
    based: bool = True  # whether mergekit is told of the base
    models: tuple[str, ...] = NAMES[1:]
    chance: bool = False  # only statistics can be compared

    def options(self) -> list[str]:
        """Of `tiebreak weights merge`."""
        said = [f"{name}={str(value).lower()}" for name, value in self.given.items()]
        return ["--method", self.method, *(word for text in said for word in ("--set", text))]

    def recipe(self, folder: Path, dtype: str) -> dict[str, object]:
        """What `mergekit-yaml` reads; JSON is YAML. It computes in `dtype`."""
        base, *_ = names = [str(folder / name) for name in NAMES]
        models = [str(folder / name) for name in self.models]
        if self.theirs == "slerp":  # between the base that it asks for and another model
            base = names[1]
        return {
            "merge_method": self.theirs,
            "dtype": dtype,
            "out_dtype": "bfloat16",
            "models": [{"model": name, "parameters": dict(self.each)} for name in models],
            "parameters": dict(self.whole),
            **({"base_model": base} if self.based else {}),
        }


WEIGHT: Final = {"weight": 1.0}
HALF: Final = {**WEIGHT, "density": 0.5}
CRUMBS: Final = {**WEIGHT, "density": 0.9, "gamma": 0.01}
WINDOW: Final = {**HALF, "epsilon": 0.15}
LINEAR: Final = {"elect": "none", "normalize": False}

CASES: Final = {
    "linear": Case("linear", "linear", each=WEIGHT, based=False),
    "task_arithmetic": Case("task_arithmetic", "task_arithmetic", each=WEIGHT),
    "ties": Case("ties", "ties", each={**WEIGHT, "density": DENSITY}),
    "slerp": Case("slerp", "slerp", whole={"t": 0.5}),
    "dare": Case("dare", "dare_linear", each=HALF, chance=True),
    "nuslerp": Case("nuslerp", "nuslerp", each=WEIGHT),
    "nuslerp, models": Case(
        "nuslerp", "nuslerp", {"around": "zero"}, each=WEIGHT, based=False
    ),
    "nuslerp, rows": Case(
        "nuslerp", "nuslerp", {"along": "row"}, WEIGHT, {"nuslerp_flatten": False}
    ),
    "nuslerp, columns": Case(
        "nuslerp", "nuslerp", {"along": "column"}, WEIGHT,
        {"nuslerp_flatten": False, "nuslerp_row_wise": True},
    ),
    "multislerp": Case("multislerp", "multislerp", each=WEIGHT),
    "karcher": Case("karcher", "karcher", based=False),
    "model_stock": Case("model_stock", "model_stock"),
    "model_stock, rows": Case(
        "model_stock", "model_stock", {"along": "row"}, whole={"filter_wise": True}
    ),
    "breadcrumbs": Case("breadcrumbs", "breadcrumbs", each=CRUMBS),
    "breadcrumbs, elect": Case(
        "breadcrumbs", "breadcrumbs_ties", {"elect": "mass"}, each=CRUMBS
    ),
    "sce": Case("sce", "sce"),
    "sce, a fifth": Case("sce", "sce", {"select_topk": DENSITY}, whole={"select_topk": DENSITY}),
    "nearswap": Case(
        "nearswap", "nearswap", {"t": 0.001}, whole={"t": 0.001}, models=NAMES[1:2]
    ),
    "arcee_fusion": Case("arcee_fusion", "arcee_fusion", models=NAMES[1:2]),
    "ram": Case("ram", "ram"),
    "ram+": Case("ram", "ramplus_tl", {"r": 0.1}),
    "passthrough": Case(
        "passthrough", "passthrough", {"scale": 0.5}, {"scale": 0.5}, based=False, models=NAMES[1:2]
    ),
    "della, add": Case("della", "della_linear", LINEAR, WINDOW, chance=True),
    "della, add, l1": Case(
        "della", "della_linear", {**LINEAR, "rescale": "l1"}, WINDOW, chance=True
    ),
}  # fmt: skip
