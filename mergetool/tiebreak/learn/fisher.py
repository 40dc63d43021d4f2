"""The diagonal Fisher information of a Hugging Face model, estimated on text.

    F = 1/N sum_n E_y [ (d log p(y | x_n) / d theta)^2 ],   squared for each example by itself

M. Matena, C. Raffel, "Merging models with Fisher-weighted averaging" (arXiv 2111.09832). The
expectation is over what the model predicts, not over what the text says:

    causal model      an example is a stretch of tokens, y the next token at every position. One y
                      is drawn from p(y | x_n) for each example (their sum over positions is what
                      is differentiated), because a sum over all texts is out of reach
    classifier        an example is a line, y its class: the exact sum over all classes (one drawn
                      where there are more than 32)

With `empirical` y is the text's own next token: cheaper by a half, and another quantity, which the
file says of itself (F. Kunstner et al., arXiv 1905.12558, on the difference).

Models and examples: `tiebreak.learn.loaded`.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import torch
from torch.func import grad, vmap

from tiebreak.errors import InputError
from tiebreak.learn.loaded import batches, examples_of, load, named
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import Output, pooled, write_checkpoint
from tiebreak.weights.errors import shown
from tiebreak.weights.importance import FISHER, MODEL, content_of
from tiebreak.weights.methods.fisher import FLOOR
from tiebreak.weights.pickles import bytes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor
    from torch.nn import Parameter

    from tiebreak.learn.loaded import How, Loaded

EXACT: Final = 32  # classes over which the expectation is summed
LOW: Final = FLOOR  # what Fisher merging does not tell from nothing, unless it is told to


def write_fisher(
    folder: str,
    texts: Sequence[str],
    output: str,
    how: How,
    progress: Callable[[int, int], None],
) -> tuple[str, float]:
    """Estimate the Fisher of the model in a folder and write it, replacing what is there.

    `progress` is called with how many more examples are done, and how many there are. Gives how it
    was estimated, and the share of its entries that are below `LOW`.
    """
    loaded = load(folder, how)
    if loaded.classes and how.empirical:
        raise InputError("text alone has no classes: the empirical Fisher is for causal models")
    examples = examples_of(loaded, texts, how)
    squares = _squares(loaded, examples, how, partial(progress, len(examples)))
    told = _told(loaded, examples, how)
    with open_checkpoint(folder) as checkpoint, pooled() as each:
        state, outputs, low, entries = loaded.model.state_dict(keep_vars=True), [], 0, 0
        for name in checkpoint.names:
            info = checkpoint.info(name)
            if not DTYPES[info.dtype].is_float:
                continue
            parameter = named(name, info.shape, state, loaded.model)
            values = squares.get(id(parameter), torch.zeros(info.shape)) / len(examples)
            low, entries = low + int((values < LOW).sum()), entries + values.numel()
            outputs.append(Output(name, "F32", info.shape, bytes_of(values)))
        metadata = {"format": "pt", FISHER.estimate: told, MODEL: content_of(checkpoint, each)}
    write_checkpoint(output, outputs, metadata)
    return told, low / entries if entries else 0.0


def _squares(
    loaded: Loaded, examples: Sequence[list[int]], how: How, progress: Callable[[int], None]
) -> dict[int, Tensor]:
    """The sum over the examples, by the identity of the parameter."""
    parameters = dict(loaded.model.named_parameters())
    sums = {name: torch.zeros_like(values) for name, values in parameters.items()}
    generator = torch.Generator().manual_seed(how.seed)
    for ids in batches(examples, how):
        for labels, weights in _labels(loaded, parameters, ids, how, generator):
            for name, gradients in _gradients(loaded, parameters, ids, labels).items():
                sums[name] += torch.tensordot(weights, gradients.square(), dims=1)
        progress(len(ids))
    return {id(parameters[name]): total.cpu() for name, total in sums.items()}


@torch.no_grad()
def _labels(
    loaded: Loaded,
    parameters: Mapping[str, Parameter],
    ids: Tensor,
    how: How,
    generator: torch.Generator,
) -> list[tuple[Tensor, Tensor]]:
    """What y is for each example of a batch, and how much its square counts."""
    once = torch.ones(len(ids), device=ids.device)
    if how.empirical:
        return [(ids[:, 1:], once)]
    with _by_batches():
        chances = loaded.logits(parameters, ids).softmax(-1)
    if loaded.classes and loaded.classes <= EXACT:
        classes = range(loaded.classes)
        return [(torch.full_like(ids[:, 0], y), chances[:, y]) for y in classes]
    if not loaded.classes:
        chances = chances[:, :-1]
    drawn = torch.multinomial(chances.flatten(0, -2).cpu(), 1, generator=generator)
    return [(drawn.reshape(chances.shape[:-1]).to(ids.device), once)]


def _gradients(
    loaded: Loaded, parameters: Mapping[str, Parameter], ids: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    """The gradient of log p(y | x) for every example by itself."""

    def log_chance(parameters: Mapping[str, Tensor], ids: Tensor, label: Tensor) -> Tensor:
        chances = loaded.logits(parameters, ids[None])[0].log_softmax(-1)
        if loaded.classes:
            return chances.gather(-1, label[None]).sum()
        return chances[:-1].gather(-1, label[:, None]).sum()

    if len(ids) > 1:
        with _by_batches():
            found = vmap(grad(log_chance), (None, 0, 0))(dict(parameters), ids, labels)
        return {name: gradient.detach() for name, gradient in found.items()}
    value = log_chance(parameters, ids[0], labels[0])
    alone = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
    return {
        name: gradient[None]
        for name, gradient in zip(parameters, alone, strict=True)
        if gradient is not None
    }


@contextmanager
def _by_batches() -> Iterator[None]:
    """Not every model can be: some look at values to decide what to do."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError) as error:
        line = shown(" ".join(str(error).split()), 200)
        raise InputError(f"the model does not take batches ({line}); use --batch 1") from error


def _told(loaded: Loaded, examples: Sequence[list[int]], how: How) -> str:
    """How it was estimated, for the file's metadata."""
    if how.empirical:
        kind = "empirical, of the text's own tokens"
    elif loaded.classes and loaded.classes <= EXACT:
        kind = f"expectation over {loaded.classes} classes"
    else:
        kind = "expectation by one draw from the model for each example"
    tokens = max(map(len, examples))
    return f"{kind}; {len(examples)} examples of at most {tokens} tokens, seed {how.seed}"
