"""The model card of `weights merge`: the command word for word, and where its inputs are from."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.methods.method import Method

_WITHOUT_EFFECT: Final = frozenset({"output", "threads", "resume", "card", "html"})  # on the bytes


def card_files(
    method: Method,
    parameters: Mapping[str, Any],
    inputs: tuple[Sequence[str], Sequence[Checkpoint]],
    notes: Sequence[str],
) -> dict[str, str | bytes]:
    """The card's files. `inputs` are the arguments, the base first, and what they name."""
    made = Made(method.name, parameters, _spelled(click.get_current_context()), "sh")
    return _files(made, inputs, (0, 1), notes)


def recipe_card_files(
    made: Made,
    inputs: tuple[Sequence[str], Sequence[Checkpoint]],
    base: int | None,
    notes: Sequence[str],
) -> dict[str, str | bytes]:
    """The card's files for a recipe of mergekit, of which the first model gives the files."""
    return _files(made, inputs, (base, 0), notes)


class Made(NamedTuple):
    """How a merge was made: the command or the recipe, and the language that it is in."""

    method: str
    parameters: Mapping[str, Any]
    text: str
    language: str


def _files(
    made: Made,
    inputs: tuple[Sequence[str], Sequence[Checkpoint]],
    numbers: tuple[int | None, int],
    notes: Sequence[str],
) -> dict[str, str | bytes]:
    """`numbers` are those of the base and of the model that gives its files."""
    from tiebreak.cli.dispatch import version
    from tiebreak.cli.weights.provenance import sources_of
    from tiebreak.weights.card import Card, card_texts

    arguments, models = inputs
    base, first = numbers[0], models[numbers[1]].path
    roles = ["base" if number == base else "model" for number in range(len(models))]
    card = Card(
        version=version(),
        method=made.method,
        link=_link(made.method),
        parameters=made.parameters,
        sources=sources_of(roles, arguments, models),
        notes=notes,
        made=made.text,
        language=made.language,
        config=_config(first),
        adapter=os.path.isfile(os.path.join(first, "adapter_config.json")),
    )
    return card_texts(card)


def _link(name: str) -> str:
    """The paper of a method, or of the one that a name of mergekit's is a variant of."""
    from tiebreak.weights.card import link_of
    from tiebreak.weights.methods import METHODS

    method = METHODS.get(name) or METHODS.get(name.partition("_")[0])
    return link_of(method) if method is not None else ""


def _spelled(context: click.Context) -> str:
    """The command with what its result follows from; OUT stands for the place of the result."""
    words, options = ["tiebreak", "weights", context.command.name or ""], ["-o", "OUT"]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if isinstance(parameter, click.Argument):
            words += value if isinstance(value, tuple) else [str(value)]
        elif parameter.name not in _WITHOUT_EFFECT and value not in {None, parameter.default}:
            name = next((o for o in parameter.opts if o.startswith("--")), parameter.opts[0])
            for one in value if isinstance(value, tuple) else (value,):
                options += [name, str(one)]
    return shlex.join([*words, *options])


def _config(folder: str) -> dict[str, Any]:
    """The configuration, for how the result is loaded; one that is broken says nothing."""
    from tiebreak.errors import InputError
    from tiebreak.weights.tokenizer.config import read_json
    from tiebreak.weights.vocabulary.files import CONFIG

    try:
        return read_json(folder, CONFIG)
    except InputError:
        return {}
