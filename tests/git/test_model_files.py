"""The JSON files beside a checkpoint under `git merge`: what merges by lines and must not."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from models import INDEX, ONE, TWO, sharded
from tiny import full

if TYPE_CHECKING:
    import subprocess

    from conftest import Repo

    Done = subprocess.CompletedProcess[bytes]

BASE = {f"<{n}>": 100 + n for n in range(20)}


def lines(content: Any) -> str:
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def merge(repo: Repo, name: str, *versions: Any) -> Done:
    repo.diverge(*({name: v if isinstance(v, str) else lines(v)} for v in versions))
    return repo.try_git("merge", "--no-edit", "other")


def test_two_tokens_with_one_id_far_apart(installed: Repo) -> None:
    """Git's line merge is clean; it stays in the file, unmerged, with the reason."""
    done = merge(installed, "added_tokens.json", BASE, BASE | {"!": 7}, BASE | {"~": 7})
    assert done.returncode == 1
    assert "id 7 stands for '!' and '~'" in done.stderr.decode()
    assert installed.unmerged() == ["added_tokens.json"]
    assert json.loads(installed.read("added_tokens.json")) == BASE | {"!": 7, "~": 7}
    assert not installed.litter()


def test_two_tokens_with_one_id_side_by_side(installed: Repo, twin: Repo) -> None:
    """A conflict of lines whose keys differ: what would be proven for any other file is not."""
    for repo in (installed, twin):
        done = merge(repo, "m/added_tokens.json", BASE, BASE | {"~a": 7}, BASE | {"~b": 7})
        assert done.returncode == 1
    assert installed.read("m/added_tokens.json") == twin.read("m/added_tokens.json")


def test_two_tokens_with_two_ids(installed: Repo) -> None:
    done = merge(installed, "added_tokens.json", BASE, BASE | {"~a": 7}, BASE | {"~b": 8})
    assert done.returncode == 0, done
    assert json.loads(installed.read("added_tokens.json")) == BASE | {"~a": 7, "~b": 8}


def test_what_was_twice_before_is_not_the_merges_fault(installed: Repo) -> None:
    twice = BASE | {"!": 7, "~": 7}
    done = merge(installed, "added_tokens.json", twice, twice | {"!1": 1}, twice | {"~1": 2})
    assert done.returncode == 0


def test_solve_does_not_put_two_tokens_on_one_id(repo: Repo) -> None:
    merge(repo, "added_tokens.json", BASE, BASE | {"~a": 7}, BASE | {"~b": 7})
    before = repo.read("added_tokens.json")
    assert repo.tiebreak("solve").returncode == 1
    assert repo.read("added_tokens.json") == before


ADAPTER = {"base_model_name_or_path": "m", "lora_alpha": 16, "peft_type": "LORA", "r": 8}
GAP = {f"m{n}": n for n in range(9)}  # between lora_alpha and r
MIXED = {
    "rank and scale": (ADAPTER | {"r": 16}, ADAPTER | {"lora_alpha": 32}),
    "base and rank": (ADAPTER | {"base_model_name_or_path": "n"}, ADAPTER | {"r": 16}),
}


@pytest.mark.parametrize("gap", [{}, GAP])
@pytest.mark.parametrize("name", MIXED)
def test_settings_of_an_adapter_belong_together(
    name: str, gap: dict[str, int], installed: Repo
) -> None:
    ours, theirs = MIXED[name]
    done = merge(installed, "adapter_config.json", ADAPTER | gap, ours | gap, theirs | gap)
    assert done.returncode == 1
    assert installed.unmerged() == ["adapter_config.json"]
    if gap:
        assert b"both changed how the adapter was trained" in done.stderr


