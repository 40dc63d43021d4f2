"""The shipped model: its files, and running it.

    network.onnx     one hunk's candidates in, their scores out, NONE first; by ONNX Runtime
    chooser.onnx     the same from the features of the candidates alone
    trees.npy        boosted trees over the features of the candidates
    company.npy      boosted trees over the rivals and what is expected of the other hunks
    light.npy        the same, for the light judge (`tiebreak.ranker.light`)
    vocabulary.json  the pieces of words
    about.json       names of features and strata, calibration, where it comes from

The network reads the first of the features (`features.of_network`) and knows the first of the
strata, as many as there were when it was trained; the others read all of them.
A candidate's score is a mean of the log-odds that network, chooser and trees give it, as a chance.
The second look (`Model.seconded`) adds what a candidate's rivals and the other hunks of the merge
speak for (`tiebreak.ranker.company`).
"""

from __future__ import annotations

import json
import os
from math import exp
from typing import TYPE_CHECKING, Any, Final

from tiebreak.errors import InputError
from tiebreak.ranker import calibration, vocabulary
from tiebreak.ranker.company import Scored, kind_of, rows
from tiebreak.ranker.encoding import PADDING, encode
from tiebreak.ranker.features import names, of_network
from tiebreak.ranker.odds import chance_of, corrected, log_odds
from tiebreak.ranker.situation import SITUATIONS
from tiebreak.ranker.trees import Trees, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiebreak.ranker.calibration import Calibration
    from tiebreak.ranker.company import Beside
    from tiebreak.ranker.encoding import Case, Encoded

TREES: Final = "trees.npy"
COMPANY: Final = "company.npy"
LIGHT: Final = "light.npy"
NETWORK: Final = "network.onnx"
CHOOSER: Final = "chooser.onnx"
FILES: Final = (NETWORK, CHOOSER, TREES, COMPANY, LIGHT, "vocabulary.json", "about.json")
SHARE: Final = 0.10  # of the network in the score; both chosen out of fold
CHOSEN: Final = 0.25  # of the chooser
NEEDS: Final = ("numpy", "onnxruntime")


