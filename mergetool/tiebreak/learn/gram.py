"""The Gram matrices of a model's linear layers, from what goes into them for text.

    G = 1/n sum x x',    over all n inputs x that the layer has for the examples

X. Jin et al., "Dataless Knowledge Fusion by Merging Weights of Language Models" (arXiv 2212.09849),
equation 2; divided by n, so that more text does not count more. Layers are those of torch
(`Linear`) and of transformers (`Conv1D`, which keeps its weight as input x output: its Gram is
stored as [1, in, in]). Tables with a row for each token are left out, tied heads among them.
Models and examples: `tiebreak.learn.loaded`.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from transformers.pytorch_utils import Conv1D

from tiebreak.errors import InputError
from tiebreak.learn.loaded import batches, examples_of, load, named
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import Output, pooled, write_checkpoint
from tiebreak.weights.errors import shown
from tiebreak.weights.importance import GRAM, MODEL, content_of
from tiebreak.weights.methods.forms import is_table
from tiebreak.weights.pickles import bytes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor
    from torch.nn import Module

    from tiebreak.learn.loaded import How, Loaded


class _Seen(NamedTuple):
    """Of one layer: the sum of x x', and of how many x. Both are added to in place."""

    products: Tensor
    inputs: Tensor
    transposed: bool


def write_gram(
    folder: str,
    texts: Sequence[str],
    output: str,
    how: How,
    progress: Callable[[int, int], None],
) -> str:
    """Collect the Grams of the model in a folder and write them, replacing what is there.

    `progress` is called with how many more examples are done, and how many there are. Gives what
    was looked at.
    """
    loaded = load(folder, how)
    examples = examples_of(loaded, texts, how)
    seen = _collected(loaded, examples, how, partial(progress, len(examples)))
    tokens = max(map(len, examples))
    told = f"{len(examples)} examples of at most {tokens} tokens, seed {how.seed}"
    with open_checkpoint(folder) as checkpoint, pooled() as each:
        state, outputs = loaded.model.state_dict(keep_vars=True), []
        for name in checkpoint.names:
            info = checkpoint.info(name)
            if len(info.shape) == len(("out", "in")) and DTYPES[info.dtype].is_float:
                parameter = named(name, info.shape, state, loaded.model)
                found = seen.get(id(parameter))
                if found is not None and not is_table(name):
                    outputs.append(_output(name, found))
        if not outputs:
            raise InputError(f"{shown(folder, 400)}: none of its tensors is a linear layer's")
        metadata = {"format": "pt", GRAM.estimate: told, MODEL: content_of(checkpoint, each)}
    write_checkpoint(output, outputs, metadata)
    return told


@torch.no_grad()
def _collected(
    loaded: Loaded, examples: Sequence[list[int]], how: How, progress: Callable[[int], None]
) -> dict[int, _Seen]:
    """What every layer has seen, by the identity of its weight."""
    seen: dict[int, _Seen] = {}
    parameters = dict(loaded.model.named_parameters())
    with ExitStack() as hooks:
        for module in loaded.model.modules():
            if isinstance(module, torch.nn.Linear | Conv1D):
                hook = module.register_forward_pre_hook(partial(_look, seen))
                hooks.callback(hook.remove)
        for ids in batches(examples, how):
            loaded.logits(parameters, ids)
            progress(len(ids))
    return seen


def _look(seen: dict[int, _Seen], module: Module, given: tuple[Tensor, ...]) -> None:
    """Add the inputs of one call."""
    inputs = given[0].flatten(0, -2)
    size, weight = inputs.shape[-1], id(module.weight)
    if weight not in seen:
        seen[weight] = _Seen(
            inputs.new_zeros((size, size)), torch.zeros(1), isinstance(module, Conv1D)
        )
    seen[weight].products.addmm_(inputs.T, inputs)
    seen[weight].inputs.add_(len(inputs))


def _output(name: str, seen: _Seen) -> Output:
    """As it is stored. Of a square weight only the layer tells which axis its inputs are."""
    values = seen.products.cpu() / seen.inputs
    shape = tuple(values.shape)
    return Output(name, "F32", (1, *shape) if seen.transposed else shape, bytes_of(values))
