"""The model card that `tiebreak weights merge` writes beside its result."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from test_engine import tiebreak_merge

from models import SINGLE
from tiebreak.cli import dispatch
from vocabularies import FIRST, read, saved, trained

TIES = ("--method", "ties", "--density", "0.5")


def models(folder: Path) -> list[str]:
    """A base and two models."""
    same = trained("bpe", FIRST)
    config = {"architectures": ["LlamaForCausalLM"]}
    return [saved(folder / name, same, n, **config) for n, name in enumerate(("base", "a", "b"))]


def licensed(name: str, text: str) -> None:
    (Path(name) / "README.md").write_text(f"---\nlicense: {text}\n---\n# Of {name}\n")


def front(folder: Path) -> dict[str, object]:
    """The front matter of a folder's card."""
    text = (folder / "README.md").read_text()
    found: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return found


def test_what_a_card_says(tmp_path: Path) -> None:
    names, out = models(tmp_path), tmp_path / "out"
    for name in names:
        licensed(name, "apache-2.0")
    assert tiebreak_merge(names, out, *TIES, "--chat-template", "chatml") == 0
    text = (out / "README.md").read_text()
    about = {"library_name": "transformers", "license": "apache-2.0", "tags": ["merge", "tiebreak"]}
    assert front(out) == about
    assert "[ties](https://arxiv.org/abs/2306.01708)" in text
    command = f"tiebreak weights merge {' '.join(names)} -o OUT --method ties --density 0.5"
    assert f"```sh\n{command} --chat-template chatml\n```" in text
    assert "AutoModelForCausalLM.from_pretrained" in text
    assert "* chat template: chatml's" in text
    record = read(out, "tiebreak_merge.json")
    assert record["parameters"]["density"] == [0.5, 0.5]
    assert [source["role"] for source in record["inputs"]] == ["base", "model", "model"]
    for source in record["inputs"]:
        digests = {file["name"]: file["sha256"] for file in source["files"]}
        weights = (Path(source["name"]) / SINGLE).read_bytes()
        assert digests[SINGLE] == hashlib.sha256(weights).hexdigest()
        assert {"config.json", "tokenizer.json"} < set(digests)
        assert digests[SINGLE] in text


def test_the_same_merge_has_the_same_card(tmp_path: Path) -> None:
    names = models(tmp_path)
    for out, threads in (("one", "1"), ("two", "4")):
        assert tiebreak_merge(names, tmp_path / out, *TIES, "--threads", threads) == 0
        os.utime(names[1])
    for file in ("README.md", "tiebreak_merge.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("other", ["mit", None])
def test_a_licence_that_is_not_all_models_is_not_the_results(
    other: str | None, tmp_path: Path
) -> None:
    names, out = models(tmp_path), tmp_path / "out"
    for name in names[:2]:
        licensed(name, "apache-2.0")
    if other is not None:
        licensed(names[2], other)
    assert tiebreak_merge(names, out, *TIES) == 0
    assert "license" not in front(out)
    assert (
        "The licences of the models are not all known, or differ" in (out / "README.md").read_text()
    )


def test_a_model_of_the_hubs_cache_is_named_as_there(tmp_path: Path) -> None:
    names = models(tmp_path)
    revision = "0123456789abcdef0123456789abcdef01234567"
    place = tmp_path / "hub/models--some--model/snapshots" / revision
    place.parent.mkdir(parents=True)
    (tmp_path / "a").rename(place)
    out = tmp_path / "out"
    assert tiebreak_merge([names[0], str(place), names[2]], out, *TIES) == 0
    assert front(out)["base_model"] == ["some/model"]
    source = read(out, "tiebreak_merge.json")["inputs"][1]
    assert (source["hub"], source["revision"]) == ("some/model", revision)


def test_a_model_of_a_commit_is_named_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, out = models(tmp_path), tmp_path / "out"
    (Path(names[1]) / "merges.txt").write_text("#version: 0.2\n")
    licensed(names[1], "mit")
    monkeypatch.chdir(tmp_path)
    git = ("git", "-c", "user.name=n", "-c", "user.email=e@e", "-c", "init.defaultBranch=main")
    for command in (("init", "-q"), ("add", "a"), ("commit", "-qm", "a")):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert tiebreak_merge([names[0], "HEAD:a", names[2]], out, *TIES) == 0
    source = read(out, "tiebreak_merge.json")["inputs"][1]
    assert (source["name"], source["revision"]) == ("HEAD:a", head.stdout.strip())
    assert source["license"] == "mit"
    assert (out / "merges.txt").exists()
    weights = Path(names[1], SINGLE).read_bytes()
    assert hashlib.sha256(weights).hexdigest() in json.dumps(source)


def test_without_a_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names, out = models(tmp_path), tmp_path / "out"
    licensed(names[1], "mit")  # the first model's card is about that model, and is not copied
    assert tiebreak_merge(names, out, *TIES, "--no-card") == 0
    assert not (out / "README.md").exists()
    assert not (out / "tiebreak_merge.json").exists()
    files = [f"{name}/{SINGLE}" for name in names]
    assert tiebreak_merge(files, tmp_path / "file", *TIES, "--card") == 2
    assert "--card needs a folder to write to" in capsys.readouterr().err
    assert tiebreak_merge(files, tmp_path / "file", *TIES) == 0


def test_a_recipe_is_in_the_card_word_for_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models(tmp_path)
    monkeypatch.chdir(tmp_path)
    recipe = "merge_method: dare_ties  # mine\nbase_model: base\nmodels:\n" + "".join(
        f"  - {{model: {name}, parameters: {{weight: 1, density: 0.5}}}}\n" for name in ("a", "b")
    )
    Path("recipe.yml").write_text(recipe)
    merge = ["weights", "mergekit", "recipe.yml"]
    assert dispatch.run([*merge, "out", "--allow-unrelated"]) == 0
    text = Path("out/README.md").read_text()
    assert f"```yaml\n{recipe}```" in text
    assert "[dare_ties](https://arxiv.org/abs/2311.03099)" in text
    record = read(Path("out"), "tiebreak_merge.json")
    assert [source["role"] for source in record["inputs"]] == ["base", "model", "model"]
    assert record["parameters"] == {"random_seed": 0}
    assert dispatch.run([*merge, "bare", "--allow-unrelated", "--no-model-card"]) == 0
    assert not Path("bare/README.md").exists()