@pytest.mark.parametrize("gap", [{}, GAP])
def test_other_settings_of_an_adapter(gap: dict[str, int], installed: Repo) -> None:
    base = ADAPTER | gap
    ours, theirs = base | {"r": 16, "lora_alpha": 32}, base | {"inference_mode": True}
    assert merge(installed, "adapter_config.json", base, ours, theirs).returncode == 0
    assert json.loads(installed.read("adapter_config.json")) == ours | theirs | {
        "r": 16, "lora_alpha": 32,
    }  # fmt: skip


# The index ----------------------------------------------------------------------------------------

PLAIN = {ONE: {"a": full(1, 2), "m": full(1, 4)}, TWO: {"z": full(1, 3)}}


def index(shards: dict[str, Any], **extra: Any) -> str:
    text = sharded(shards, **extra)[INDEX]
    assert isinstance(text, str)
    return text


def test_total_of_the_index(installed: Repo) -> None:
    """Both add eight bytes, each at another place: by lines the total lacks eight."""
    ours = PLAIN | {ONE: PLAIN[ONE] | {"b": full(1, 2)}}
    theirs = PLAIN | {TWO: PLAIN[TWO] | {"zz": full(1, 2)}}
    both = PLAIN | {ONE: ours[ONE], TWO: theirs[TWO]}
    done = merge(installed, INDEX, index(PLAIN), index(ours), index(theirs))
    assert done.returncode == 0, done
    assert installed.read(INDEX).decode() == index(both)
    assert b"merged by tensor (tiebreak review)" in done.stderr
    assert installed.tiebreak("undo", INDEX).returncode == 0
    assert installed.unmerged() == [INDEX]


def test_totals_in_conflict(installed: Repo) -> None:
    ours = PLAIN | {ONE: PLAIN[ONE] | {"b": full(1, 2)}}
    theirs = PLAIN | {ONE: PLAIN[ONE] | {"c": full(1, 5)}}
    both = PLAIN | {ONE: {"a": full(1, 2), "b": full(1, 2), "c": full(1, 5), "m": full(1, 4)}}
    done = merge(installed, INDEX, index(PLAIN), index(ours), index(theirs))
    assert done.returncode == 0, done
    assert json.loads(installed.read(INDEX)) == json.loads(index(both))


def test_a_tensor_that_both_moved(installed: Repo) -> None:
    ours = {ONE: {"a": full(1, 2)}, TWO: PLAIN[TWO] | {"m": full(1, 4)}}
    theirs = {ONE: {"a": full(1, 2)}, TWO: PLAIN[TWO], "x.safetensors": {"m": full(1, 4)}}
    done = merge(installed, INDEX, index(PLAIN), index(ours), index(theirs))
    assert done.returncode == 1


def test_totals_that_nobody_can_tell(installed: Repo, twin: Repo) -> None:
    """Both changed types, of which the index does not say a word."""
    texts = [index(PLAIN)] + [
        index(PLAIN).replace('"total_size": 36', f'"total_size": {total}') for total in (30, 28)
    ]
    for repo in (installed, twin):
        assert merge(repo, INDEX, *texts).returncode == 1
    assert installed.read(INDEX) == twin.read(INDEX)


def test_policy(installed: Repo) -> None:
    installed.git("config", "tiebreak.most", "suggest")
    ours = PLAIN | {ONE: PLAIN[ONE] | {"b": full(1, 2)}}
    theirs = PLAIN | {ONE: PLAIN[ONE] | {"c": full(1, 5)}}
    assert merge(installed, INDEX, index(PLAIN), index(ours), index(theirs)).returncode == 1


def test_a_driver_that_crashes_leaves_gits_clean_merge(installed: Repo) -> None:
    name = "merge.tiebreak.driver"
    installed.git("config", name, installed.git("config", name).replace(sys.executable, "false"))
    done = merge(installed, "added_tokens.json", BASE, BASE | {"!": 7}, BASE | {"~": 8})
    assert done.returncode == 0
    assert json.loads(installed.read("added_tokens.json")) == BASE | {"!": 7, "~": 8}
