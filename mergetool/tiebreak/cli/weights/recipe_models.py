"""The models of a recipe, opened: folders, files, REV:PATH, or ORG/REPO in the hub's cache."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.cli.weights.sources import local, opened
from tiebreak.errors import InputError
from tiebreak.weights.mergekit.config import read_config
from tiebreak.weights.mergekit.document import refused
from tiebreak.weights.mergekit.hub import cached, is_hub_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.mergekit.config import Config
    from tiebreak.weights.mergekit.schema import ModelName, Recipe


class Opened(NamedTuple):
    """The models, what they say of themselves, what names each, and the adapters in them."""

    models: Mapping[ModelName, Checkpoint]
    configs: Mapping[ModelName, Config]
    arguments: tuple[str, ...]
    adapters: tuple[str, ...]


@contextmanager
def opened_models(recipe: Recipe, scratch: str, threads: int) -> Iterator[Opened]:
    """Every model of a recipe once. Raises `RecipeError`, which names the line.

    `scratch` is a folder for what adapters change.
    """
    models: dict[ModelName, Checkpoint] = {}
    configs: dict[ModelName, Config] = {}
    arguments: list[str] = []
    adapters: list[str] = []
    with ExitStack() as stack:
        for model in recipe.models:
            try:
                argument = _argument(model.path)
                models[model] = stack.enter_context(opened(argument))
                configs[model] = read_config(_folder(models[model]))
                if model.lora:
                    adapter = _argument(model.lora)
                    adapters.append(adapter)
                    applied = _applied(models[model], adapter, scratch, threads)
                    models[model] = stack.enter_context(applied)
            except InputError as error:
                raise refused(recipe.place_of(model), str(error)) from error
            arguments.append(argument)
        yield Opened(models, configs, tuple(arguments), tuple(adapters))


@contextmanager
def _applied(model: Checkpoint, argument: str, scratch: str, threads: int) -> Iterator[Checkpoint]:
    from tiebreak.weights.adapters.adapter import open_adapter
    from tiebreak.weights.mergekit.lora import with_adapter

    with local(argument) as path, open_adapter(path) as adapter:
        yield with_adapter(model, adapter, scratch, threads)


def _argument(name: str) -> str:
    path = os.path.expanduser(name)
    return cached(path) if not os.path.exists(path) and is_hub_name(path) else path


def _folder(checkpoint: Checkpoint) -> str:
    path = checkpoint.path
    return path if os.path.isdir(path) else os.path.dirname(path)
