"""A folder whose files do not fit: each mistake is found, named, and comes with its remedy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tiebreak.weights.verify import verify
from tiny import checkpoint, full

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Files = dict[str, Any]

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def model() -> Files:
    """A model that is well: JSON as objects, checkpoints as tensors."""
    return {
        FIRST: {EMBED: full(1, 6, 2), "model.norm.weight": full(1, 2)},
        SECOND: {HEAD: full(2, 6, 2)},
        INDEX: {
            "metadata": {"total_size": 104},
            "weight_map": {EMBED: FIRST, "model.norm.weight": FIRST, HEAD: SECOND},
        },
        "config.json": {
            "vocab_size": 6,
            "tie_word_embeddings": False,
            "architectures": ["LlamaForCausalLM"],
        },
        "tokenizer.json": {
            "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}},
            "added_tokens": [{"id": 3, "content": "<s>"}, {"id": 4, "content": "</s>"}],
        },
        "added_tokens.json": {"<s>": 3, "</s>": 4},
        "tokenizer_config.json": {"added_tokens_decoder": {"3": {"content": "<s>"}}},
    }


def adapter() -> Files:
    name = "base_model.model.layers.0.q_proj.lora_{}.weight"
    other = "base_model.model.layers.0.v_proj.lora_{}.weight"
    return {
        "adapter_model.safetensors": {
            name.format("A"): full(1, 4, 8),
            name.format("B"): full(1, 8, 4),
            other.format("A"): full(1, 2, 8),
            other.format("B"): full(1, 8, 2),
        },
        "adapter_config.json": {
            "peft_type": "LORA",
            "r": 4,
            "lora_alpha": 8,
            "rank_pattern": {"v_proj": 2},
        },
    }


def found(folder: Path, files: Files) -> list[str]:
    for name, content in files.items():
        if isinstance(content, bytes):
            data = content
        elif name.endswith(".safetensors"):
            data = checkpoint(content)
        else:
            data = json.dumps(content).encode()
        (folder / name).write_bytes(data)
    return [str(finding) for finding in verify(str(folder))]


@pytest.mark.parametrize("files", [model(), adapter(), {}], ids=["model", "adapter", "empty"])
def test_nothing_is_wrong(files: Files, tmp_path: Path) -> None:
    assert found(tmp_path, files) == []


def test_unigram_vocabulary_and_tied_weights(tmp_path: Path) -> None:
    files = model()
    files[SECOND] = {HEAD: full(1, 6, 2)}
    files["config.json"]["tie_word_embeddings"] = True
    files["tokenizer.json"]["model"] = {"type": "Unigram", "vocab": [["a", -1.0], ["b", -2.0]]}
    assert found(tmp_path, files) == []


def total(files: Files) -> None:
    files[INDEX]["metadata"]["total_size"] = 110


def missing_tensor(files: Files) -> None:
    del files[FIRST]["model.norm.weight"]
    files[INDEX]["metadata"] = {}


def moved_tensor(files: Files) -> None:
    files[SECOND]["model.norm.weight"] = files[FIRST].pop("model.norm.weight")


def doubled_tensor(files: Files) -> None:
    files[SECOND]["model.norm.weight"] = files[FIRST]["model.norm.weight"]


def extra_tensor(files: Files) -> None:
    files[SECOND]["model.extra.weight"] = full(1, 2)


def missing_shard(files: Files) -> None:
    del files[SECOND]


def damaged_shard(files: Files) -> None:
    files[SECOND] = checkpoint({HEAD: full(2, 6, 2)})[:-1]


def pointer(files: Files) -> None:
    files[SECOND] = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def missing_index(files: Files) -> None:
    del files[INDEX]


def broken_index(files: Files) -> None:
    files[INDEX] = b'<<<<<<< ours\n{"weight_map": {}}\n'


def broken_config(files: Files) -> None:
    files["config.json"] = b"<<<<<<< ours\n{}\n"


def vocabulary(files: Files) -> None:
    files["config.json"]["vocab_size"] = 7


def nested_vocabulary(files: Files) -> None:
    files["config.json"] = {"text_config": {"vocab_size": 5}}


def tied_but_two(files: Files) -> None:
    files["config.json"]["tie_word_embeddings"] = True


def untied_but_one(files: Files) -> None:
    files[SECOND] = {"other.weight": files[SECOND][HEAD]}
    files[INDEX]["weight_map"] = {**files[INDEX]["weight_map"], "other.weight": SECOND}
    del files[INDEX]["weight_map"][HEAD]


def two_tokens_on_one_id(files: Files) -> None:
    files["added_tokens.json"]["<pad>"] = 4


def two_tokens_in_one_file(files: Files) -> None:
    files["tokenizer.json"]["added_tokens"].append({"id": 2, "content": "<x>"})


def two_ids_for_one_token(files: Files) -> None:
    files["tokenizer_config.json"]["added_tokens_decoder"]["5"] = {"content": "<s>"}


def token_without_row(files: Files) -> None:
    files["added_tokens.json"]["<new>"] = 6


MISTAKES: list[tuple[Callable[[Files], None], str]] = [
    (total, f"{INDEX}: total_size is 110, the tensors have 104 bytes; set total_size to 104"),
    (missing_tensor, f"{INDEX}: tensor 'model.norm.weight' should be in {FIRST} and is nowhere; "),
    (moved_tensor, f"{INDEX}: tensor 'model.norm.weight' is in {SECOND}, not in {FIRST}; correct"),
    (doubled_tensor, f"{INDEX}: tensor 'model.norm.weight' is in {FIRST} and {SECOND}; remove it"),
    (extra_tensor, f"{INDEX}: tensor 'model.extra.weight' is in {SECOND} but not in the index; "),
    (missing_shard, f"{INDEX}: names {SECOND}, which is not here (1 tensors); restore"),
    (damaged_shard, f"{SECOND}: truncated: tensor 'lm_head.weight' ends at byte 48 of 47"),
    (pointer, f"{SECOND}: this is a Git LFS pointer; fetch"),
    (missing_index, f"{FIRST}: is a shard, and no index names it; restore the index json"),
    (broken_index, f"{INDEX}: not proper JSON: "),
    (broken_config, "config.json: cannot be read as JSON: "),
    (vocabulary, f"config.json: vocab_size is 7, {EMBED} in {FIRST} has 6 rows; set vocab_size"),
    (nested_vocabulary, f"config.json: vocab_size is 5, {EMBED} in {FIRST} has 6 rows; "),
    (tied_but_two, f"config.json: tie_word_embeddings is true, but {HEAD} differs from {EMBED}; "),
    (untied_but_one, f"config.json: tie_word_embeddings is false, but there is no {HEAD}; "),
    (two_tokens_on_one_id, "added_tokens.json: id 4 stands for '</s>' and '<pad>' (in tokenizer"),
    (two_tokens_in_one_file, "tokenizer.json: id 2 stands for 'ab' and '<x>'; give one of them"),
    (two_ids_for_one_token, "tokenizer_config.json: '<s>' has the ids 3 and 5 (in tokenizer.json)"),
    (token_without_row, "added_tokens.json: '<new>' has id 6, the embedding has 6 rows; take"),
]


@pytest.mark.parametrize(("mistake", "line"), MISTAKES, ids=[m.__name__ for m, _ in MISTAKES])
def test_a_mistake_is_named(mistake: Callable[[Files], None], line: str, tmp_path: Path) -> None:
    files = model()
    mistake(files)
    lines = found(tmp_path, files)
    assert lines[0].startswith(line), lines
    assert all("; " in text and text.isprintable() for text in lines)


def wrong_rank(files: Files) -> None:
    files["adapter_config.json"]["r"] = 8


def wrong_rank_pattern(files: Files) -> None:
    files["adapter_config.json"]["rank_pattern"] = {"layers.0.v_proj": 3}


def no_alpha(files: Files) -> None:
    files["adapter_config.json"]["lora_alpha"] = None


def factors_apart(files: Files) -> None:
    del files["adapter_model.safetensors"]["base_model.model.layers.0.q_proj.lora_B.weight"]


def mixed_factors(files: Files) -> None:
    tensors = files["adapter_model.safetensors"]
    tensors["base_model.model.layers.0.q_proj.lora_B.weight"] = full(1, 8, 16)


ADAPTER_MISTAKES: list[tuple[Callable[[Files], None], str]] = [
    (wrong_rank, "adapter_config.json: r is 8 for layers.0.q_proj, its lora_A in adapter_model"),
    (wrong_rank_pattern, "adapter_config.json: r is 3 for layers.0.v_proj, its lora_A in adapter"),
    (no_alpha, "adapter_config.json: lora_alpha is None for layers.0.q_proj; set the number"),
    (factors_apart, "adapter_model.safetensors: layers.0.q_proj has lora_A without lora_B; take"),
    (mixed_factors, "adapter_model.safetensors: layers.0.q_proj: lora_A [4, 8] and lora_B [8, 16]"),
]


@pytest.mark.parametrize(
    ("mistake", "line"), ADAPTER_MISTAKES, ids=[m.__name__ for m, _ in ADAPTER_MISTAKES]
)
def test_a_mistake_of_an_adapter(
    mistake: Callable[[Files], None], line: str, tmp_path: Path
) -> None:
    files = adapter()
    mistake(files)
    assert found(tmp_path, files)[0].startswith(line)


def test_an_expression_in_the_config_is_not_run(tmp_path: Path) -> None:
    """One like this takes longer than anyone lives."""
    files = adapter()
    files["adapter_config.json"]["rank_pattern"] = {"(a*)*(q|v)+$": 9, "v_proj": 2}
    assert found(tmp_path, files) == []


def test_two_variants_of_a_model(tmp_path: Path) -> None:
    """Each has its index and its shards, with the same names and other sizes."""
    files = model()
    half = {FIRST: "model.fp16-00001-of-00002.safetensors", SECOND: "model.fp16-2.safetensors"}
    for name, variant in half.items():
        files[variant] = {key: array.astype("float16") for key, array in files[name].items()}
    weight_map = {key: half[name] for key, name in files[INDEX]["weight_map"].items()}
    files["model.fp16.safetensors.index.json"] = {
        "metadata": {"total_size": 52},
        "weight_map": weight_map,
    }
    assert found(tmp_path, files) == []


def test_a_vocabulary_that_is_shifted_is_one_mistake(tmp_path: Path) -> None:
    files = model()
    files["vocab.json"] = {f"t{n}": n for n in range(5000)}
    lines = found(tmp_path, files)
    assert len(lines) < 60
    assert any("more of this kind" in line for line in lines)
