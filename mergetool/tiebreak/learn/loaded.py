"""A model of transformers with its tokenizer, the examples that it is shown, and its tensors.

A causal model's examples are stretches of tokens, a classifier's are lines. All examples of a batch
have the same number of tokens, so nothing is padded. Dropout is off.
"""

from __future__ import annotations

import random
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
import transformers
from safetensors import SafetensorError
from torch.func import functional_call

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown
from tiebreak.weights.kernels.device import device_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor
    from torch.nn import Module

CAUSAL: Final = ("ForCausalLM", "LMHeadModel")  # how the names of such architectures end
CLASSIFIER: Final = "ForSequenceClassification"


class How(NamedTuple):
    """How to estimate. `length` is in tokens; a batch needs its size times the model's memory."""

    examples: int = 256
    length: int = 128
    batch: int = 4
    seed: int = 0
    empirical: bool = False
    device: str = "cpu"


class Loaded(NamedTuple):
    """A model as it is used here."""

    model: Module
    tokenizer: Any
    classes: int  # 0: a causal model
    longest: int  # tokens

    def logits(self, parameters: Mapping[str, Tensor], ids: Tensor) -> Tensor:
        """What the model predicts with these parameters, for examples of tokens."""
        options = {} if self.classes else {"use_cache": False}
        found: Tensor = functional_call(self.model, dict(parameters), (ids,), options).logits
        return found


def load(folder: str, how: How) -> Loaded:
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
    longest = getattr(config, "max_position_embeddings", None) or how.length
    return Loaded(model.eval().to(device), tokenizer, classes, min(longest, how.length))


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


def examples_of(loaded: Loaded, texts: Sequence[str], how: How) -> list[list[int]]:
    """The tokens of every example that is looked at; by chance, but the same for the same seed."""
    found = [ids for text in texts for ids in (_lines if loaded.classes else _cut)(loaded, text)]
    if not found:
        raise InputError("the data holds no example: there is no text, or a single token")
    return random.Random(how.seed).sample(found, min(how.examples, len(found)))  # noqa: S311


def _lines(loaded: Loaded, text: str) -> Iterator[list[int]]:
    """Every line that is not empty, with the model's own first and last token."""
    for line in text.splitlines():
        if line.strip():
            yield loaded.tokenizer(line, truncation=True, max_length=loaded.longest)["input_ids"]


def _cut(loaded: Loaded, text: str) -> Iterator[list[int]]:
    """Whole stretches; a shorter text is one."""
    ids = loaded.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    if _LEAST <= len(ids) < loaded.longest:
        yield ids
    for start in range(0, len(ids) - loaded.longest + 1, loaded.longest):
        yield ids[start : start + loaded.longest]


_LEAST: Final = 2  # tokens: the second is predicted from the first


def batches(examples: Sequence[list[int]], how: How) -> Iterator[Tensor]:
    """The examples, those of the same length together."""
    for _, alike in groupby(sorted(examples, key=len), key=len):
        yield from torch.tensor(list(alike), device=how.device).split(how.batch)


def named(name: str, shape: tuple[int, ...], state: Mapping[str, Tensor], model: Module) -> Tensor:
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
