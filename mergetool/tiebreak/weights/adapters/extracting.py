"""A fine-tuned model as an adapter of its base: the nearest change of low rank, by tensor.

    factors    matrices and kernels of convolutions; with `tables` those with a row for each token
    whole      everything else that changed: norms, biases, tables, what is no floating point
    nothing    what has the same bytes in both

Names are those of the checkpoint; a reader takes them for the model's modules.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tiebreak.errors import InputError
from tiebreak.weights.adapters.lowrank import EXACT, Rank, approximated, at_once, lost
from tiebreak.weights.adapters.model import OUTPUTS, config_of, is_tied
from tiebreak.weights.adapters.names import PREFIX
from tiebreak.weights.adapters.stored import Place, Stored, settings_for, store
from tiebreak.weights.blas import one_thread
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import Output
from tiebreak.weights.errors import shown
from tiebreak.weights.kernels import Side, host
from tiebreak.weights.threeway import is_token_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tiebreak.weights.checkpoint import Checkpoint

_EXPERTS: Final = re.compile(r"(?:^|[._])experts(?:[._]|$)")
_POSITIONS: Final = re.compile(r"(?:^|\.)(?:wpe|\w*position\w*|token_type_embeddings)\.weight$")
_TURNED: Final = frozenset({"gpt2", "openai-gpt", "imagegpt", "decision_transformer"})
_HEAD: Final = "lm_head"  # a tied output has no tensor of its own in the checkpoint
_WEIGHT: Final = ".weight"
_BIAS: Final = ".bias"
_KERNELS: Final = (3, 4, 5)  # dimensions
_STEP: Final = 1 << 20  # elements


class Models(NamedTuple):
    """The base, what was made of it, and the base's ``config.json``."""

    base: Checkpoint
    tuned: Checkpoint
    config: Mapping[str, Any]

    @property
    def turned(self) -> bool:
        """Whether linear layers keep their weight as inputs x outputs."""
        return self.config.get("model_type") in _TURNED


class How(NamedTuple):
    """What is stored, and as what."""

    rank: Rank
    dtype: str = "F32"
    tables: bool = False  # as factors
    whole: bool = True  # what cannot be factors is stored as a whole; else it is left out


class Plan(NamedTuple):
    """The names of the tensors that changed, by what becomes of them."""

    factors: tuple[str, ...]
    whole: tuple[str, ...]


def models_of(base: Checkpoint, tuned: Checkpoint) -> Models:
    """Two models with the same tensors. Raises `InputError` where they have not."""
    for one, two in ((base, tuned), (tuned, base)):
        for name in one.names:
            if name not in two:
                what = f"lacks tensor {shown(name)!r}, which {shown(one.path, 400)} has"
                raise InputError(f"{shown(two.path, 400)}: {what}")
    for name in base.names:
        if base.info(name).shape != tuned.info(name).shape:
            sizes = f"{list(tuned.info(name).shape)}, in the base {list(base.info(name).shape)}"
            hint = "; resize the base first" if is_token_table(name) else ""
            raise InputError(f"{shown(tuned.path, 400)}: {shown(name)!r} is {sizes}{hint}")
    return Models(base, tuned, config_of(base))


def plan(models: Models, how: How) -> Plan:
    """What becomes of the tensors that changed, by their names and forms."""
    factors: list[str] = []
    whole: list[str] = []
    for name in models.base.names:
        one, two = models.base.info(name), models.tuned.info(name)
        if one.dtype == two.dtype and host().equal(models.base.raw(name), models.tuned.raw(name)):
            continue
        numbers = DTYPES[one.dtype].is_float and DTYPES[two.dtype].is_float
        matrix = numbers and _is_matrix(name, one.shape, how) and not is_tied(models.base, name)
        (factors if matrix else whole).append(name)
    if not factors:
        raise InputError(f"{shown(models.tuned.path, 400)}: no matrix differs from the base's")
    return Plan(tuple(factors), _with_siblings(models, factors, whole) if how.whole else ())


def extract(
    models: Models,
    planned: Plan,
    how: How,
    threads: int = 0,
    done: Callable[[int], None] | None = None,
) -> list[Stored]:
    """The factors of all matrices; `done` is called with 1 for each."""
    workers = at_once((models.base.info(name).elements for name in planned.factors), 3, threads)
    found = []
    with one_thread(), ThreadPoolExecutor(workers, thread_name_prefix="tiebreak") as pool:
        for stored in pool.map(lambda name: _extracted(models, name, how), planned.factors):
            found.append(stored)
            if done is not None:
                done(1)
    return found


def whole_outputs(models: Models, planned: Plan) -> list[Output]:
    """The tensors that are stored as a whole, as PEFT names them."""
    targets = {name.removesuffix(_WEIGHT) for name in planned.factors}
    found = []
    for name in planned.whole:
        module, _, leaf = name.rpartition(".")
        stem = f"{module}.base_layer" if module in targets else module
        info = models.tuned.info(name)
        raw = models.tuned.raw(name)
        stems = (stem, _HEAD) if is_tied(models.base, name) else (stem,)
        found += [Output(f"{PREFIX}{s}.{leaf}", info.dtype, info.shape, raw) for s in stems]
    return found


