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

All examples of a batch have the same number of tokens, so nothing is padded. Dropout is off.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
import transformers
from safetensors import SafetensorError
from torch.func import functional_call, grad, vmap

from tiebreak.errors import InputError
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import Output, pooled, write_checkpoint
from tiebreak.weights.errors import shown
from tiebreak.weights.importance import ESTIMATE, MODEL, content_of
from tiebreak.weights.kernels.device import device_named
from tiebreak.weights.methods.fisher import FLOOR
from tiebreak.weights.pickles import bytes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor
    from torch.nn import Module, Parameter

CAUSAL: Final = ("ForCausalLM", "LMHeadModel")  # how the names of such architectures end
CLASSIFIER: Final = "ForSequenceClassification"
EXACT: Final = 32  # classes over which the expectation is summed
LOW: Final = FLOOR  # what Fisher merging does not tell from nothing, unless it is told to


class How(NamedTuple):
    """How to estimate. `length` is in tokens; a batch needs its size times the model's memory."""

    examples: int = 256
    length: int = 128
    batch: int = 4
    seed: int = 0
    empirical: bool = False
    device: str = "cpu"


class _Loaded(NamedTuple):
    model: Module
    tokenizer: Any
    classes: int  # 0: a causal model
    longest: int  # tokens

    def logits(self, parameters: Mapping[str, Tensor], ids: Tensor) -> Tensor:
        """What the model predicts with these parameters, for examples of tokens."""
        options = {} if self.classes else {"use_cache": False}
        found: Tensor = functional_call(self.model, dict(parameters), (ids,), options).logits
        return found


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
    loaded = _load(folder, how)
    examples = _examples(loaded, texts, how)
    squares = _squares(loaded, examples, how, partial(progress, len(examples)))
    told = _told(loaded, examples, how)
    with open_checkpoint(folder) as checkpoint, pooled() as each:
        state, outputs, low, entries = loaded.model.state_dict(keep_vars=True), [], 0, 0
        for name in checkpoint.names:
            info = checkpoint.info(name)
            if not DTYPES[info.dtype].is_float:
                continue
            parameter = _named(name, info.shape, state, loaded.model)
            values = squares.get(id(parameter), torch.zeros(info.shape)) / len(examples)
            low, entries = low + int((values < LOW).sum()), entries + values.numel()
            outputs.append(Output(name, "F32", info.shape, bytes_of(values)))
        metadata = {"format": "pt", ESTIMATE: told, MODEL: content_of(checkpoint, each)}
    write_checkpoint(output, outputs, metadata)
    return told, low / entries if entries else 0.0


def _load(folder: str, how: How) -> _Loaded:
    """The model in float32. Neither code of the folder nor a pickle is run."""
    device = device_named(how.device)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    given: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = transformers.AutoConfig.from_pretrained(folder, **given)
        name = (config.architectures or ["a model without an architecture"])[0]
        kind = _kind(name)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **given)
        given |= {"use_safetensors": True, "attn_implementation": "eager"}  # vmap knows no other
        model, about = kind.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, **given
        )
    except _UNLOADABLE as error:
        line = shown(" ".join(str(error).split()), 300)
        raise InputError(f"{shown(folder, 400)}: transformers cannot load it: {line}") from error
    invented = sorted(about["missing_keys"])
    if invented:
        what = f"lacks {shown(invented[0])}, which {name} needs"
        raise InputError(f"{shown(folder, 400)}: the checkpoint {what}")
    classes = config.num_labels if name.endswith(CLASSIFIER) else 0
    if classes == 1 or (classes and config.problem_type not in {None, _ONE_CLASS}):
        raise InputError(f"{shown(folder, 400)}: only classifiers that choose one class are known")
    if classes and how.empirical:
        raise InputError("text alone has no classes: the empirical Fisher is for causal models")
    longest = getattr(config, "max_position_embeddings", None) or how.length
    return _Loaded(model.eval().to(device), tokenizer, classes, min(longest, how.length))


