"""Tied weights: an output that is stored in one model and is the embedding in another.

A model is tied if its output is its embedding: only one of the two is stored, or both with the same
bytes and ``tie_word_embeddings`` not false. The rule:

* all models that are computed with are tied: so is the result, and it stores one matrix;
* one of them has an output of its own: so has the result. A tied model's output is its embedding,
  which is what it computes with, and ``config.json`` says false.

What contradicts itself is refused: true with two different matrices (transformers would use only
one), false with one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown
from tiebreak.weights.kernels import host
from tiebreak.weights.tokenizer.config import TIE, read_json, setting, vocabulary_rows
from tiebreak.weights.tokenizer.overlay import Held, Overlay
from tiebreak.weights.tokenizer.tables import in_layer
from tiebreak.weights.verifying.vocabulary import CONFIG, EMBEDDINGS, OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.tokenizer.config import Json
    from tiebreak.weights.tokenizer.request import Inputs

_MATRIX: Final = 2  # dimensions


class Heads(NamedTuple):
    """The models with the same matrices; what the configuration must say of tying, if anything."""

    models: tuple[Checkpoint, ...]
    tied: bool | None
    notes: tuple[str, ...]


class _Pair(NamedTuple):
    """Two tensors of which one may stand for both: an output and an embedding."""

    output: str
    embedding: str


def settle(inputs: Inputs) -> Heads:
    """Give every model the same matrices, by the rule. Raises `InputError` for contradictions."""
    models = tuple(inputs.models)
    if not all(os.path.isfile(os.path.join(model.path, CONFIG)) for model in models):
        return Heads(models, None, ())  # nobody says what a missing matrix means
    configs = [_config(model) for model in models]
    said = [setting(config, TIE) for config in configs]
    pair = _pair(models, configs)
    if pair is None:
        return Heads(models, None, ())
    tied = [
        _tied(model, pair, known, name)
        for model, known, name in zip(models, said, inputs.names, strict=True)
    ]
    used = [n for n in range(len(models)) if inputs.uses(n)]
    if all(tied[n] for n in used):
        return _one(models, pair, inputs)
    if len({tied[n] for n in used}) == 1:
        return Heads(_both(models, pair), None, ())
    own = ", ".join(shown(inputs.names[n]) for n in used if not tied[n])
    note = (
        f"tied weights: not every model uses {pair.embedding} as {pair.output} ({own}); "
        f"the result stores both, and its {TIE} is false"
    )
    return Heads(_both(models, pair), False, (note,))  # noqa: FBT003


def _config(model: Checkpoint) -> Json:
    """What is beside a model; one that cannot be read says nothing, and is not ours to mend."""
    try:
        return read_json(model.path, CONFIG)
    except InputError:
        return {}


def _pair(models: Sequence[Checkpoint], configs: Sequence[Json]) -> _Pair | None:
    """The two matrices, where some model does without one or says that it could."""
    matrices = [_matrices(*both) for both in zip(models, configs, strict=True)]
    for one, held in zip(models, matrices, strict=True):
        for name in held:
            lacking = [h for h, model in zip(matrices, models, strict=True) if name not in model]
            twins = {_twin(h, one.info(name).shape[1:]) for h in lacking}
            twin = twins.pop() if len(twins) == 1 else None
            if twin is not None:
                return _Pair(twin, name) if _named(twin, OUTPUTS) else _Pair(name, twin)
    outputs, embeddings = (
        [n for n in models[0].names if _named(n, ends)] for ends in (OUTPUTS, EMBEDDINGS)
    )
    said = [setting(config, TIE) for config in configs]
    if True in said and len(outputs) == len(embeddings) == 1:
        return _Pair(outputs[0], embeddings[0])
    return None


def _matrices(model: Checkpoint, config: Json) -> dict[str, tuple[int, ...]]:
    """The shapes of what can be an embedding or an output: a row for each token, in no layer."""
    rows = vocabulary_rows(model, config)
    return {
        name: model.info(name).shape
        for name in model.names
        if len(model.info(name).shape) == _MATRIX
        and model.info(name).shape[0] == rows
        and not in_layer(name)
    }


def _twin(held: Mapping[str, tuple[int, ...]], width: tuple[int, ...]) -> str | None:
    """What stands for a tensor that a model lacks: the only one of its kind."""
    found = [name for name, shape in held.items() if shape[1:] == width]
    return found[0] if len(found) == 1 else None


def _named(name: str, ends: tuple[str, ...]) -> bool:
    return any(f".{name}".endswith(f".{end}") for end in ends)


def _tied(model: Checkpoint, pair: _Pair, said: object, name: str) -> bool:
    held = [one for one in pair if one in model]
    if len(held) < len(pair):
        if said is False and held:
            lacks = pair.output if held[0] == pair.embedding else pair.embedding
            raise InputError(
                f"{shown(name)}: {TIE} is false, but there is no {lacks}; "
                "restore the tensor, or set it to true"
            )
        return True
    if said is False:
        return False
    output, embedding = (model.info(one) for one in pair)
    same = output.dtype == embedding.dtype and host().equal(*(model.raw(one) for one in pair))
    if said is True and not same:
        raise InputError(
            f"{shown(name)}: {TIE} is true, but {pair.output} differs from {pair.embedding}; "
            f"remove {pair.output}, or set it to false"
        )
    return same


def _both(models: Sequence[Checkpoint], pair: _Pair) -> tuple[Checkpoint, ...]:
    """Each model with both matrices, of which one may be the other."""
    return tuple(_supplied(_supplied(model, *pair), *reversed(pair)) for model in models)


def _supplied(model: Checkpoint, name: str, twin: str) -> Checkpoint:
    """The model with a tensor of that name: its own, or its twin."""
    if name in model or twin not in model:
        return model
    return Overlay(model, {name: Held(model.info(twin)._replace(name=name), model.raw(twin))})


def _one(models: Sequence[Checkpoint], pair: _Pair, inputs: Inputs) -> Heads:
    """Each model with one matrix, that of the first."""
    first = models[inputs.first]
    kept, gone = pair.embedding, pair.output
    if kept not in first:
        kept, gone = gone, kept
    found = []
    for model in models:
        both = _supplied(model, kept, gone)
        found.append(Overlay(both, {}, {gone}) if gone in both else both)
    twice = any(all(one in model for one in pair) for model in models)
    note = f"tied weights: {gone} is {kept} in every model, and stored once"
    return Heads(tuple(found), None, (note,) if twice else ())
