"""The model card of `weights merge`: the command word for word, and where its inputs are from."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.methods.method import Method

_WITHOUT_EFFECT: Final = frozenset({"output", "threads", "resume", "card"})  # on the bytes


def card_files(
    method: Method,
    parameters: Mapping[str, Any],
    inputs: tuple[Sequence[str], Sequence[Checkpoint]],
    notes: Sequence[str],
) -> dict[str, str | bytes | None]:
    """The card's files. `inputs` are the arguments, the base first, and what they name."""
    from tiebreak.cli.dispatch import version
    from tiebreak.cli.weights.provenance import sources_of
    from tiebreak.weights.card import Card, card_texts, link_of

    arguments, models = inputs
    roles = ["base", *("model" for _ in models[1:])]
    first = models[1].path
    card = Card(
        version=version(),
        method=method.name,
        link=link_of(method),
        parameters=parameters,
        sources=sources_of(roles, arguments, models),
        notes=notes,
        made=_spelled(click.get_current_context()),
        language="sh",
        config=_config(first),
        adapter=os.path.isfile(os.path.join(first, "adapter_config.json")),
    )
    return card_texts(card)


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