def settings(models: Models, planned: Plan, stored: Sequence[Stored], base: str) -> dict[str, Any]:
    """The settings with which PEFT loads the adapter; `base` is the model's name."""
    modules = [one.place.module for one in stored]
    biases = {name for name in planned.whole if _is_linear_bias(models, name)}
    saved = dict.fromkeys(n.rpartition(".")[0] for n in planned.whole if n not in biases)
    if any(is_tied(models.base, name) for name in planned.whole):
        saved[_HEAD] = None
    name = models.config.get("_name_or_path")
    architectures = str(models.config.get("architectures"))
    return {
        **settings_for(stored),
        "base_model_name_or_path": name if isinstance(name, str) and name else base,
        "bias": "all" if biases else "none",
        "fan_in_fan_out": models.turned,
        "inference_mode": True,
        "lora_dropout": 0.0,
        "modules_to_save": list(saved) or None,
        "target_modules": _targets(models, modules),
        "task_type": "CAUSAL_LM" if "CausalLM" in architectures else None,
    }


def _is_matrix(name: str, shape: tuple[int, ...], how: How) -> bool:
    if not name.endswith(_WEIGHT) or (_EXPERTS.search(name) and len(shape) != 2):  # noqa: PLR2004
        return False
    if _POSITIONS.search(name) or not prod(shape):
        return False
    if is_token_table(name):
        return how.tables and len(shape) == 2  # noqa: PLR2004
    return len(shape) == 2 or len(shape) in _KERNELS  # noqa: PLR2004


def _with_siblings(models: Models, factors: Sequence[str], whole: Sequence[str]) -> tuple[str, ...]:
    """PEFT saves modules: what else a module has comes along. Raises for what is in none."""
    targets = {name.removesuffix(_WEIGHT) for name in factors}
    lone = [name for name in whole if not _is_linear_bias(models, name)]
    modules = {name.rpartition(".")[0] for name in lone}
    if "" in modules:
        name = next(name for name in lone if "." not in name)
        what = "changed and is in no module, so no adapter can have it; --no-whole leaves it out"
        raise InputError(f"{shown(models.tuned.path, 400)}: {shown(name)!r} {what}")
    return tuple(
        name
        for name in models.base.names
        if name in whole or (name.rpartition(".")[0] in modules - targets and name not in factors)
    )


def _is_linear_bias(models: Models, name: str) -> bool:
    """Whether it is the bias of a matrix, which PEFT saves by its setting `bias`."""
    if not name.endswith(_BIAS):
        return False
    weight = f"{name.removesuffix(_BIAS)}{_WEIGHT}"
    return weight in models.base and len(models.base.info(weight).shape) > 1


def _extracted(models: Models, name: str, how: How) -> Stored:
    with one_thread():
        return _decomposed(models, name, how)


def _decomposed(models: Models, name: str, how: How) -> Stored:
    info = models.base.info(name)
    matrix = _difference(models, name).reshape(info.shape[0], -1)
    table = is_token_table(name) and not name.endswith(OUTPUTS)
    if table or (models.turned and len(info.shape) == 2 and not name.endswith(OUTPUTS)):  # noqa: PLR2004
        matrix = np.ascontiguousarray(matrix.T)
    module = name.removesuffix(_WEIGHT)
    place = Place.of(module, how.dtype, info.shape[2:], table=table)
    stored = store(place, approximated(matrix, how.rank))
    norm, error = lost(matrix, stored.change)
    return stored._replace(norm=norm, error=error)


def _difference(models: Models, name: str) -> NDArray[Any]:
    """Tuned minus base; float32 for what is decomposed by chance."""
    info = models.base.info(name)
    one, two = (Side(m.raw(name), m.info(name).dtype) for m in models[:2])
    large = min(info.shape[0], info.elements // info.shape[0]) > EXACT
    found = np.empty(info.elements, np.float32 if large else np.float64)
    for start in range(0, info.elements, _STEP):
        stop = min(start + _STEP, info.elements)
        found[start:stop] = two.values(start, stop) - one.values(start, stop)
    if not np.isfinite(found).all():
        path = shown(models.tuned.path, 400)
        raise InputError(f"{path}: tensor {shown(name)!r} or the base's holds NaN or infinity")
    return found


def _targets(models: Models, modules: Sequence[str]) -> list[str]:
    """The last part of the names where it selects just these modules, else whole names."""
    held = set(modules)
    every = [n.removesuffix(_WEIGHT) for n in models.base.names if n.endswith(_WEIGHT)]
    leaves = {module.rpartition(".")[2] for module in modules}
    exact = {
        leaf
        for leaf in leaves
        if all(m in held for m in every if m == leaf or m.endswith(f".{leaf}"))
    }
    return sorted({m.rpartition(".")[2] if m.rpartition(".")[2] in exact else m for m in modules})
