"""The engine, the two sets of kernels, and ``tiebreak weights merge``."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import tiebreak
from tiebreak.cli import dispatch
from tiebreak.errors import InputError
from tiebreak.weights import engine
from tiebreak.weights.checkpoint import open_checkpoint
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.engine import Output, write_checkpoint
from tiebreak.weights.kernels import Run, Side, Thinning, native, portable
from tiebreak.weights.methods import METHODS, Terms, check
from tiebreak.weights.safetensors import lay_out, write_header
from tiebreak.weights.values import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tiebreak.weights.kernels import Kernels

SOURCE = Path(tiebreak.__file__).parent / "weights" / "kernels" / "kernels.c"
FLAGS = ["-O3", "-std=c11", "-fPIC", "-shared", "-ffp-contract=off"]
WIDTHS = {"BF16": 2, "F16": 2, "F32": 4, "F64": 8, "F8_E4M3": 1}
SPECIAL = np.array(
    [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1e-40, 6e-8, 65519.0, 65520.0, 3.4e38, 1.0],
    np.float64,
)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    """The kernels of the wheel, or built here when it came without."""
    kernels = native.load()
    compiler = shutil.which("cc")
    if kernels is None and compiler is not None:
        library = str(tmp_path_factory.mktemp("kernels") / "kernels.so")
        subprocess.run([compiler, *FLAGS, SOURCE, "-o", library, "-lm"], check=True)
        kernels = native.load(library)
    if kernels is None:
        pytest.skip("no C compiler, and no compiled kernels in the wheel")
    return kernels


def random_side(rng: np.random.Generator, dtype: str, count: int, **given: Any) -> Side:
    """Anything that bits can be, or numbers with special ones among them; never aligned."""
    if rng.random() < 0.4:
        raw = rng.integers(0, 256, count * WIDTHS[dtype], np.uint8).tobytes()
    else:
        values = rng.standard_normal(count) * 10.0 ** rng.integers(-8, 5)
        places = rng.integers(0, count, count // 4)
        values[places] = rng.choice(SPECIAL, len(places))
        raw = encode(values, dtype)
    return Side(memoryview(b"x" + raw)[1:], dtype, **given)


class Case(NamedTuple):
    """Operands of every kernel, and the stretch of them that is computed."""

    dtype: str
    base: Side
    sides: tuple[Side, ...]
    start: int
    count: int

    @classmethod
    def drawn(cls, dtype: str, seed: int) -> Case:
        """By chance, with every way of weighing, trimming and dropping."""
        rng = np.random.default_rng(seed)
        count, start = int(rng.integers(300, 900)), int(rng.integers(0, 9))
        base = random_side(rng, dtype, count)
        sides = tuple(
            random_side(
                rng,
                str(rng.choice(["BF16", dtype])),
                count,
                weight=float(rng.choice([1.0, 0.3, -0.5])),
                threshold=int(rng.choice([0, 1, 0x3C000000])),
                key=int(rng.integers(0, 1 << 63)) * 2 + 1,
                drop=int(rng.choice([0, 1 << 31])),
                ceiling=int(rng.choice([0, 0x40000000])),
                changes=bool(rng.random() < 0.2),
            )
            for _ in range(int(rng.integers(1, 4)))
        )
        return cls(dtype, base, sides, start, count - start)

    def results(self, kernels: Kernels) -> list[bytes]:
        """What the kernels that merge write."""
        out, found = bytearray(self.count * WIDTHS[self.dtype]), []
        run = Run(memoryview(out), self.dtype, self.start, self.count)
        for origin in (self.base, None):
            kernels.combine(run, origin, self.sides, 0.7)
            found.append(bytes(out))
        for mean in (True, False):
            kernels.elect(run, self.base, self.sides, 1.0, mean=mean)
            found.append(bytes(out))
        sides, importances = (self.base, *self.sides), (*self.sides, self.base)
        kernels.weigh(run, sides, importances, (0.0, *[1e-6] * len(self.sides)))
        for width in (1, 7, self.count):
            rows, how = (self.count // width, width), Thinning(0.4, 0.2, width > 1)
            left = kernels.thin(self.base, self.sides[0], self.start, rows, how)
            found.append(np.where(np.isnan(left), np.nan, left).tobytes())
        return [*found, bytes(out)]

    def numbers(self, kernels: Kernels) -> list[list[int]]:
        """What the kernels that look give."""
        operands = self.base, self.sides[0], self.start, self.count
        upper = kernels.histogram(*operands, None)
        lower = kernels.histogram(*operands, int(upper.argmax()))
        return [upper.tolist(), lower.tolist(), kernels.magnitudes(*operands).tolist()]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32", "F64", "F8_E4M3"])
def test_compiled_kernels_give_the_bytes_of_numpy(compiled: Kernels, dtype: str, seed: int) -> None:
    case = Case.drawn(dtype, seed)
    assert case.results(compiled) == case.results(portable)
    assert case.numbers(compiled) == case.numbers(portable)


def test_compiled_fingerprints_and_comparisons_are_those_of_numpy(compiled: Kernels) -> None:
    data = memoryview(np.random.default_rng(0).bytes(1003))
    whole = portable.fingerprint(data, 0, 1003)
    for kernels in (compiled, portable):
        parts = [kernels.fingerprint(data, 0, 504), kernels.fingerprint(data, 504, 499)]
        assert sum(parts) % (1 << 64) == whole
        assert kernels.equal(data, memoryview(bytes(data)))
        assert not kernels.equal(
            data, memoryview(bytes(data[:-1]) + b"\0\0"[: 1 + (data[-1] == 0)])
        )
        assert not kernels.equal(data, data[:-1])
        assert kernels.equal(b"", b"")
        large = bytes(5_000_000)
        assert kernels.equal(memoryview(large), bytes(large))
        assert not kernels.equal(large, large[:-1] + b"x")
    assert portable.fingerprint(memoryview(bytes(1003)), 0, 1003) != whole


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32", "F64", "F8_E5M2"])
@pytest.mark.parametrize("kind", ["compiled", "portable"])
def test_one_number_that_is_not_finite_is_found(compiled: Kernels, dtype: str, kind: str) -> None:
    kernels = compiled if kind == "compiled" else portable
    for place in (0, 255, 256, 600):
        for value in (math.nan, math.inf, -math.inf, 1.0):
            values = np.full(601, 3e4)  # near the largest of F16
            values[place] = value
            raw = memoryview(b"-" + encode(values, dtype))[1:]  # at an odd address
            assert kernels.finite(raw, dtype) == math.isfinite(value)
    assert kernels.finite(memoryview(b""), dtype)


def checkpoint(path: Path, tensors: Mapping[str, tuple[str, tuple[int, ...], bytes]]) -> Path:
    """A safetensors file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    infos = lay_out((name, dtype, shape) for name, (dtype, shape, _) in tensors.items())
    data = b"".join(raw for _, _, raw in tensors.values())
    path.write_bytes(write_header(infos, {"format": "pt"}) + data)
    return path


