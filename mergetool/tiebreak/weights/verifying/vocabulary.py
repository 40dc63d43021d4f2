"""``config.json`` against the shapes: rows of the embedding and of the output, and tying."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tiebreak.weights.errors import shown
from tiebreak.weights.kernels import host
from tiebreak.weights.verifying.folder import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.weights.verifying.folder import Folder

CONFIG: Final = "config.json"

# How architectures name the two; the end of the tensor's name
EMBEDDINGS: Final = (
    "embed_tokens.weight",  # Llama, Mistral, Qwen, Gemma, OPT
    "wte.weight",  # GPT-2, Falcon's ancestors, MPT
    "word_embeddings.weight",  # BERT, BLOOM, Falcon
    "embed_in.weight",  # GPT-NeoX
    "tok_embeddings.weight",  # InternLM2, ModernBERT
    "shared.weight",  # T5, BART
)
OUTPUTS: Final = ("lm_head.weight", "embed_out.weight")


def rows(folder: Folder) -> Iterator[Finding]:
    """The embedding and the output have as many rows as ``vocab_size`` says."""
    said = _setting(folder.json(CONFIG), "vocab_size")
    for name in (*_named(folder, EMBEDDINGS), *_named(folder, OUTPUTS)):
        file, tensor = folder.tensors[name]
        if type(said) is int and tensor.shape and tensor.shape[0] != said:
            what = f"vocab_size is {said}, {shown(name)} in {file} has {tensor.shape[0]} rows"
            fix = f"set vocab_size to {tensor.shape[0]} if the tokenizer agrees, or take that file"
            yield Finding(CONFIG, what, f"{fix} from the other side")


def tied(folder: Folder) -> Iterator[Finding]:
    """With tied weights there is one matrix; without, there are two.

    Only a ``tie_word_embeddings`` that is written down counts: what its absence means depends on
    the architecture.
    """
    config = folder.json(CONFIG)
    said = _setting(config, "tie_word_embeddings")
    embeddings, outputs = _named(folder, EMBEDDINGS), _named(folder, OUTPUTS)
    if said is True and embeddings and outputs and not _equal(folder, embeddings[0], outputs[0]):
        what = f"tie_word_embeddings is true, but {outputs[0]} differs from {embeddings[0]}"
        yield Finding(CONFIG, what, f"remove {outputs[0]}, or set tie_word_embeddings to false")
    if said is False and embeddings and not outputs and _is_language_model(config):
        what = f"tie_word_embeddings is false, but there is no {OUTPUTS[0]}"
        yield Finding(CONFIG, what, "restore the tensor, or set tie_word_embeddings to true")


def row_count(folder: Folder) -> int | None:
    """How many tokens the embedding has a row for; None without an embedding."""
    sizes = [folder.tensors[name][1].shape[:1] for name in _named(folder, EMBEDDINGS)]
    return min((size[0] for size in sizes if size), default=None)


def _named(folder: Folder, endings: tuple[str, ...]) -> list[str]:
    return [
        name for name in folder.tensors if any(f".{name}".endswith(f".{end}") for end in endings)
    ]


def _setting(config: dict[str, Any], key: str) -> object:
    """A setting of the model, or of the language half of a model for text and images."""
    nested = config.get("text_config")
    if key not in config and isinstance(nested, dict):
        return nested.get(key)
    return config.get(key)


def _equal(folder: Folder, a: str, b: str) -> bool:
    return host().equal(folder.raw(a), folder.raw(b))


def _is_language_model(config: dict[str, Any]) -> bool:
    found = config.get("architectures")
    return isinstance(found, list) and any("LM" in str(name) for name in found)
