"""The trivial rule for every tensor of three checkpoints: who changed it, and who did not.

`plan` needs no recipe and computes nothing: a tensor that one side changed, or both in the same
way, is settled by comparing bytes. What is left is a `TensorConflict` that says why. The result
keeps our order of tensors, and theirs for what they added, so that stores that share blocks between
versions of a file still find them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.merge import Merge
from tiebreak.weights import conflict as kinds
from tiebreak.weights.adapters.names import FACTOR
from tiebreak.weights.conflict import Copy, Removed, Tensor, TensorConflict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.conflict import Value

OURS: Final = "ours"
THEIRS: Final = "theirs"
BOTH: Final = "both"  # made the same change
NOBODY: Final = "nobody"  # changed it

_TOKEN_TABLES: Final = (  # names of the tables with one row for each token, by architecture
    "embed_tokens.weight",
    "wte.weight",
    "word_embeddings.weight",
    "tok_embeddings.weight",
    "embed_in.weight",
    "shared.weight",
    "lm_head.weight",
    "embed_out.weight",
    "output.weight",
    "lm_head.bias",
)
_RELATED: Final = 0.5  # of the sides' tensors, the least share that a base has in the same form


class Step(NamedTuple):
    """What becomes of one name: settled, by `who`'s change, or a conflict."""

    name: str
    who: str
    value: Value | None
    conflict: TensorConflict | None


class Texts(NamedTuple):
    """The metadata of the result, and the keys that both sides changed, each with the reason."""

    values: dict[str, str] | None
    conflicts: dict[str, str]


class Versions(NamedTuple):
    """Three checkpoints. `base` is None where the sides have no version in common.

    With two merge bases `second` is the other: the base is what both agree on.
    """

    path: str
    base: Checkpoint | None
    ours: Checkpoint
    theirs: Checkpoint
    second: Checkpoint | None = None


def plan(versions: Versions) -> list[Step]:
    """One step for every name of the three, in the order of the result."""
    names = in_order(versions.ours.names, versions.theirs.names)
    base = versions.base
    gone = (
        [n for n in base.names if n not in versions.ours and n not in versions.theirs]
        if base
        else []
    )
    related = base is None or _related(versions)
    steps = [_step(versions, name, related=related) for name in [*names, *gone]]
    return _with_pairs(versions, steps)


def _with_pairs(versions: Versions, steps: Sequence[Step]) -> list[Step]:
    """The steps, with the factors of LoRA as what they are: two halves of one value.

    What they change is their product. One from ours and one from theirs have the change of neither
    side, and methods that merge A with A and B with B have not their mean either. A factor that
    nobody changed is the same in all versions; then the other one alone stands for the product.
    """
    pairs: dict[str, list[int]] = {}
    for at, step in enumerate(steps):
        match = FACTOR.fullmatch(step.name)
        if match is not None:
            pairs.setdefault(match[1], []).append(at)
    found = list(steps)
    for places in pairs.values():
        if _is_torn([steps[at] for at in places]):
            for at in places:
                found[at] = _torn(versions, steps[at])
    return found


def _is_torn(pair: Sequence[Step]) -> bool:
    """Whether both factors were changed, and not both by the same side alone or alike."""
    changed = [step for step in pair if step.who != NOBODY]
    settled = {step.who for step in changed if step.conflict is None}
    open_ones = any(step.conflict is not None for step in changed)
    return len(changed) > 1 and (open_ones or settled == {OURS, THEIRS})


def _torn(versions: Versions, step: Step) -> Step:
    """A factor as a conflict; what else is wrong with it is more to the point."""
    if step.conflict is not None and step.conflict.kind != kinds.BOTH:
        return step
    merge = Merge.three_way(*(tensor_of(version, step.name) for version in versions[1:4]))
    conflict = TensorConflict(merge, versions.path, step.name, kinds.FACTORS, kinds.PAIRED)
    return Step(step.name, BOTH, None, conflict)


