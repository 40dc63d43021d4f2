"""`tiebreak weights merge --chat-template`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment
from test_engine import tiebreak_merge

from tiebreak.weights.tokenizer.chat import names as template_names
from vocabularies import FIRST, read, saved, trained, write

LINEAR = ("--method", "linear")
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Bye"},
]
WRITTEN = {
    "alpaca": (
        "Be brief.\n\n### Instruction:\nHi\n\n### Response:\nHello</s>\n\n### Instruction:\nBye\n\n"
        "### Response:\n"
    ),
    "chatml": (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n"
        "<|im_start|>assistant\n"
    ),
    "exaone": (
        "[|system|]Be brief.[|endofturn|]\n[|user|]Hi\n[|assistant|]Hello[|endofturn|]\n"
        "[|user|]Bye\n[|assistant|]"
    ),
    "llama3": (
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "mistral": "<s>[INST] Be brief.\n\nHi [/INST] Hello</s>[INST] Bye [/INST]",
}


def models(folder: Path, *templates: Any) -> list[str]:
    """Models with these chat templates in their tokenizers' settings; None is none."""
    same = trained("bpe", FIRST)
    found = [saved(folder / f"m{n}", same, n) for n in range(len(templates))]
    for name, template in zip(found, templates, strict=True):
        if template is not None:
            settings = read(Path(name), "tokenizer_config.json") | {"chat_template": template}
            write(Path(name), "tokenizer_config.json", settings)
    return found


def rendered(template: str) -> str:
    """A conversation as transformers has Jinja write it."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    ends = {"bos_token": "<s>", "eos_token": "</s>"}
    found: str = environment.from_string(template).render(
        messages=TALK, add_generation_prompt=True, **ends
    )
    return found


@pytest.mark.parametrize("name", template_names())
def test_a_template_by_name(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    merge = (*LINEAR, "--chat-template", name)
    assert tiebreak_merge(models(tmp_path, None, "{{ old }}"), out, *merge) == 0
    written = (out / "chat_template.jinja").read_text()
    assert read(out, "tokenizer_config.json")["chat_template"] == written
    assert rendered(written) == WRITTEN[name]


def test_the_most_common_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    several = [
        {"name": "tool_use", "template": "{{ no }}"},
        {"name": "default", "template": "{{ b }}"},
    ]
    names, out = models(tmp_path, "{{ a }}", several, None, "{{ b }}"), tmp_path / "out"
    (Path(names[2]) / "chat_template.jinja").write_text("{{ b }}\n")
    assert tiebreak_merge(names, out, *LINEAR, "--chat-template", "auto") == 0
    assert (out / "chat_template.jinja").read_text() == "{{ b }}"
    assert "that of 3 of 4 models" in capsys.readouterr().err


def test_no_model_has_a_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names, out = models(tmp_path, None, None), tmp_path / "out"
    assert tiebreak_merge(names, out, *LINEAR, "--chat-template", "auto") == 0
    assert not (out / "chat_template.jinja").exists()
    assert "no model has one" in capsys.readouterr().err


def test_a_file_and_a_text(tmp_path: Path) -> None:
    names, file = models(tmp_path, None, None), tmp_path / "mine.jinja"
    file.write_text("{{ mine }}")
    for asked in (str(file), "{{ mine }}"):
        out = tmp_path / f"out{len(asked)}"
        assert tiebreak_merge(names, out, *LINEAR, "--chat-template", asked) == 0
        assert (out / "chat_template.jinja").read_text() == "{{ mine }}"


def test_a_template_is_in_the_union_of_tokenizers_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = saved(tmp_path / "base", trained("bpe", FIRST), 0)
    side = saved(tmp_path / "side", trained("bpe", FIRST, ["<|im_start|>"]), 1)
    options = (*LINEAR, "--tokenizer", "union", "--chat-template", "chatml")
    assert tiebreak_merge([base, side], tmp_path / "out", *options) == 0
    assert (tmp_path / "out/chat_template.jinja").exists()
    said = capsys.readouterr().err
    assert "the tokenizer does not know '<|im_end|>' as tokens" in said


@pytest.mark.parametrize(
    ("asked", "said"),
    [("chatlm", "expected auto, alpaca, chatml"), ("no/such.jinja", "cannot be read")],
)
def test_what_is_no_template(
    asked: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names, out = models(tmp_path, None, None), tmp_path / "out"
    assert tiebreak_merge(names, out, *LINEAR, "--chat-template", asked) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
