"""What else makes an adapter, of several: tensors stored as a whole, and the settings.

Of a tensor that several adapters store as a whole nothing says what they changed: it is taken where
all agree or one alone has it, and else only if somebody says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tiebreak.errors import InputError
from tiebreak.weights.adapters.names import whole
from tiebreak.weights.adapters.stored import settings_for
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import Output
from tiebreak.weights.errors import shown
from tiebreak.weights.kernels import Side, host
from tiebreak.weights.values import encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.adapters.adapter import Adapter
    from tiebreak.weights.adapters.stored import Stored

REFUSE: Final = "refuse"
FIRST: Final = "first"
AVERAGE: Final = "average"

_PLAIN: Final[Mapping[str, Any]] = {  # what only says how an adapter was begun, or where it goes
    "corda_config": None,
    "eva_config": None,
    "exclude_modules": None,
    "inference_mode": True,
    "layers_pattern": None,
    "layers_to_transform": None,
    "loftq_config": {},
    "lora_ga_config": None,
}


def check_base(adapters: Sequence[Adapter]) -> None:
    """Raise `InputError` if the adapters name different base models."""
    named = {a.config.base.rstrip("/"): a for a in adapters if a.config.base}
    if len(named) > 1:
        (one, first), (two, second), *_ = named.items()
        raise InputError(
            f"{shown(second.path, 400)}: was trained for {shown(two)}, {shown(first.path, 400)} "
            f"for {shown(one)}; --any-base merges them all the same"
        )


def wholes(adapters: Sequence[Adapter], rule: str, weights: Sequence[float]) -> list[Output]:
    """The tensors that are stored as a whole. Raises `InputError` where adapters differ."""
    places: dict[str, list[tuple[Adapter, str, float]]] = {}
    for adapter, weight in zip(adapters, weights, strict=True):
        for name in adapter.whole:
            places.setdefault(whole(name), []).append((adapter, name, weight))
    for module in dict.fromkeys(module for adapter in adapters for module in adapter.pairs):
        for adapter, name, _ in places.get(f"{module}.weight", ()):
            if ".base_layer." not in name:
                what = "is stored as a whole, another adapter has factors for it"
                raise InputError(f"{shown(adapter.path, 400)}: {shown(name)!r} {what}")
    return [_whole(found, rule) for found in places.values()]


def _whole(found: Sequence[tuple[Adapter, str, float]], rule: str) -> Output:
    first, name, _ = found[0]
    info, raw = first.checkpoint.info(name), first.checkpoint.raw(name)
    others = [(one, own) for one, own, _ in found[1:]]
    alike = all(host().equal(raw, one.checkpoint.raw(own)) for one, own in others)
    if rule == FIRST or alike:
        return Output(name, info.dtype, info.shape, raw)
    other = next(o for o, own in others if not host().equal(raw, o.checkpoint.raw(own)))
    if rule == REFUSE:
        raise InputError(
            f"{shown(other.path, 400)}: {shown(name)!r} is another one than in "
            f"{shown(first.path, 400)}; --whole first or average says what becomes of it"
        )
    infos = [one.checkpoint.info(own) for one, own, _ in found]
    total = sum(weight for _, _, weight in found)
    if any(i.shape != info.shape or not DTYPES[i.dtype].is_float for i in infos) or not total:
        what = "have no average: their shapes or types differ, or the weights sum to 0"
        raise InputError(f"{shown(first.path, 400)}: the adapters' {shown(name)!r} {what}")
    sides = [Side(one.checkpoint.raw(own), one.checkpoint.info(own).dtype) for one, own, _ in found]

    def fill(start: int, stop: int, out: memoryview) -> None:
        mean = np.zeros(stop - start)
        for side, (_, _, weight) in zip(sides, found, strict=True):
            mean += side.values(start, stop) * (weight / total)
        out[:] = encode(mean, info.dtype)

    return Output(name, info.dtype, info.shape, lambda _each: fill)


def merged_settings(adapters: Sequence[Adapter], stored: Sequence[Stored]) -> dict[str, Any]:
    """The settings of the result: the first adapter's, with what the factors say."""
    settings = [adapter.config.settings for adapter in adapters]
    if len({adapter.config.transposed for adapter in adapters}) > 1:
        path = shown(adapters[-1].path, 400)
        raise InputError(f"{path}: fan_in_fan_out differs; the weights are stored differently")
    saved = [name for one in settings for name in one.get("modules_to_save") or ()]
    biases = {one.get("bias", "none") for one in settings} - {"none"}
    return {
        **settings[0],
        **{key: value for key, value in _PLAIN.items() if key in settings[0]},
        **settings_for(stored),
        "bias": "none" if not biases else biases.pop() if len(biases) == 1 else "all",
        "modules_to_save": list(dict.fromkeys(saved)) or None,
        "target_modules": _targets(settings, [one.place.module for one in stored]),
    }


def _targets(settings: Sequence[Mapping[str, Any]], modules: Sequence[str]) -> list[str]:
    """The names that select just these modules: the adapters' own, where they are plain ones."""
    plain = all(
        isinstance(one.get("target_modules"), list)
        and not any(one.get(key) for key in ("exclude_modules", "layers_to_transform"))
        for one in settings
    )
    named = sorted({str(n) for one in settings for n in one["target_modules"]}) if plain else []
    reached = all(any(f".{m}".endswith(f".{name}") for name in named) for m in modules)
    return named if reached and named else sorted(modules)
