"""``adapter_config.json`` against the factors of a LoRA adapter.

Sources: PEFT's documentation of `LoraConfig`, and the checkpoint format in its developer guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.weights.adapters.config import CONFIG, UNKNOWN, setting
from tiebreak.weights.adapters.names import FACTOR
from tiebreak.weights.errors import shown
from tiebreak.weights.verifying.folder import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.weights.safetensors import TensorInfo
    from tiebreak.weights.verifying.folder import Folder

Pair = dict[str, tuple[str, "TensorInfo"]]


def pairs(folder: Folder) -> Iterator[Finding]:
    """Every A has its B, and they agree on the rank."""
    for module, pair in factors(folder).items():
        if len(pair) == 1:
            ((present, (file, _)),) = pair.items()
            missing = "B" if present == "A" else "A"
            what = f"{shown(module)} has lora_{present} without lora_{missing}"
            yield Finding(file, what, "take both factors from one side")
            continue
        file, a = pair["A"]
        b = pair["B"][1]
        if _ranks(a, b)[0] != _ranks(a, b)[1]:
            what = f"{shown(module)}: lora_A {list(a.shape)} and lora_B {list(b.shape)}"
            yield Finding(file, f"{what} have different ranks", "take both factors from one side")


def settings(folder: Folder) -> Iterator[Finding]:
    """The rank that is configured is the factors', and there is a usable alpha."""
    config = folder.json(CONFIG)
    if not config or config.get("peft_type", "LORA") != "LORA":
        return
    for module, pair in factors(folder).items():
        if "A" not in pair:
            continue
        file, a = pair["A"]
        said, rank = setting(config, "rank_pattern", "r", module), a.shape[0] if a.shape else None
        if said is not UNKNOWN and said != rank:
            what = f"r is {shown(repr(said))} for {shown(module)}, its lora_A in {file} has {rank}"
            yield Finding(CONFIG, what, "take the file from the side that trained these factors")
        alpha = setting(config, "alpha_pattern", "lora_alpha", module)
        if alpha is not UNKNOWN and type(alpha) not in {int, float}:
            what = f"lora_alpha is {shown(repr(alpha))} for {shown(module)}"
            yield Finding(CONFIG, what, "set the number it was trained with: it scales the update")


def factors(folder: Folder) -> dict[str, Pair]:
    """The factors of each module."""
    found: dict[str, Pair] = {}
    for name, place in folder.tensors.items():
        match = FACTOR.fullmatch(name)
        if match is not None:
            found.setdefault(match[1], {})[match[3]] = place
    return found


def _ranks(a: TensorInfo, b: TensorInfo) -> tuple[int | None, int | None]:
    """A is rank x inputs, B is outputs x rank; a convolution has its kernel's sizes after that."""
    return (a.shape[0] if a.shape else None, b.shape[1] if len(b.shape) > 1 else None)
