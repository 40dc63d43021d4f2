"""The part of a folder's merge that knows what rows mean: token tables, and the files with ids."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

from tiebreak.conflict import Judgement
from tiebreak.merge import Merge
from tiebreak.policy import ACTIONS, LEAVE
from tiebreak.weights import conflict as kinds
from tiebreak.weights.conflict import Blend, Copy, TensorConflict
from tiebreak.weights.file import Verdict, decided
from tiebreak.weights.settings_files import ABSENT, MergedJson, dump, merge_json
from tiebreak.weights.threeway import BOTH, NOBODY, OURS, THEIRS, is_token_table, tensor_of
from tiebreak.weights.verifying.folder import Folder
from tiebreak.weights.verifying.vocabulary import row_count
from tiebreak.weights.vocabulary import files
from tiebreak.weights.vocabulary.tables import block, stacked
from tiebreak.weights.vocabulary.union import VocabularyError, join

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.conflict import Tensor
    from tiebreak.weights.file import Settings
    from tiebreak.weights.folders import Folders
    from tiebreak.weights.threeway import Versions
    from tiebreak.weights.vocabulary.union import Union

BY = "vocabulary union"

_CHOSEN = Judgement(1.0, 1.0, "chosen in the recipe")


class Joined(NamedTuple):
    """The verdicts with those on token tables in place, and the files that go with them."""

    verdicts: list[Verdict]
    files: dict[str, bytes | None]


def join_vocabularies(
    versions: Versions, folders: Folders, verdicts: list[Verdict], settings: Settings
) -> Joined:
    """Put token tables together by token, or leave them in conflict with the reason."""
    with ExitStack() as stack:
        base, ours, theirs = (stack.enter_context(closing(Folder(path))) for path in folders)
        tables = _tables(versions, (base, ours, theirs))
        touched = [v for v in verdicts if v.name in tables and v.by != NOBODY]
        if not touched:
            return Joined(verdicts, {})
        try:
            union = join(base, (ours, theirs))
        except VocabularyError as error:
            return Joined([_refused(v, tables, str(error)) for v in verdicts], {})
        if union.grew and settings.recipe.joins_vocabularies:
            return _joined(versions, (base, ours, theirs), union, verdicts, settings)
        if any(union.moved):
            reason = f"{_clash(union)}; {kinds.UNITE}"
            return Joined([_conflict(v, reason) if v.name in tables else v for v in verdicts], {})
        return Joined(verdicts, {})


def _tables(versions: Versions, folders: Sequence[Folder]) -> set[str]:
    """The tensors with one row for each token, in all versions."""
    found = set()
    counts = [row_count(folder) for folder in folders]
    sides = [v for v in versions[1:4] if v is not None]
    for name in versions.ours.names:
        if is_token_table(name) and all(name in side for side in sides):
            rows = [side.info(name).shape[:1] for side in sides]
            if rows == [(count,) for count in counts]:
                found.add(name)
    return found


def _clash(union: Union) -> str:
    """Which token of theirs has an id that ours gave to another."""
    moved = union.moved[-1]
    row = next(r for r in union.rows if r.rows[-1] in moved)
    taken = next((r.token for r in union.rows if r.number == row.rows[-1]), None)
    other = f"{taken!r} in ours and " if taken is not None else ""
    return f"id {row.rows[-1]} stands for {other}{row.token!r} in theirs"


def _refused(verdict: Verdict, tables: set[str], reason: str) -> Verdict:
    """A table that both sides changed is not merged where nobody can tell what its rows mean."""
    both = verdict.open or verdict.by not in {NOBODY, OURS, THEIRS, BOTH}
    return _conflict(verdict, reason) if verdict.name in tables and both else verdict


def _conflict(verdict: Verdict, reason: str) -> Verdict:
    return Verdict(verdict.name, "", LEAVE, None, reason, kinds.VOCABULARY)


def _joined(
    versions: Versions,
    folders: tuple[Folder, Folder, Folder],
    union: Union,
    verdicts: list[Verdict],
    settings: Settings,
) -> Joined:
    tables = _tables(versions, folders)
    found = [
        _table(versions, union, verdict.name, settings) if verdict.name in tables else verdict
        for verdict in verdicts
    ]
    rows = max(versions.ours.info(name).shape[0] for name in tables)
    return _with_files(folders, union, max(rows, union.end), found, settings)


def _table(versions: Versions, union: Union, name: str, settings: Settings) -> Verdict:
    """One table: the common rows as any tensor, the others by token."""
    tensors = [tensor_of(version, name) for version in versions[1:4]]
    present = [tensor for tensor in tensors if tensor is not None]
    if len({(t.info.dtype, t.info.shape[1:]) for t in present}) > 1:
        return Verdict(name, "", LEAVE, None, "the versions differ in form", kinds.SHAPE)
    try:
        _check_explained(union, present)
        base, ours, theirs = block(union, present)
        common = _common(versions.path, name, (base, ours, theirs), settings)
        if common.open or not isinstance(common.value, Copy | Blend):
            return common
        value = stacked(union, common.value, present[1:])
    except VocabularyError as error:
        return Verdict(name, "", LEAVE, None, str(error), kinds.VOCABULARY)
    action = min(settings.policy.action(_CHOSEN), common.action, key=ACTIONS.index)
    moved = len(union.moved[-1])
    why = f"rows by token: {len(union.rows)} added, {moved} of theirs renumbered; {common.why}"
    return Verdict(name, BY, action, value, why)


def _check_explained(union: Union, versions: Sequence[Tensor]) -> None:
    """A side that has more rows than the base has tokens for them: rows without any are unread."""
    base, *sides = versions
    for number, (who, side) in enumerate(zip((OURS, THEIRS), sides, strict=True)):
        more = side.info.shape[0] - base.info.shape[0]
        if more > 0 and all(row.rows[number] is None for row in union.rows):
            raise VocabularyError(f"{who} has {more} rows more, and no tokens for them")


def _common(
    path: str, name: str, versions: tuple[Tensor, Tensor, Tensor], settings: Settings
) -> Verdict:
    """The rows that mean the same in every version."""
    base, ours, theirs = versions
    trivial = settings.trivial
    if ours.same(theirs) or base.same(theirs):
        return Verdict(name, OURS, trivial, Copy(ours), "the rows before them are ours")
    if base.same(ours):
        return Verdict(name, THEIRS, trivial, Copy(theirs), "the rows before them are theirs")
    why = f"both changed its first {ours.info.shape[0]} rows ({ours})"
    merge = Merge.three_way(base, ours, theirs)
    return decided(TensorConflict(merge, path, name, kinds.BOTH, why), settings)


def _with_files(
    folders: tuple[Folder, Folder, Folder],
    union: Union,
    rows: int,
    verdicts: list[Verdict],
    settings: Settings,
) -> Joined:
    """Every file that names ids, merged by key with theirs in the new numbers."""
    contents: dict[str, bytes | None] = {}
    for name in files.FILES:
        held: list[Any] = [
            folder.json(name) if name in folder.names else ABSENT for folder in folders
        ]
        if all(version is ABSENT for version in held):
            continue
        merged = _merged(name, held, union)
        verdicts += [
            Verdict(f"{name}.{where}", "", LEAVE, None, why, kinds.METADATA)
            for where, why in merged.conflicts
        ]
        contents[name] = _content(name, merged.value, held[1], folders[1], rows)
    return Joined(verdicts, contents)


def _merged(name: str, held: Sequence[Any], union: Union) -> MergedJson:
    try:
        base, ours, theirs = (
            _without_size(name, _renumbered(name, version, moved))
            for version, moved in zip(held, ({}, *union.moved), strict=True)
        )
        return merge_json(base, ours, theirs)
    except RecursionError:
        return MergedJson(held[1], (("the whole", "nested too deeply"),))


def _renumbered(name: str, content: Any, moved: Mapping[int, int]) -> Any:
    return content if content is ABSENT else files.renumbered(name, content, moved)


def _without_size(name: str, content: Any) -> Any:
    """`vocab_size` follows from the rows of the result; what the versions say does not count."""
    known = name == files.CONFIG and isinstance(content, dict)
    return files.sized(content, 0) if known else content


def _content(name: str, value: Any, ours: Any, folder: Folder, rows: int) -> bytes | None:
    if value is ABSENT:
        return None
    if name == files.CONFIG:
        value = files.sized(value, rows)
    like = None
    if ours is not ABSENT:
        with open(folder.file(name), "rb") as file:
            like = file.read()
        if value == ours:
            return like
    return dump(value, like)
