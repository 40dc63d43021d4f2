"""Which tensors are matrices to the methods that see matrices, by name and shape alone.

matrix      a tensor of two dimensions, output x input as torch.nn.Linear keeps it
its slices  stacked experts, of three dimensions under a name with "experts": each by itself
flattened   kernels of convolutions, of three dimensions and more: output x all the others
none        what has less than two dimensions, and tables with a row for each token or position
(`is_table`), also when such a table is the output's
"""

from __future__ import annotations

import re
from math import prod
from typing import Final, NamedTuple

from tiebreak.weights.threeway import is_token_table

_EXPERTS: Final = re.compile(r"(?:^|[._])experts(?:[._]|$)")
_TABLE: Final = re.compile(
    r"(?:^|\.)(?:wte|wpe|pos_embed|\w*(?:position|token|word|token_type)\w*_embed\w*"
    r"|embed_(?:tokens|positions)|relative_attention_bias)(?:\.weight)?$"
)


class Form(NamedTuple):
    """A tensor as so many matrices, one after the other."""

    number: int
    rows: int
    columns: int

    @property
    def size(self) -> int:
        """The elements of one matrix."""
        return self.rows * self.columns


def form(name: str, shape: tuple[int, ...]) -> Form | None:
    """As what a tensor is decomposed; None for what takes the mean."""
    if len(shape) < 2 or not prod(shape) or is_table(name):  # noqa: PLR2004  (dimensions)
        return None
    if len(shape) == 3 and _EXPERTS.search(name):  # noqa: PLR2004
        return Form(*shape)
    return Form(1, shape[0], prod(shape[1:]))


def is_table(name: str) -> bool:
    """Whether a tensor of this name has a row for each token or position."""
    return is_token_table(name) or _TABLE.search(name) is not None