def model(path: Path, seed: int) -> Path:
    """A small model whose tensors are small, large, of integers, and the same in all models."""
    rng, always = np.random.default_rng(seed), np.random.default_rng(99)
    return checkpoint(
        path,
        {
            "b": ("BF16", (70, 30), encode(rng.standard_normal(2100), "BF16")),
            "a": ("F32", (1300, 1000), encode(rng.standard_normal(1_300_000), "F32")),
            "ids": ("I64", (2,), bytes([seed]) * 16),
            "same": ("F16", (64,), encode(always.standard_normal(64), "F16")),
            "none": ("BF16", (0, 4), b""),
            "one": ("F8_E4M3", (), encode(rng.standard_normal(1), "F8_E4M3")),
        },
    )


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    """A base and two models, as files."""
    return [str(model(tmp_path / f"{seed}.safetensors", seed)) for seed in range(3)]


def tiebreak_merge(models: list[str], out: Path, *options: str) -> int:
    return dispatch.run(["weights", "merge", *models, "-o", str(out), *options])


@pytest.mark.parametrize("method", ["linear", "task_arithmetic", "ties", "dare", "slerp"])
def test_any_number_of_threads_gives_the_same_bytes(
    models: list[str], tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set()
    for large in (engine.LARGE, 1 << 20):  # "a" is one task, or one for each chunk
        monkeypatch.setattr(engine, "LARGE", large)
        for threads in (1, 2, 3, 4):
            out = tmp_path / f"{large}-{threads}.safetensors"
            assert tiebreak_merge(models, out, "--method", method, "--threads", str(threads)) == 0
            found.add(out.read_bytes())
    assert len(found) == 1


def test_without_compiled_kernels_the_bytes_are_the_same(
    models: list[str], tmp_path: Path, compiled: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tiebreak.weights.kernels as chosen

    found = []
    for kernels in (compiled, portable):
        chosen.host.cache_clear()
        monkeypatch.setattr(chosen.native, "load", lambda kernels=kernels: kernels)
        out = tmp_path / f"out-{len(found)}.safetensors"
        assert tiebreak_merge(models, out, "--method", "ties", "--set", "scope=model") == 0
        found.append(out.read_bytes())
    chosen.host.cache_clear()
    assert found[0] == found[1]


def test_order_metadata_and_what_is_not_merged_stay(models: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    assert tiebreak_merge(models, out, "--method", "linear") == 0
    with open_checkpoint(models[1]) as first, open_checkpoint(str(out)) as merged:
        assert merged.names == first.names == ("b", "a", "ids", "same", "none", "one")
        assert merged.metadata == {"format": "pt"}
        for name in ("ids", "same", "none"):
            assert merged.raw(name) == first.raw(name)
        assert merged.raw("a") != first.raw("a")


def test_a_folder_keeps_its_shards_and_the_files_beside_them(tmp_path: Path) -> None:
    for seed, name in enumerate(("base", "ours", "theirs")):
        folder = tmp_path / name
        for number in (1, 2):
            values = encode(np.full(4, seed * number), "F32")
            checkpoint(
                folder / f"model-{number}.safetensors", {f"w{number}": ("F32", (4,), values)}
            )
        shards = {"w1": "model-1.safetensors", "w2": "model-2.safetensors"}
        index = {"metadata": {"total_size": 32}, "weight_map": shards}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        (folder / "config.json").write_text(name)
        (folder / "optimizer.pt").write_text("not ours to copy")
    out = tmp_path / "out"
    names = [str(tmp_path / name) for name in ("base", "ours", "theirs")]
    assert tiebreak_merge(names, out, "--method", "linear") == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "config.json",
        "model-1.safetensors",
        "model-2.safetensors",
        "model.safetensors.index.json",
        "tiebreak_merge.json",
    ]
    assert (out / "config.json").read_text() == "ours"
    with open_checkpoint(str(out)) as merged:
        assert np.frombuffer(merged.raw("w1"), "<f4").tolist() == [1.5] * 4
        assert np.frombuffer(merged.raw("w2"), "<f4").tolist() == [3.0] * 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--method", "tiess"], "there is no method 'tiess'; did you mean ties?"),
        (["--method", "ties", "--density", "2"], "density: expected a number from"),
        (["--method", "ties", "--density", "some"], "density: expected a number from"),
        (["--method", "ties", "--set", "scop=model"], "did you mean scope?"),
        (["--method", "ties", "--set", "scope"], "expected NAME=VALUE"),
        (["--method", "linear", "--weight", "1", "--weight", "-1"], "sum to 0"),
    ],
)
def test_a_wrong_request_is_one_line_and_writes_nothing(
    models: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    words: str,
) -> None:
    assert tiebreak_merge(models, tmp_path / "out.safetensors", *options) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["0.safetensors", "1.safetensors", "2.safetensors"]


