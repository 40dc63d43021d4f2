"""`tiebreak weights` as a user runs it: in a repository, on files, folders and commits."""

from __future__ import annotations

import html.parser
import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tiebreak.cli.dispatch import run
from tiebreak.cli.weights import COMMANDS
from tiny import checkpoint, full

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repo

A = {"m.layers.0.w": full(1, 2, 3), "m.layers.1.w": full(2, 4), "head.weight": full(3, 2)}
B = {**A, "m.layers.1.w": full(-2, 4), "new": full(1, 1)}


@pytest.fixture
def models(repo: Repo) -> Repo:
    """Two versions of a model: `old` at a tag, `new` in the work tree."""
    repo.commit({"model/model.safetensors": checkpoint(A), "model/config.json": "{}"})
    repo.git("tag", "old")
    repo.commit({"model/model.safetensors": checkpoint(B)})
    return repo


def said(repo: Repo, *args: str, status: int = 0) -> str:
    done = repo.tiebreak("weights", *args)
    assert done.returncode == status, done.stderr.decode()
    return (done.stdout if status in {0, 1} else done.stderr).decode()


def facts(repo: Repo, *args: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(repo, *args, "--json"))
    assert found["format"] == 1
    return found


@pytest.mark.parametrize(
    "name", ["model", "model/model.safetensors", "HEAD:model", "HEAD:model/model.safetensors"]
)
def test_show_takes_files_folders_and_commits(name: str, models: Repo) -> None:
    found = facts(models, "show", name)
    assert [t["name"] for t in found["tensors"]] == list(B)
    assert found["metadata"] == {"format": "pt"}
    assert found["tensors"][0] == {
        "name": "m.layers.0.w",
        "dtype": "F32",
        "shape": [2, 3],
        "bytes": 24,
        "file": "model.safetensors",
    }


def test_show_lists_tensors(models: Repo) -> None:
    lines = said(models, "show", "old:model").splitlines()
    assert lines == [
        "3 tensors, 12 values, 48 B, 1 file",
        "types: F32 3",
        "metadata format: pt",
        "",
        "m.layers.0.w  F32  2x3  24 B",
        "m.layers.1.w  F32  4    16 B",
        "head.weight   F32  2    8 B",
    ]


def test_diff_by_layer(models: Repo) -> None:
    lines = [line.split() for line in said(models, "diff", "old:model", "model").splitlines()]
    assert lines[0][:3] == ["layer", "tensors", "changed"]
    assert " ".join(lines[2]) == "m.layers.1 1 changed 100 % 4 4 8 -1 0 %"
    assert [line[0] for line in lines[1:]] == ["m.layers.0", "m.layers.1", "head", "new", "all"]
    assert lines[4] == ["new", "1", "only", "in", "B", *"------"]


def test_diff_by_tensor_and_as_json(models: Repo) -> None:
    table = said(models, "diff", "old:model", "model", "--tensors").splitlines()
    assert table[2].startswith("m.layers.1.w  changed, F32 4")
    found = facts(models, "diff", "old:model", "model")
    assert found["total"]["kinds"] == {"changed": 1, "only in B": 1, "same": 2}
    tensors = {tensor["name"]: tensor for tensor in found["tensors"]}
    assert tensors["m.layers.1.w"]["distance"] == 8
    assert tensors["m.layers.1.w"]["cosine"] == -1
    assert "cosine" not in tensors["new"]
    assert [layer["name"] for layer in found["layers"]] == [
        "m.layers.0",
        "m.layers.1",
        "head",
        "new",
    ]


def test_diff_with_a_base(models: Repo) -> None:
    models.write({"theirs.safetensors": checkpoint({**A, "m.layers.0.w": full(5, 2, 3)})})
    found = facts(models, "diff", "model", "theirs.safetensors", "--base", "old:model")
    first, second, *_ = found["layers"]
    assert (first["norm_a"], first["norm_b"]) == (0, pytest.approx((6 * 16) ** 0.5))
    assert (second["norm_a"], second["norm_b"]) == (8, 0)
    assert first["sign_agreement"] is None