def folder() -> str:
    """Where the shipped model is: in the package, or beside it in a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    checkout = os.path.dirname(os.path.dirname(package))
    installed = os.path.join(package, "_models", "judge")
    return installed if os.path.isdir(installed) else os.path.join(checkout, "models", "judge")


def lacking() -> list[str]:
    """The packages that the model needs and that are not installed."""
    from importlib.util import find_spec

    return [name for name in NEEDS if find_spec(name) is None]


def missing() -> str | None:
    """What keeps the model from running here, in words; None when nothing does."""
    packages = lacking()
    if packages:
        return f"the learned judge needs {', '.join(packages)}: pip install 'tiebreak[ranker]'"
    absent = [name for name in FILES if not os.path.isfile(os.path.join(folder(), name))]
    return f"no model in {folder()}: {', '.join(absent)} missing" if absent else None


def about_of(where: str) -> dict[str, Any]:
    """What ``about.json`` says; `InputError` when the model does not fit this version."""
    try:
        with open(os.path.join(where, "about.json"), "rb") as file:
            about: dict[str, Any] = json.load(file)
        fits = about["features"] == names() and isinstance(about["strata"], list)
        fits = fits and isinstance(about["shape"]["strata"], int)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{where} holds no model: {error!r}") from error
    if not fits:
        raise InputError(f"the model in {where} was made by another version of tiebreak")
    return about


def tables_of(where: str, about: Mapping[str, Any], name: str) -> dict[str, Calibration]:
    """The calibrations of that name, by situation."""
    try:
        return {one: calibration.from_json(about[name][one]) for one in SITUATIONS}
    except KeyError as error:
        raise InputError(f"{where} has no {name}: {error!r}") from error


def trees_of(where: str, *files: str) -> list[Trees]:
    """The forests in some files of a model."""
    try:
        return [Trees(read(os.path.join(where, name))) for name in files]
    except (OSError, ValueError) as error:
        raise InputError(f"{where} holds no model: {error!r}") from error


def kinds_of(features: Sequence[Sequence[float]]) -> list[int]:
    """The kind of each candidate, by its features."""
    same = [names().index(f"same/{side}") for side in ("ours", "theirs")]
    return [kind_of(*(one[index] > 0 for index in same)) for one in features]


class Judging:
    """What a model needs to judge: calibrations, the strata it knows, the trees of both looks."""

    def __init__(self, where: str, about: Mapping[str, Any], tables: str, company: str) -> None:
        """Load from the folder `where` the calibrations and the second look of these names."""
        self.calibrations = tables_of(where, about, tables)
        self._strata = {stratum: index for index, stratum in enumerate(about["strata"])}
        self._trees, self._company = trees_of(where, TREES, company)

    def knows(self, stratum: str) -> bool:
        """Whether it learned from candidates of this stratum, and was measured on them."""
        return stratum in self._strata

    def scores(self, case: Case) -> Scored | None:
        """How sure the model is of each hand, from 0 to 1; None for a hunk too large to judge."""
        raise NotImplementedError

    def seconded(self, scored: Scored, beside: Beside) -> list[float]:
        """The scores beside their rivals, once it is known what is expected of the other hunks."""
        odds = [log_odds(chance) for chance in scored.chances]
        return corrected(odds, self._company, rows(odds, scored.kinds, beside))


class Model(Judging):
    """A model that is ready to judge."""

    def __init__(self, where: str) -> None:
        """Load the files in the folder `where`; `InputError` when they do not fit this version."""
        self.about = about_of(where)
        super().__init__(where, self.about, "calibrations", COMPANY)
        self._pieces = vocabulary.load(os.path.join(where, "vocabulary.json"))
        self._network, self._chooser = (
            _session(os.path.join(where, name)) for name in (NETWORK, CHOOSER)
        )
        self._features, self._read = len(of_network()), self.about["shape"]["strata"]

    def scores(self, case: Case) -> Scored | None:
        """See `Judging.scores`."""
        encoded = encode(case, self._pieces)
        if encoded is None or not encoded.sequences:
            return None
        strata = [self._strata.get(hand.stratum, 0) for hand in case.hands]
        features = [sequence.features for sequence in encoded.sequences]
        known = [number if number < self._read else 0 for number in strata]
        read = _told([one[: self._features] for one in features], known)
        by_network = _chances(self._network, {**_sequences(encoded), **read})
        by_chooser = _chances(self._chooser, _told(features, strata))
        chances = blended(by_network, by_chooser, self._trees.logits(features))
        return Scored(chances, kinds_of(features))


def blended(
    by_network: Sequence[float], by_chooser: Sequence[float], logits: Sequence[float]
) -> list[float]:
    """The chances of each candidate by the networks, its log-odds by the trees, in one score."""
    return [
        chance_of(SHARE * log_odds(read) + CHOSEN * log_odds(chosen) + (1 - SHARE - CHOSEN) * logit)
        for read, chosen, logit in zip(by_network, by_chooser, logits, strict=True)
    ]


def runtime() -> Any:
    """ONNX Runtime, without the telemetry of its builds.

    Else it would write an id of the machine, and events for its maker, into the user's cache folder
    as soon as it is loaded, which is when it reads this variable (its Privacy.md).
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def _session(path: str) -> Any:
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # others wait busily: twice the work, for a little time
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _chances(session: Any, inputs: dict[str, Any]) -> list[float]:
    """What a graph gives each candidate."""
    return _softmax([float(score) for score in session.run(None, inputs)[0]])[1:]


def _told(features: Sequence[Sequence[float]], strata: Sequence[int]) -> dict[str, Any]:
    """What is counted of candidates, for a graph."""
    import numpy as np

    return {"features": np.array(features, np.float32), "strata": np.array(strata, np.int64)}


def _sequences(encoded: Encoded) -> dict[str, Any]:
    """What is written in them, for a graph."""
    import numpy as np

    sequences = encoded.sequences
    shape = len(sequences), max(len(one.pieces) for one in sequences)

    def padded(rows: Sequence[Sequence[int]], fill: int) -> Any:
        table = np.full(shape, fill, np.int64)
        for index, row in enumerate(rows):
            table[index, : len(row)] = row
        return table

    def column(name: str, fill: int = PADDING) -> Any:
        return padded([getattr(one, name) for one in sequences], fill)

    lengths = np.array([[len(one.pieces)] for one in sequences])
    return {
        "pieces": column("pieces"),
        "codes": column("codes"),
        "words": column("words"),
        "seams": column("seams"),
        "real": np.arange(shape[1])[None] < lengths,
    }


def _softmax(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    weights = [exp(score - top) for score in scores]
    return [weight / sum(weights) for weight in weights]