def test_models_that_do_not_fit_are_refused(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = checkpoint(tmp_path / "x.safetensors", {"b": ("BF16", (2,), b"abcd")})
    out = tmp_path / "out.safetensors"
    assert tiebreak_merge([*models, str(other)], out, "--method", "linear") == 2
    assert "lacks tensor 'a'" in capsys.readouterr().err
    wide = checkpoint(tmp_path / "w.safetensors", {"b": ("BF16", (1,), b"ab")})
    assert tiebreak_merge([str(wide), str(wide), str(other)], out, "--method", "linear") == 2
    assert "tensor 'b' is BF16 [2], in" in capsys.readouterr().err
    assert not out.exists()


def test_what_is_there_is_never_replaced(models: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    out.write_text("mine")
    assert tiebreak_merge(models, out, "--method", "linear") == 2
    assert out.read_text() == "mine"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_merge_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def fill(start: int, stop: int, out: memoryview) -> None:
        raise error

    path = tmp_path / "out.safetensors"
    path.write_text("before")
    outputs = [
        Output("whole", "F32", (2,), memoryview(bytes(8))),
        Output("broken", "F32", (2,), lambda _each: fill),
    ]
    with pytest.raises((KeyboardInterrupt, OSError)):
        write_checkpoint(str(path), outputs, None, threads=2)
    assert os.listdir(tmp_path) == ["out.safetensors"]
    assert path.read_text() == "before"


def test_a_full_disk_is_found_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage("/"))(100, 90, 10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    path = tmp_path / "out.safetensors"
    with pytest.raises(InputError, match="16 bytes are needed, 10 are free"):
        write_checkpoint(str(path), [Output("w", "F32", (4,), memoryview(bytes(16)))], None)
    assert os.listdir(tmp_path) == []


def test_progress_counts_every_byte_once(tmp_path: Path) -> None:
    seen: list[int] = []
    count = 3_000_000
    side = Side(memoryview(bytes(count * 4)), "F32")
    method = METHODS["linear"]
    terms = Terms(
        "w", (count,), "F32", None, (side, side._replace(data=memoryview(b"x" * count * 4)))
    )
    content = partial(method.prepare, terms, check(method, {}, 2))
    outputs = [
        Output("w", "F32", (count,), content),
        Output("copied", "U8", (5,), memoryview(b"hello")),
    ]
    write_checkpoint(str(tmp_path / "out"), outputs, None, 2, seen.append)
    assert sum(seen) == count * DTYPES["F32"].bits // 8 + 5


@pytest.mark.parametrize(
    ("method", "unused"),
    [
        ("ties", {"torch", "safetensors"}),
        pytest.param(
            "linear",
            {"torch", "safetensors", "numpy"},
            marks=pytest.mark.skipif(native.load() is None, reason="needs the compiled kernels"),
        ),
    ],
)
def test_what_merging_does_not_import(method: str, unused: set[str], tmp_path: Path) -> None:
    models = [
        str(
            checkpoint(
                tmp_path / f"{seed}.safetensors",
                {
                    dtype: (dtype, (300,), encode(np.full(300, seed), dtype))
                    for dtype in ("BF16", "F16", "F32", "F64")
                },
            )
        )
        for seed in range(3)
    ]
    program = (
        "import sys; from tiebreak.cli import dispatch; code = dispatch.run(sys.argv[1:]);"
        f"sys.exit(code or bool({unused} & set(sys.modules)))"
    )
    arguments = ["weights", "merge", *models, "-o", str(tmp_path / "o"), "--method", method]
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=False)
    assert done.returncode == 0
