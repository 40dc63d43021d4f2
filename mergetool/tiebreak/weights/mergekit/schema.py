"""A recipe as data, from the schema of mergekit's YAML.

    one of   models: [{model, parameters}]
             slices: [{sources: [{model, layer_range, parameters}], base_model, parameters}]
             modules: {name: {models | slices, parameters}}
    and      merge_method, base_model, parameters, dtype, out_dtype,
             tokenizer | tokenizer_source, chat_template, name

Every key that does not exist is refused and the nearest one named: mergekit takes it in silence.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.weights.errors import shown
from tiebreak.weights.mergekit.document import Entry, Place, read_documents, refused
from tiebreak.weights.mergekit.settings import Setting, read_setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DTYPES: Final = {"bfloat16": "BF16", "float16": "F16", "float32": "F32", "float64": "F64"}

_TOP: Final = (
    "merge_method", "base_model", "models", "slices", "modules", "parameters", "dtype",
    "out_dtype", "tokenizer_source", "tokenizer", "chat_template", "name",
)  # fmt: skip
_SHAPES: Final = ("models", "slices", "modules")


class ModelName(NamedTuple):
    """How a recipe names a model: a path or ``org/repo``, a revision, an adapter upon it."""

    path: str
    lora: str = ""
    architecture: str = ""

    def __str__(self) -> str:
        """As it may be written in one word."""
        return f"{self.path}+{self.lora}" if self.lora else self.path


class Settings(NamedTuple):
    """The `parameters` of one place of the recipe."""

    values: Mapping[str, Setting] = {}


class Source(NamedTuple):
    """A model in a group of models that are merged, and its layers; all of them without a range."""

    model: ModelName
    layers: tuple[int, int] | None
    settings: Settings
    place: Place


class Base(NamedTuple):
    """The base model of a recipe, and where it is named."""

    model: ModelName
    place: Place


class Slice(NamedTuple):
    """Layers of the output, and what they are merged from."""

    sources: tuple[Source, ...]
    base: ModelName | None
    settings: Settings
    place: Place
    whole: bool = False  # written as `models`: every layer, and the base is one of the sources


class Module(NamedTuple):
    """A stack of layers with what belongs to it; the name is "" where the recipe has no modules."""

    name: str
    slices: tuple[Slice, ...]
    settings: Settings
    place: Place


class Recipe(NamedTuple):
    """One merge. `lines` are the places of the keys at the top."""

    method: str
    base: ModelName | None
    modules: tuple[Module, ...]
    settings: Settings
    dtype: str  # of the format, such as "BF16"; "" where the recipe does not say
    tokenizer: Entry | None
    tokenizer_source: Entry | None
    chat_template: str | None
    name: str
    lines: Mapping[str, Place]

    @property
    def sources(self) -> tuple[Source, ...]:
        """All sources, in the order in which they are written."""
        return tuple(s for m in self.modules for piece in m.slices for s in piece.sources)

    @property
    def models(self) -> tuple[ModelName, ...]:
        """Every model once; the donor of everything that is not merged is the first one.

        That is the base model, or without one the first that is written.
        """
        bases = (p.base for m in self.modules for p in m.slices if p.base is not None)
        named = [*([self.base] if self.base else []), *(s.model for s in self.sources), *bases]
        return tuple(dict.fromkeys(named))

    def place_of(self, model: ModelName) -> Place:
        """Where a model is named first."""
        found = [source.place for source in self.sources if source.model == model]
        return found[0] if found else self.lines.get("base_model", self.lines["merge_method"])


def read_recipes(path: str) -> list[Recipe]:
    """The recipes of a file: one, or several documents with a `name` each."""
    documents = read_documents(path)
    if not documents:
        raise refused(
            Place(path, 1), "the file is empty; expected a recipe with merge_method and models"
        )
    return [_recipe(document) for document in documents]


def _recipe(document: Entry) -> Recipe:
    top = items_of(document, "a recipe", _TOP)
    lines = {key: entry.place for key, entry in top.items()}
    if "merge_method" not in top:
        raise refused(document.place, "merge_method is missing, such as: merge_method: linear")
    named = _given(top, "base_model")
    base = Base(model_of(named), named.place) if named is not None else None
    _check_tokenizer(top)
    return Recipe(
        text_of(top["merge_method"], "merge_method"),
        None if base is None else base.model,
        _modules(document.place, top, base),
        _settings(top),
        _dtype(top),
        _given(top, "tokenizer"),
        _given(top, "tokenizer_source"),
        text_of(top["chat_template"], "chat_template") if _given(top, "chat_template") else None,
        text_of(top["name"], "name") if _given(top, "name") else "",
        lines,
    )


def _check_tokenizer(top: Mapping[str, Entry]) -> None:
    if _given(top, "tokenizer") and _given(top, "tokenizer_source"):
        raise refused(top["tokenizer"].place, "tokenizer and tokenizer_source: keep one of them")


def _modules(place: Place, top: Mapping[str, Entry], base: Base | None) -> tuple[Module, ...]:
    given = [key for key in _SHAPES if _given(top, key)]
    if len(given) != 1:
        what = f"{' and '.join(given)} are given" if given else "none of them is given"
        where = top[given[1]].place if given else place
        raise refused(where, f"exactly one of models, slices and modules is needed; {what}")
    if given != ["modules"]:
        return (Module("", _slices(top, base), Settings(), top[given[0]].place),)
    return tuple(
        _module(name, entry, base) for name, entry in items_of(top["modules"], "modules").items()
    )


def _module(name: str, entry: Entry, base: Base | None) -> Module:
    found = items_of(entry, f"the module {name}", ("models", "slices", "parameters"))
    if bool(_given(found, "models")) == bool(_given(found, "slices")):
        raise refused(entry.place, f"the module {name} needs either models or slices")
    return Module(name, _slices(found, base), _settings(found), entry.place)


def _slices(found: Mapping[str, Entry], base: Base | None) -> tuple[Slice, ...]:
    if _given(found, "models"):
        entry = found["models"]
        sources = [_source(item, ranged=False) for item in _items(entry, "models")]
        if base is not None and all(source.model != base.model for source in sources):
            sources.append(Source(base.model, None, Settings(), base.place))
        model = None if base is None else base.model
        return (_slice(sources, model, Settings(), entry.place, whole=True),)
    return tuple(_sliced(item, base) for item in _items(found["slices"], "slices"))


def _sliced(entry: Entry, base: Base | None) -> Slice:
    known = ("sources", "base_model", "residual_weight", "parameters")
    found = items_of(entry, "a slice", known)
    if _given(found, "residual_weight"):
        raise refused(
            found["residual_weight"].place, "residual_weight does nothing in mergekit: remove it"
        )
    if not _given(found, "sources"):
        raise refused(entry.place, "a slice needs sources")
    sources = [_source(item, ranged=True) for item in _items(found["sources"], "sources")]
    own = model_of(found["base_model"]) if _given(found, "base_model") else None
    model = own or (None if base is None else base.model)
    return _slice(sources, model, _settings(found), entry.place)


def _slice(
    sources: Sequence[Source],
    base: ModelName | None,
    settings: Settings,
    place: Place,
    *,
    whole: bool = False,
) -> Slice:
    seen: set[ModelName] = set()
    for source in sources:
        if source.model in seen:
            raise refused(source.place, f"{shown(str(source.model))} is there twice in one group")
        seen.add(source.model)
    lengths = [s.layers[1] - s.layers[0] for s in sources if s.layers is not None]
    if len(set(lengths)) > 1:
        counts = ", ".join(map(str, lengths))
        raise refused(place, f"the sources of a slice need as many layers each; they have {counts}")
    return Slice(tuple(sources), base, settings, place, whole)


def _source(entry: Entry, *, ranged: bool) -> Source:
    known = ("model", "layer_range", "parameters") if ranged else ("model", "parameters")
    found = items_of(entry, "a source" if ranged else "a model", known)
    if not _given(found, "model"):
        raise refused(entry.place, "model is missing: the folder of a model")
    if not ranged:
        return Source(model_of(found["model"]), None, _settings(found), entry.place)
    if not _given(found, "layer_range"):
        raise refused(entry.place, "layer_range is missing, such as: layer_range: [0, 16]")
    layers = _range(found["layer_range"])
    return Source(model_of(found["model"]), layers, _settings(found), entry.place)


def _range(entry: Entry) -> tuple[int, int]:
    ends = [item.value for item in _items(entry, "layer_range")]
    numbers = [end for end in ends if isinstance(end, int) and not isinstance(end, bool)]
    if len(ends) != 2 or len(numbers) != len(ends):  # noqa: PLR2004  (a begin and an end)
        raise refused(entry.place, "layer_range: expected two whole numbers, such as [0, 16]")
    begin, end = numbers
    if not 0 <= begin < end:
        raise refused(
            entry.place, f"layer_range: [{begin}, {end}] holds no layer; the end is not in it"
        )
    return begin, end


def model_of(entry: Entry) -> ModelName:
    """How a model is named. Raises `RecipeError`."""
    if isinstance(entry.value, dict):
        known = ("model", "lora", "override_architecture")
        found = items_of(entry, "a model", known)
        if not _given(found, "model"):
            raise refused(entry.place, "model is missing: the folder of a model")
        lora = _path(found["lora"]) if _given(found, "lora") else ""
        own = found["override_architecture"] if _given(found, "override_architecture") else None
        architecture = text_of(own, "override_architecture") if own else ""
        return ModelName(_path(found["model"]), lora, architecture)
    text = text_of(entry, "model")
    parts = text.split("+")
    if len(parts) > 2 or not all(parts):  # noqa: PLR2004  (a model and an adapter)
        raise refused(entry.place, f"{shown(text)}: expected MODEL, or MODEL+ADAPTER")
    return ModelName(*parts)


def _path(entry: Entry) -> str:
    if not isinstance(entry.value, dict):
        return text_of(entry, "model")
    found = items_of(entry, "a path", ("path", "revision"))
    if not _given(found, "path"):
        raise refused(entry.place, "path is missing: the folder of a model")
    path = text_of(found["path"], "path")
    revision = text_of(found["revision"], "revision") if _given(found, "revision") else ""
    return f"{path}@{revision}" if revision else path


def _dtype(top: Mapping[str, Entry]) -> str:
    """Of the output: ours computes in float64 whatever the dtype that mergekit would cast to."""
    names = [_one_dtype(top[key], key) for key in ("out_dtype", "dtype") if _given(top, key)]
    return names[0] if names else ""


def _one_dtype(entry: Entry, key: str) -> str:
    name = text_of(entry, key).removeprefix("torch.")
    if name not in DTYPES:
        raise refused(entry.place, f"{key}: expected one of {', '.join(DTYPES)}, got {shown(name)}")
    return DTYPES[name]


def _settings(found: Mapping[str, Entry]) -> Settings:
    if not _given(found, "parameters"):
        return Settings()
    named = items_of(found["parameters"], "parameters")
    return Settings({name: read_setting(entry) for name, entry in named.items()})


def _given(found: Mapping[str, Entry], key: str) -> Entry | None:
    """The entry of a key; a key without a value counts as not given."""
    entry = found.get(key)
    return None if entry is None or entry.value is None else entry


def items_of(entry: Entry, what: str, known: Sequence[str] | None = None) -> dict[str, Entry]:
    """The entries of a mapping. Raises `RecipeError` for another value, and for unknown keys."""
    if not isinstance(entry.value, dict):
        raise refused(entry.place, f"{what}: expected keys with values, got {said(entry)}")
    for key, value in entry.value.items():
        if known is not None and key not in known:
            raise refused(value.place, f"{what} has no key {shown(key)!r}{hint(key, known)}")
    return entry.value


def _items(entry: Entry, what: str) -> list[Entry]:
    if not isinstance(entry.value, list) or not entry.value:
        raise refused(entry.place, f"{what}: expected a list, got {said(entry)}")
    return entry.value


def text_of(entry: Entry, what: str) -> str:
    """A text, or a number as one. Raises `RecipeError`."""
    if isinstance(entry.value, str) and entry.value:
        return entry.value
    if isinstance(entry.value, int | float) and not isinstance(entry.value, bool):
        return str(entry.value)
    raise refused(entry.place, f"{what}: expected a text, got {said(entry)}")


def said(entry: Entry) -> str:
    """What is there instead, in a word or two."""
    if isinstance(entry.value, dict):
        return "keys with values"
    if isinstance(entry.value, list):
        return "a list" if entry.value else "an empty list"
    return shown(repr(entry.value))


def hint(name: str, known: Sequence[str]) -> str:
    """The nearest of the known names, and all of them."""
    near = difflib.get_close_matches(name, known, 1, 0.5)
    mean = f"; did you mean {near[0]}?" if near else ""
    return f"{mean} (known: {', '.join(known)})"
