"""``adapter_config.json``: what scales the factors, and what is refused because it means more.

A key that is set and not known is refused: it may change what the factors mean.
Source: PEFT's documentation of `LoraConfig`.
"""

from __future__ import annotations

import json
import math
import os
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG: Final = "adapter_config.json"
UNKNOWN: Final = object()

_LONGEST: Final = 16 << 20  # bytes
_PLAIN: Final = re.compile(r"[\w.\-]+")
_KNOWN: Final = frozenset(
    word
    for line in (
        "alpha_pattern auto_mapping base_model_name_or_path bias corda_config eva_config",
        "exclude_modules fan_in_fan_out inference_mode init_lora_weights layers_pattern",
        "layers_to_transform loftq_config lora_alpha lora_dropout lora_ga_config megatron_core",
        "modules_to_save peft_type peft_version qalora_group_size r rank_pattern revision",
        "runtime_config target_modules task_type unsloth_fixed use_rslora",
    )
    for word in line.split()
)
_REASONS: Final = {
    "use_dora": "DoRA divides every row by its norm, so the change is no product of the factors",
    "lora_bias": "a bias of lora_B is no part of the product of the factors",
    "trainable_token_indices": "rows of tokens are trained beside the factors",
    "target_parameters": "the factors of parameters with three dimensions are stored otherwise",
    "layer_replication": "the model that it belongs to has layers that the base has not",
    "ensure_weight_tying": "one pair of factors changes two tensors",
    "alora_invocation_tokens": "the factors count for some tokens only",
}
_FORMS: Final = {
    "alpha_pattern": dict,
    "base_model_name_or_path": str,
    "bias": str,
    "modules_to_save": list,
    "rank_pattern": dict,
    "target_modules": list | str,
}
_NEUTRAL: Final = frozenset({"gaussian", "eva", "orthogonal"})  # they leave the base as it is
_OTHER_BASE: Final = "it was trained beside a changed base model; save it converted to plain LoRA"


class Config(NamedTuple):
    """The settings of an adapter, as its file has them."""

    path: str
    settings: Mapping[str, Any]

    @property
    def base(self) -> str:
        """The name of the model that it was trained for; empty where none is said."""
        return str(self.settings.get("base_model_name_or_path") or "")

    @property
    def transposed(self) -> bool:
        """Whether linear layers keep their weight as inputs x outputs."""
        return bool(self.settings.get("fan_in_fan_out"))

    def scale(self, module: str, rank: int) -> float:
        """What the product of the factors is multiplied with: alpha / r, or alpha / sqrt(r).

        D. Kalajdzievski, "A rank stabilization scaling factor for fine-tuning with LoRA" (arXiv
        2312.03732).
        """
        alpha = setting(self.settings, "alpha_pattern", "lora_alpha", module)
        if alpha is UNKNOWN:
            self.refuse("alpha_pattern has a regular expression; name the modules instead")
        if type(alpha) not in {int, float} or not math.isfinite(alpha):  # type: ignore[arg-type]
            self.refuse(f"lora_alpha is {shown(repr(alpha))} for {shown(module)}, not a number")
        assert isinstance(alpha, int | float)  # noqa: S101
        return alpha / (math.sqrt(rank) if self.settings.get("use_rslora") else rank)

    def refuse(self, reason: str) -> NoReturn:
        """Raise `InputError` for the file."""
        raise InputError(f"{shown(self.path, 400)}: {reason}")


def read_config(folder: str) -> Config:
    """Read and check the settings of the adapter in a folder. Raises `InputError`."""
    path = os.path.join(folder, CONFIG)
    try:
        with open(path, "rb") as file:
            settings = json.loads(file.read(_LONGEST))
    except OSError as error:
        what = f"{CONFIG} cannot be read ({error.strerror}); without it the factors have no scale"
        raise InputError(f"{shown(folder, 400)}: {what}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown(path, 400)}: not proper JSON: {shown(str(error))}") from error
    if not isinstance(settings, dict):
        raise InputError(f"{shown(path, 400)}: expected an object of settings")
    config = Config(path, settings)
    _check(config)
    return config


def _check(config: Config) -> None:
    settings = config.settings
    kind = settings.get("peft_type", "LORA")
    if kind != "LORA":
        config.refuse(f"an adapter of type {shown(repr(kind))}; only LORA is a product of factors")
    for key in sorted(settings):
        if settings[key] and key not in _KNOWN:
            reason = _REASONS.get(key, "what this makes of the factors is not known here")
            config.refuse(f"{shown(key)} is set: {reason}")
    for key, forms in _FORMS.items():
        if not isinstance(settings.get(key), forms | None):
            config.refuse(f"{key} is {shown(repr(settings[key]))}, which PEFT does not write")
    begun = settings.get("init_lora_weights", True)
    if not isinstance(begun, bool | None) and begun not in _NEUTRAL:
        config.refuse(f"init_lora_weights is {shown(repr(begun))}: {_OTHER_BASE}")


def setting(settings: Mapping[str, Any], table: str, default: str, module: str) -> object:
    """A setting for one module: of the first name that the module's ends in, as PEFT reads it.

    PEFT takes the names for regular expressions. Those that really are one are not tried (the
    answer is `UNKNOWN`): the file is not trusted, and an expression can take forever.
    """
    patterns = settings.get(table)
    for pattern, value in patterns.items() if isinstance(patterns, dict) else ():
        plain = pattern.replace("\\.", ".").removeprefix("^")
        if not _PLAIN.fullmatch(plain):
            return UNKNOWN
        if f".{module}".endswith(f".{plain}"):
            found: object = value
            return found
    return settings.get(default)