def in_order(ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Ours, with each name that only theirs has after the one that precedes it there."""
    known = set(ours)
    after: dict[str | None, list[str]] = {}
    previous: str | None = None
    for name in theirs:
        if name in known:
            previous = name
        else:
            after.setdefault(previous, []).append(name)
    return [*after.get(None, ()), *(n for own in ours for n in (own, *after.get(own, ())))]


def _step(versions: Versions, name: str, *, related: bool) -> Step:
    base, ours, theirs = (tensor_of(v, name) for v in versions[1:4])
    if ours is None and theirs is None:
        return Step(name, BOTH, Removed(name), None)
    odd = _split(versions, name) or _tied(versions, name)
    if ours is not None and ours.same(theirs):
        unchanged = not odd and ours.same(base)
        return Step(name, NOBODY if unchanged else BOTH, Copy(ours), None)
    if versions.base is not None and not odd:
        if _unchanged(base, ours):
            return Step(name, THEIRS, _value(name, theirs), None)
        if _unchanged(base, theirs):
            return Step(name, OURS, _value(name, ours), None)
    merge = Merge.three_way(base, ours, theirs)
    kind, why = odd or _reason(merge, name, based=versions.base is not None, related=related)
    return Step(name, BOTH, None, TensorConflict(merge, versions.path, name, kind, why))


def _split(versions: Versions, name: str) -> tuple[str, str] | None:
    """Whether two merge bases differ in a tensor."""
    second = versions.second
    if second is None or _unchanged(tensor_of(versions.base, name), tensor_of(second, name)):
        return None
    return kinds.NO_BASE, "the merge bases differ in it, so nobody's change is known"


def _tied(versions: Versions, name: str) -> tuple[str, str] | None:
    """Whether the side that has no tensor of this name changed it all the same.

    A checkpoint may say in its metadata that a tensor is the same as another, and leave it out.
    """
    if versions.base is None or name in versions.base:
        return None
    sides = {OURS: versions.ours, THEIRS: versions.theirs}
    for untied, tied in ((OURS, THEIRS), (THEIRS, OURS)):
        kept = (sides[tied].metadata or {}).get(name, "")
        if name in sides[tied] or kept not in sides[tied]:
            continue
        if not _unchanged(tensor_of(versions.base, kept), tensor_of(sides[tied], kept)):
            return kinds.TIED, f"{untied} untied it from {kept}, which {tied} changed"
    return None


def tensor_of(checkpoint: Checkpoint | None, name: str) -> Tensor | None:
    """The tensor of that name, None where a version has none."""
    return Tensor(checkpoint, name) if checkpoint is not None and name in checkpoint else None


def _value(name: str, tensor: Tensor | None) -> Value:
    return Removed(name) if tensor is None else Copy(tensor)


def _unchanged(base: Tensor | None, side: Tensor | None) -> bool:
    return side is None if base is None else base.same(side)


def _reason(
    merge: Merge[Tensor | None], name: str, *, based: bool, related: bool
) -> tuple[str, str]:
    """The first rule that has something to say of a conflict."""
    base, ours, theirs = merge.base, merge.ours, merge.theirs
    if ours is None or theirs is None:
        return kinds.PRESENCE, _presence(base, ours, theirs)
    if ours.form != theirs.form or (base is not None and base.form != ours.form):
        return _form(name, base, ours, theirs)
    if not based:
        return kinds.NO_BASE, "both have it, with different values, and no common version"
    if base is None:
        return kinds.NO_BASE, f"both added it, with different values ({ours})"
    if not related:
        return kinds.UNRELATED, kinds.OF_ANOTHER_MODEL
    return kinds.BOTH, f"both changed it ({ours})"


def _presence(base: Tensor | None, ours: Tensor | None, theirs: Tensor | None) -> str:
    kept, gone = (OURS, THEIRS) if ours is not None else (THEIRS, OURS)
    if base is None:
        return f"only {kept} has it, and there is no common version"
    tensor = ours if ours is not None else theirs
    reformed = tensor is not None and tensor.form != base.form
    return f"{gone} removed it, {kept} changed it" + (f" to {tensor}" if reformed else "")


def _form(name: str, base: Tensor | None, ours: Tensor, theirs: Tensor) -> tuple[str, str]:
    """Which of the two things that make up a form differs, and how."""
    before = str(base) if base is not None else "absent"
    seen = f"base {before}, ours {ours}, theirs {theirs}"
    shapes = {tensor.info.shape for tensor in (base, ours, theirs) if tensor is not None}
    if len(shapes) == 1:
        return kinds.DTYPE, f"the types differ: {seen}"
    if is_token_table(name) and len({shape[1:] for shape in shapes}) == 1:
        return kinds.VOCABULARY, f"rows of the vocabulary differ: {seen}; {kinds.UNITE}"
    return kinds.SHAPE, f"the shapes differ: {seen}"


def is_token_table(name: str) -> bool:
    """Whether a tensor of this name has one row for each token."""
    return name.endswith(_TOKEN_TABLES)


def _related(versions: Versions) -> bool:
    """Whether most tensors of each side are in the base in the same form."""
    base = versions.base
    assert base is not None  # noqa: S101  (asked for by `plan` only then)
    for side in (versions.ours, versions.theirs):
        forms = [tensor_of(base, name) for name in side.names]
        known = sum(
            tensor is not None and tensor.form == Tensor(side, name).form
            for name, tensor in zip(side.names, forms, strict=True)
        )
        if known < _RELATED * len(side.names):
            return False
    return True


def merge_metadata(versions: Versions, prefer: str | None) -> Texts:
    """The metadata by key, as tensors are; `prefer` is the side that gets what both changed."""
    of = [None if v is None else v.metadata for v in versions[1:4]]
    ours, theirs = of[1], of[2]
    if versions.second is not None:
        agreed = (of[0] or {}).items() & (versions.second.metadata or {}).items()
        of[0] = dict(agreed)
    if ours == theirs:
        return Texts(ours, {})
    values: dict[str, str] = {}
    conflicts: dict[str, str] = {}
    for key in sorted({*(ours or ()), *(theirs or ())}):
        chosen, conflict = _text([None if m is None else m.get(key) for m in of], prefer)
        if chosen is not None:
            values[key] = chosen
        if conflict:
            conflicts[key] = conflict
    return Texts(values or None, conflicts)


def _text(terms: Sequence[str | None], prefer: str | None) -> tuple[str | None, str]:
    base, ours, theirs = terms
    merged = Merge.three_way(base, ours, theirs).resolve_trivial()
    if merged.is_resolved:
        return merged.value, ""
    if prefer is not None:
        return (ours if prefer == OURS else theirs), ""
    return ours, "both changed this text of the header"


def count(steps: Sequence[Step]) -> Iterator[tuple[str, int]]:
    """How many tensors each side changed alone, and both alike; sides without any are left out."""
    for who in (OURS, THEIRS, BOTH):
        number = sum(step.who == who and step.conflict is None for step in steps)
        if number:
            yield who, number
