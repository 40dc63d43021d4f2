"""What is asked for, and what is given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.weights.checkpoint import Checkpoint

UNION: Final = "union"
BASE: Final = "base"


class TokenRule(NamedTuple):
    """Whose row a token gets in a model that has none; with `force` in every model.

    `model` is the number of an input, None for zeros. `token` or `number` name another token of
    that model, whose row it is; with neither it is the token's own.
    """

    model: int | None
    token: str | None = None
    number: int | None = None
    force: bool = False


class Request(NamedTuple):
    """The tokenizer of the result.

    `source` is `UNION`, `BASE`, the number of an input, or None: that of the first, and rows are
    not moved. `tokens` names rules for single tokens; what the tokenizer lacks is added to it.
    The number of rows is rounded up to a `multiple`. `chat` is a template, the name of one, or
    "auto".
    """

    source: str | int | None = None
    tokens: Mapping[str, TokenRule] = {}
    multiple: int = 0
    chat: str = ""


class Inputs(NamedTuple):
    """The models that are read. `names` is what the user calls them.

    `base` is the number of the base model, None without one; unless it is `computed` with, it gives
    its tokenizer and rows that others lack, and nothing else. `first` gives the result its shards
    and its configuration. Rows that have to be moved are kept in an unnamed file in `scratch`.
    """

    models: Sequence[Checkpoint]
    names: Sequence[str]
    base: int | None
    first: int
    computed: bool = True
    scratch: str = "."

    def uses(self, number: int) -> bool:
        """Whether a model is computed with."""
        return self.computed or number != self.base


class Aligned(NamedTuple):
    """The models, each tensor in one shape; what files the result has; what was decided.

    Of `texts`, a text is the path of a file to copy, and None a file of the first model that the
    result has not. They are in addition to the files beside the first model. `notes` are single
    lines for people.
    """

    models: tuple[Checkpoint, ...]
    texts: dict[str, str | bytes | None]
    notes: tuple[str, ...]
