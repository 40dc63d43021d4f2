"""What the output has besides tensors: the donor's configuration and tokenizer.

The donor is the base model, or without one the first model that the recipe names. mergekit takes
one from a set, whose order depends on Python's hash seed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tiebreak.errors import InputError
from tiebreak.weights.checkpoint import INDEX_ENDING
from tiebreak.weights.errors import shown
from tiebreak.weights.mergekit.config import (
    CONFIG,
    Changes,
    Restack,
    changed,
    layer_counts,
    with_text,
)
from tiebreak.weights.mergekit.document import refused
from tiebreak.weights.mergekit.layers import stacks_of
from tiebreak.weights.mergekit.merging import bulk_dtype
from tiebreak.weights.newfolder import beside
from tiebreak.weights.tokenizer.files import TOKENIZER
from tiebreak.weights.vocabulary.models import check_vocabularies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.engine import Output
    from tiebreak.weights.mergekit.assembly import Assembly
    from tiebreak.weights.mergekit.config import Config
    from tiebreak.weights.mergekit.schema import ModelName, Recipe

_NOT_COPIED: Final = ("adapter_config.json",)


def check_architectures(recipe: Recipe, configs: Mapping[ModelName, Config]) -> None:
    """Refuse models of different architectures. Raises `RecipeError`."""
    known: dict[str, ModelName] = {}
    for model in recipe.models:
        name = model.architecture or configs[model].architecture
        if name:
            known.setdefault(name, model)
    if len(known) > 1:
        (one, first), (two, second), *_ = known.items()
        both = f"{shown(str(first))} is a {shown(one)}, {shown(str(second))} a {shown(two)}"
        raise refused(recipe.place_of(second), f"{both}; --allow-crimes merges them all the same")


def check_quantized(recipe: Recipe, configs: Mapping[ModelName, Config]) -> None:
    """Refuse quantized models: their values mean nothing without their scales."""
    for model in recipe.models:
        if configs[model].value.get("quantization_config") and recipe.method != "passthrough":
            who = shown(str(model))
            raise refused(
                recipe.place_of(model), f"{who} is quantized; merge what it was made from"
            )


def check_tokens(recipe: Recipe, models: Mapping[ModelName, Checkpoint]) -> None:
    """Refuse models that have two tokens under one id, as far as files tell."""
    folders = [checkpoint.path for checkpoint in models.values()]
    if len(folders) > 1 and all(map(os.path.isdir, folders)):
        try:
            check_vocabularies(folders)
        except InputError as error:
            text, union = str(error), "tokenizer_source: union"
            text = text.replace("--vocabulary union", union)
            more = "" if union in text else f"; {union} matches rows by token"
            raise refused(recipe.lines["merge_method"], f"{text}{more}") from error


def check_layers(
    recipe: Recipe, models: Mapping[ModelName, Checkpoint], configs: Mapping[ModelName, Config]
) -> Iterator[str]:
    """Refuse files with fewer layers than their configuration counts; remark on more.

    Only where it is plain which layers are meant: one stack, one count.
    """
    for model, checkpoint in models.items():
        stacks = stacks_of(checkpoint.names)
        counts = layer_counts(configs[model])
        if len(stacks) != 1 or len(counts) != 1:
            continue
        ((name, stack),), ((setting, count),) = stacks.items(), counts.items()
        who, place = shown(str(model)), recipe.place_of(model)
        if len(stack.layers) < count:
            there = f"{who} has {len(stack.layers)} layers in {shown(name)}"
            raise refused(place, f"{there}, its {CONFIG} counts {count} ({setting})")
        if len(stack.layers) > count:
            yield f"{place}: {who} has {len(stack.layers)} layers, {setting} is {count}"


def texts_of(
    donor: Checkpoint,
    config: Config,
    changes: Changes,
    aligned: Mapping[str, str | bytes | None],
    *,
    tokenizer: bool,
) -> dict[str, str | bytes]:
    """The files beside the tensors: a path to copy, or a content, by name.

    `aligned` are those that follow from the tokenizer that was asked for, None for what goes.
    """
    folder = donor.path if os.path.isdir(donor.path) else os.path.dirname(donor.path)
    texts: dict[str, str | bytes | None] = {
        name: path
        for name, path in beside(folder).items()
        if not name.endswith(INDEX_ENDING)
        and name not in _NOT_COPIED
        and (tokenizer or name not in TOKENIZER)
    }
    texts |= aligned
    text = texts.get(CONFIG)
    config = with_text(config, text) if isinstance(text, bytes) else config
    texts[CONFIG] = changed(config, changes)
    return {name: found for name, found in texts.items() if found is not None}


def changes_of(
    donor: Checkpoint,
    configs: Mapping[ModelName, Config],
    assembly: Assembly,
    outputs: Sequence[Output],
) -> Changes:
    """What a recipe changes in the donor's configuration."""
    counts = {name: stack.length for name, stack in stacks_of(donor.names).items()}
    restacked = [
        Restack(
            name,
            [(configs[model], number) for model, number in layers],
            counts.get(name, 0),
            [other for other in counts if other != name],
        )
        for name, layers in assembly.restacked
    ]
    return Changes(bulk_dtype(outputs), restacked)
