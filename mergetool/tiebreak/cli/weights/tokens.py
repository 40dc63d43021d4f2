"""What `weights merge` does about tokenizers and tied weights before a method sees the models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.methods.method import Method
    from tiebreak.weights.tokenizer.request import Aligned


class Asked(NamedTuple):
    """The options: ``--tokenizer``, ``--chat-template``, ``--vocabulary``."""

    tokenizer: str | None
    chat: str | None
    vocabulary: str

    def check(self, method: Method) -> None:
        """Raise `UsageError` for options that do not go together."""
        if self.tokenizer is None:
            return
        if self.vocabulary != "same":
            raise UsageError(f"--tokenizer and --vocabulary {self.vocabulary}: give one of them")
        if method.needs_importance:
            raise UsageError(
                f"--tokenizer moves rows, and a Fisher or Gram says nothing of them: "
                f"{method.name} needs models with one tokenizer"
            )


def aligned(
    asked: Asked, names: Sequence[str], models: Sequence[Checkpoint], method: Method, output: str
) -> Aligned:
    """The models as they can be merged, the base first; the first after it gives the files."""
    from tiebreak.weights.tokenizer.request import Aligned, Inputs, Request

    if not all(os.path.isdir(model.path) for model in models):
        if asked.tokenizer or asked.chat:
            given = "--tokenizer" if asked.tokenizer else "--chat-template"
            raise UsageError(f"{given} needs the tokenizers: name folders, not files")
        return Aligned(tuple(models), {}, ())
    from tiebreak.weights.tokenizer.align import align, source_of

    source = None if asked.tokenizer is None else source_of(asked.tokenizer, names, 0)
    scratch = os.path.dirname(os.path.abspath(output))
    inputs = Inputs(models, names, 0, 1, computed=method.needs_base, scratch=scratch)
    return align(inputs, Request(source, chat=asked.chat or ""))
