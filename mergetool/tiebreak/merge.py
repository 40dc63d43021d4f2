"""`Merge[T]`: a conflict as data, an alternating sum of terms.

``Merge([ours, base, theirs])`` reads *ours - base + theirs*; N heads are ``t0 - b1 + t1 - b2 + t2
...``. One term is a resolved value. The algebra here decides the exact three-way rule for
everything tiebreak merges: a line, an import, a configuration key, a tensor. What a term is, and
how a conflict is written with markers, lives elsewhere; this module imports nothing of ours.

The model is jj's ``Merge<T>`` (jj ``docs/technical/conflicts.md``), written afresh from the laws
that ``tests/test_merge_algebra.py`` states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class Merge(Generic[T_co]):
    """An immutable alternating sum of an odd number of terms.

    Even positions are added, odd positions are removed. Equality is by terms, so two merges that
    `simplify` to the same thing may still differ.
    """

    __slots__ = ("terms",)

    terms: tuple[T_co, ...]

    def __init__(self, terms: Sequence[T_co]) -> None:
        """Build from alternating terms; raises `ValueError` when their number is even."""
        if len(terms) % 2 == 0:
            msg = f"a merge has an odd number of terms, got {len(terms)}"
            raise ValueError(msg)
        object.__setattr__(self, "terms", tuple(terms))

    @staticmethod
    def resolved(value: U) -> Merge[U]:
        """The merge that is just `value`."""
        return Merge((value,))

    @staticmethod
    def three_way(base: U, ours: U, theirs: U) -> Merge[U]:
        """The ordinary conflict, ``ours - base + theirs``."""
        return Merge((ours, base, theirs))

    @property
    def adds(self) -> tuple[T_co, ...]:
        """The added terms: the sides. ``adds[0]`` is ours."""
        return self.terms[0::2]

    @property
    def removes(self) -> tuple[T_co, ...]:
        """The removed terms: the bases, one fewer than `adds`."""
        return self.terms[1::2]

    @property
    def ours(self) -> T_co:
        """The first side."""
        return self.terms[0]

    @property
    def theirs(self) -> T_co:
        """The last side; the same as `ours` when resolved."""
        return self.terms[-1]

    @property
    def base(self) -> T_co:
        """The first base. Raises `IndexError` on a resolved merge, which has none."""
        return self.terms[1]

    @property
    def is_resolved(self) -> bool:
        """Whether one term is left. Does not try to resolve: see `resolve_trivial`."""
        return len(self.terms) == 1

    @property
    def value(self) -> T_co:
        """The value of a resolved merge. Raises `ValueError` while it is a conflict."""
        if not self.is_resolved:
            msg = f"not resolved: {len(self.terms)} terms are left"
            raise ValueError(msg)
        return self.terms[0]

    def map(self, function: Callable[[T_co], U]) -> Merge[U]:
        """Apply `function` to every term: object ids to bytes, tensors to digests."""
        return Merge([function(term) for term in self.terms])

    def swap(self) -> Merge[T_co]:
        """The same sum seen from the other side: terms in reverse order."""
        return Merge(self.terms[::-1])

    def simplify(self, key: Callable[[T_co], Hashable] | None = None) -> Merge[T_co]:
        """Cancel every pair of an equal added and removed term; the order of the rest is kept.

        `key` gives what equality is judged by (a tensor's digest, say). Idempotent. The signed sum
        of terms is unchanged. ``A - A + B`` becomes ``B``.
        """
        adds, removes = list(self.adds), list(self.removes)
        position = 0
        while position < len(adds):
            wanted = _key(adds[position], key)
            match = next((i for i, term in enumerate(removes) if _key(term, key) == wanted), None)
            if match is None:
                position += 1
                continue
            # Keep the surviving diffs (removes[i] -> adds[i + 1]) paired as they were: the add that
            # followed the cancelled remove takes the place of the cancelled add.
            del removes[match]
            adds[position] = adds[match + 1]
            del adds[match + 1]
        terms = [term for pair in zip(adds, removes, strict=False) for term in pair]
        return Merge([*terms, adds[-1]])

    def resolve_trivial(self, key: Callable[[T_co], Hashable] | None = None) -> Merge[T_co]:
        """The exact N-way rule: resolved when only one value remains, else the simplified merge.

        All sides that differ from their base making the same change counts as one change (git's and
        jj's "same change" rule). That rule is not linear: ``o - b + o`` is ``o``, not ``2 o - b``.
        Returned as a `Merge`, since an absent value (``None``) is a legitimate result.
        """
        simple = self.simplify(key)
        sides = {_key(term, key) for term in simple.adds}
        bases = {_key(term, key) for term in simple.removes}
        return Merge((simple.ours,)) if len(sides) == 1 and len(bases) <= 1 else simple

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Merge) and self.terms == cast("Merge[object]", other).terms

    def __hash__(self) -> int:
        return hash(self.terms)

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.terms)

    def __len__(self) -> int:
        return len(self.terms)

    def __setattr__(self, name: str, value: object) -> None:
        msg = f"Merge is immutable; cannot set {name}"
        raise AttributeError(msg)

    def __repr__(self) -> str:
        return f"Merge({list(self.terms)!r})"


def _key(term: U, key: Callable[[U], Hashable] | None) -> Hashable:
    return key(term) if key is not None else cast("Hashable", term)
