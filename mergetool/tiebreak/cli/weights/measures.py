"""The numbers of a comparison by name: for JSON, for the table and for the page."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tiebreak.weights.comparison import Row, Sums
    from tiebreak.weights.directions import Directions

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Compared(NamedTuple):
    """What was compared: the models by name, the first is A; and their base."""

    models: tuple[str, ...]
    base: str | None
    rows: Sequence[Row]

    @property
    def letters(self) -> str:
        """A letter for each model."""
        return LETTERS[: len(self.models)]

    @property
    def pairs(self) -> list[str]:
        """The pairs of models, in the order of `Row.pairs`: A-B, A-C, .., B-C, .."""
        from tiebreak.weights.comparison import pairs_of

        return [f"{self.letters[a]}-{self.letters[b]}" for a, b in pairs_of(len(self.models))]

    @property
    def changes(self) -> list[str]:
        """What `Row.spectra` is of."""
        return list(self.letters) if self.base else ["A-B"]


def measures(sums: Sums | None) -> dict[str, float | None]:
    """The numbers of a tensor, a layer or a model; None for what does not exist."""
    if sums is None:
        return {}
    found = {
        "elements": sums.elements,
        "changed": sums.changed_share,
        "norm_a": math.sqrt(sums.a),
        "norm_b": math.sqrt(sums.b),
        "distance": math.sqrt(sums.distance),
        "cosine": sums.cosine,
        "sign_agreement": sums.sign_agreement,
        "nonfinite": sums.nonfinite,
        "norm_base": math.sqrt(sums.origin),
    }
    return {k: v if v is None or math.isfinite(v) else None for k, v in found.items()}


def kinds(rows: Iterable[Row]) -> dict[str, int]:
    """How many tensors are the same, changed, only in A, ..."""
    return dict(sorted(Counter(row.kind for row in rows).items()))


def matrices(compared: Compared) -> dict[str, list[list[float | None]]]:
    """Cosine, sign agreement and distance of all pairs of models, over all tensors."""
    from tiebreak.weights.comparison import pairs_of, squares_of, total

    count = len(compared.models)
    found = [measures(total(compared.rows, pair)) for pair in range(len(compared.pairs))]
    sums = [total(compared.rows, pair) for pair in range(len(compared.pairs))]
    moved = squares_of(sums, count)
    alike: list[float | None] = [1.0 if square else None for square in moved]
    tables: dict[str, list[list[float | None]]] = {}
    for name in ("cosine", "sign_agreement", "distance"):
        own = [0.0] * count if name == "distance" else alike
        table = [[own[i] if i == j else None for j in range(count)] for i in range(count)]
        for (one, two), pair in zip(pairs_of(count), found, strict=True):
            table[one][two] = table[two][one] = pair[name]
        tables[name] = table
    return tables


def stable_rank(rows: Iterable[Row], change: int) -> float | None:
    """The mean over matrices by energy; None where there is none."""
    energy = total = 0.0
    for row in rows:
        found = row.spectra[change] if row.spectra else None
        if found is not None and found.stable_rank is not None:
            energy += found.energy
            total += found.energy * found.stable_rank
    return total / energy if energy else None


def shares(rows: Iterable[Row], change: int) -> list[float] | None:
    """The share of the energy in so many directions of each matrix, over all: see `RANKS`."""
    energy = 0.0
    sums = [0.0] * len(_ranks())
    for row in rows:
        found = row.spectra[change] if row.spectra else None
        if found is not None and found.energy:
            energy += found.energy
            sums = [s + found.energy * share for s, share in zip(sums, found.shares(), strict=True)]
    return [s / energy for s in sums] if energy else None


def _ranks() -> tuple[int, ...]:
    from tiebreak.weights.directions import RANKS

    return RANKS


def facts(compared: Compared) -> dict[str, Any]:
    """Everything that was measured, for a program."""
    from tiebreak.weights.comparison import by_layer, total

    rows = compared.rows
    layers = [
        {"name": layer.name, "tensors": len(layer.rows), "kinds": kinds(layer.rows)}
        | measures(layer.sums)
        | _more(compared, layer.rows)
        for layer in by_layer(rows)
    ]
    tensors = [
        {"name": row.name, "kind": row.kind, "dtype": row.dtype, "shape": list(row.shape)}
        | measures(row.sums)
        | _more(compared, [row], whole=False)
        for row in rows
    ]
    found: dict[str, Any] = {
        "format": 1,
        "a": compared.models[0],
        "b": compared.models[1],
        "base": compared.base,
        "models": list(compared.models),
        "total": {"tensors": len(rows), "kinds": kinds(rows)}
        | measures(total(rows))
        | _more(compared, rows),
        "matrices": matrices(compared),
        "layers": layers,
        "tensors": tensors,
    }
    return found


def _more(compared: Compared, rows: Sequence[Row], *, whole: bool = True) -> dict[str, Any]:
    """What more than two models, and spectra, add."""
    from tiebreak.weights.comparison import total

    found: dict[str, Any] = {}
    if len(compared.models) > 2 and any(row.pairs for row in rows):  # noqa: PLR2004  (A and B)
        found["pairs"] = {
            name: measures(total(rows, pair)) for pair, name in enumerate(compared.pairs)
        }
    if any(row.spectra for row in rows):
        found["spectra"] = {
            name: {
                "stable_rank": stable_rank(rows, change),
                "ranks": list(_ranks()),
                "energy": shares(rows, change),
            }
            | ({} if whole else _values(rows[0].spectra[change]))
            for change, name in enumerate(compared.changes)
        }
    return found


def _values(found: Directions | None) -> dict[str, Any]:
    if found is None:
        return {"values": None}
    return {"values": list(found.values), "exact": found.exact}
