"""Output matrices that are the embedding: stored once, under the embedding's name.

Where one model has an output matrix of its own and another is tied, the tied one's is its
embedding, and the result has one of its own. mergekit merges it so too, but takes
``tie_word_embeddings`` from whichever model its hash seed puts first, and then it may not be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.weights.verifying.vocabulary import EMBEDDINGS, OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.mergekit.config import Config
    from tiebreak.weights.mergekit.schema import ModelName


class Ties:
    """The output matrices of all models together, and what stands for one where it is tied.

    `used` collects the models whose embedding stands for it.
    """

    def __init__(
        self, models: Mapping[ModelName, Checkpoint], configs: Mapping[ModelName, Config]
    ) -> None:
        """`configs` say of a model without an output matrix whether it may be tied."""
        self._models, self._configs = models, configs
        self.heads = tuple(
            dict.fromkeys(n for m in models.values() for n in m.names if _ends(n, OUTPUTS))
        )
        self.used: dict[ModelName, str] = {}

    def source(self, model: ModelName, head: str) -> str | None:
        """The embedding that stands for the output matrix of a model that is tied."""
        checkpoint = self._models[model]
        if head in checkpoint or self._configs[model].setting("tie_word_embeddings") is False:
            return None
        for ending in EMBEDDINGS:
            for name in checkpoint.names:
                if _ends(name, (ending,)):
                    self.used[model] = name
                    return name
        return None

    def name_in(self, model: ModelName, name: str) -> str:
        """What a tensor of the output is called in a model."""
        if name in self._models[model] or not _ends(name, OUTPUTS):
            return name
        return self.used.get(model, name)


def _ends(name: str, endings: Iterable[str]) -> bool:
    return any(f".{name}".endswith(f".{ending}") for ending in endings)