class Page(html.parser.HTMLParser):
    """What a page holds, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "line"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone(models: Repo) -> None:
    evil = '</title><script src="https://example.com/x.js">'
    models.write({"evil.safetensors": checkpoint({**B, evil: full(1, 2)})})
    said(models, "diff", "old:model", "evil.safetensors", "--html", "page.html")
    text = models.read("page.html").decode()
    page = Page(text)
    assert page.open == []
    tags = [tag for tag, _ in page.elements]
    plots = [attributes["aria-label"] for tag, attributes in page.elements if tag == "svg"]
    assert plots == [
        "Distance between the models, relative to the norm of the first",
        "Cosine",
        "Share of entries with the same sign",
        "Share of entries whose bits differ",
        "Relative distance, A-B",
        "Cosine, A-B",
        "Share of entries with the same sign, A-B",
    ]
    assert tags.count("circle") == 3 * 4  # the layers that can be compared
    assert not {"script", "img", "link", "iframe"} & set(tags)
    assert not any({"src", "href"} & set(attributes) for _, attributes in page.elements)
    assert "url(" not in text
    assert "<title>A-B, m.layers.1: 2</title>" in text  # the distance, relative to the norm of A
    assert "<title>w, layer 1: 2</title>" in text  # the same in the heat map


def test_verify(models: Repo) -> None:
    assert said(models, "verify", "model") == (
        "1 safetensors file, 1 JSON file: nothing is wrong\n"
    )
    config = {"vocab_size": 9}
    tensors = {"embed_tokens.weight": full(1, 8, 2)}
    models.commit(
        {"model/config.json": json.dumps(config), "model/m.safetensors": checkpoint(tensors)}
    )
    for name in ("model", "HEAD:model"):
        assert said(models, "verify", name, status=1).startswith("config.json: vocab_size is 9, ")
    assert "verify looks at a folder" in said(models, "verify", "model/model.safetensors", status=2)


def test_git_diff_shows_tensors(models: Repo) -> None:
    code = "import sys; from tiebreak.cli import main; sys.exit(main())"
    words = [sys.executable, "-P", "-c", code, "weights", "textconv"]
    models.git("config", "diff.tiebreak-weights.textconv", shlex.join(words))
    models.write({".gitattributes": "*.safetensors diff=tiebreak-weights\n"})
    shown = models.git("diff", "old", "HEAD", "--", "model/model.safetensors").splitlines()
    changed = [line for line in shown[4:] if line[0] in "+-"]
    assert [line.split("  ")[:2] for line in changed] == [
        ["-m.layers.1.w", "F32 4"],
        ["+m.layers.1.w", "F32 4"],
        ["+new", "F32 1"],
    ]
    models.write({"model/model.safetensors": b"damaged"})
    assert "# unreadable: 7 bytes are too few" in models.git("diff")


def test_textconv_of_a_pointer(models: Repo) -> None:
    oid = "0" * 64
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 5\n"
    models.write({"p": text})
    assert said(models, "textconv", "p") == f"# a Git LFS pointer: {oid}, 5 bytes\n"


def test_lfs_pointers_are_followed(models: Repo, tmp_path: Path) -> None:
    from tiebreak.weights.lfs import Store

    file = tmp_path / "content"
    file.write_bytes(checkpoint(A))
    pointer = Store(str(models.path / ".git")).store_file(str(file))
    models.commit({"lfs/model.safetensors": pointer.text, "lfs/config.json": "{}"})
    for name in ("lfs", "lfs/model.safetensors", "HEAD:lfs", "HEAD:lfs/model.safetensors"):
        assert [t["name"] for t in facts(models, "show", name)["tensors"]] == list(A)
    assert "nothing is wrong" in said(models, "verify", "lfs")
    missing = pointer._replace(oid="1" * 64)
    models.commit({"lfs/model.safetensors": missing.text})
    for name in ("lfs", "lfs/model.safetensors", "HEAD:lfs"):
        assert "git lfs fetch" in said(models, "show", name, status=2)


def test_shards_of_a_commit(models: Repo) -> None:
    index = {"weight_map": {**dict.fromkeys(A, "a.safetensors"), "z": "z.safetensors"}}
    models.commit(
        {
            "s/a.safetensors": checkpoint(A),
            "s/z.safetensors": checkpoint({"z": full(1, 1)}),
            "s/model.safetensors.index.json": json.dumps(index),
        }
    )
    for name in ("HEAD:s", "HEAD:s/model.safetensors.index.json"):
        assert len(facts(models, "show", name)["tensors"]) == 4
    assert not list((models.path / ".git/tiebreak/scratch").iterdir())  # what was extracted is gone


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("missing", "missing: there is no such file or folder; a commit's is REV:PATH"),
        ("HEAD:missing", "HEAD:missing: there is no such file or folder in that revision"),
        ("nonsense:model", "nonsense:model: there is no such file or folder in that revision"),
        ("--all:x", None),
        ("HEAD:pickle", "HEAD:pickle: this is a pickled checkpoint"),
        ("pickle", "pickle: this is a pickled checkpoint"),
    ],
)
def test_what_cannot_be_shown_is_one_line(name: str, line: str | None, models: Repo) -> None:
    models.commit({"pickle": b"\x80\x04K\x01."})
    error = said(models, "show", "--", name, status=2)
    assert error.startswith(f"tiebreak: {line or ''}")
    assert error.count("\n") == 1


def test_without_numpy_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert run(["weights", "show", "x"]) == 2
    assert capsys.readouterr().err == (
        "tiebreak: merging checkpoints needs numpy: pip install 'tiebreak[weights]'\n"
    )


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_help_needs_no_numpy(repo: Repo) -> None:
    code = (
        "import sys; from tiebreak.cli.dispatch import run; "
        "run(['weights', '--help']); print(*sys.modules)"
    )
    loaded = repo.run(sys.executable, "-P", "-c", code).stdout.decode().split()
    assert "tiebreak.cli.weights.diff" in loaded
    assert not {"numpy", "tiebreak.weights.dtypes", "tree_sitter"} & set(loaded)