_ONE_CLASS: Final = "single_label_classification"
_UNLOADABLE: Final = (
    OSError, ValueError, KeyError, ImportError, AttributeError, RuntimeError, SafetensorError,
)  # fmt: skip


def _kind(name: str) -> Any:
    if name.endswith(CAUSAL):
        return transformers.AutoModelForCausalLM
    if name.endswith(CLASSIFIER):
        return transformers.AutoModelForSequenceClassification
    msg = f"{shown(name)} is neither a causal language model nor a sequence classifier"
    raise ValueError(msg)


def _examples(loaded: _Loaded, texts: Sequence[str], how: How) -> list[list[int]]:
    """The tokens of every example that is looked at; by chance, but the same for the same seed."""
    found = [ids for text in texts for ids in (_lines if loaded.classes else _cut)(loaded, text)]
    if not found:
        raise InputError("the data holds no example: there is no text, or a single token")
    return random.Random(how.seed).sample(found, min(how.examples, len(found)))  # noqa: S311


def _lines(loaded: _Loaded, text: str) -> Iterator[list[int]]:
    """Every line that is not empty, with the model's own first and last token."""
    for line in text.splitlines():
        if line.strip():
            yield loaded.tokenizer(line, truncation=True, max_length=loaded.longest)["input_ids"]


def _cut(loaded: _Loaded, text: str) -> Iterator[list[int]]:
    """Whole stretches; a shorter text is one."""
    ids = loaded.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    if _LEAST <= len(ids) < loaded.longest:
        yield ids
    for start in range(0, len(ids) - loaded.longest + 1, loaded.longest):
        yield ids[start : start + loaded.longest]


_LEAST: Final = 2  # tokens: the second is predicted from the first


def _squares(
    loaded: _Loaded, examples: Sequence[list[int]], how: How, progress: Callable[[int], None]
) -> dict[int, Tensor]:
    """The sum over the examples, by the identity of the parameter."""
    parameters = dict(loaded.model.named_parameters())
    sums = {name: torch.zeros_like(values) for name, values in parameters.items()}
    generator = torch.Generator().manual_seed(how.seed)
    for _, alike in groupby(sorted(examples, key=len), key=len):
        for ids in torch.tensor(list(alike), device=how.device).split(how.batch):
            for labels, weights in _labels(loaded, parameters, ids, how, generator):
                for name, gradients in _gradients(loaded, parameters, ids, labels).items():
                    sums[name] += torch.tensordot(weights, gradients.square(), dims=1)
            progress(len(ids))
    return {id(parameters[name]): total.cpu() for name, total in sums.items()}


@torch.no_grad()
def _labels(
    loaded: _Loaded,
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
    loaded: _Loaded, parameters: Mapping[str, Parameter], ids: Tensor, labels: Tensor
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


def _named(name: str, shape: tuple[int, ...], state: Mapping[str, Tensor], model: Module) -> Tensor:
    """The tensor of a checkpoint in the model, whose names may lack or have its prefix.

    It may be none that is trained: nothing is known to depend on it.
    """
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    names = (name, prefix + name, name.removeprefix(prefix))
    found = next((state[known] for known in names if known in state), None)
    if found is None or found.shape != shape:
        what = "another shape" if found is not None else "no such parameter"
        raise InputError(
            f"tensor {shown(name)!r}: {what} in {type(model).__name__} as it is loaded"
        )
    return found


def _told(loaded: _Loaded, examples: Sequence[list[int]], how: How) -> str:
    """How it was estimated, for the file's metadata."""
    if how.empirical:
        kind = "empirical, of the text's own tokens"
    elif loaded.classes and loaded.classes <= EXACT:
        kind = f"expectation over {loaded.classes} classes"
    else:
        kind = "expectation by one draw from the model for each example"
    tokens = max(map(len, examples))
    return f"{kind}; {len(examples)} examples of at most {tokens} tokens, seed {how.seed}"
