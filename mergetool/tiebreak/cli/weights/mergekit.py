"""``tiebreak weights mergekit``: recipes of mergekit-yaml."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from tiebreak.cli.meter import Begun
from tiebreak.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tiebreak.cli.weights.recipe_models import Opened
    from tiebreak.weights.mergekit.merging import Choices
    from tiebreak.weights.mergekit.schema import Recipe
    from tiebreak.weights.mergekit.several import Step
    from tiebreak.weights.tokenizer.request import Aligned

_KEPT: Final = "mergekit_config.yml"  # the recipe beside the model, where mergekit puts it


class Options(NamedTuple):
    """How to merge, beside the recipe."""

    choices: Choices
    threads: int
    largest: int | None  # bytes of a file
    tokenizer: bool
    crimes: bool
    common: bool
    vocabulary: str
    resume: bool
    card: bool


@click.command("mergekit")
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False))
@click.argument("output", metavar="OUT")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Default: all processors.")
@click.option("--device", default="cpu", metavar="NAME", help="Compute on cuda. Default: cpu.")
@click.option("--random-seed", type=int, default=0, metavar="N", help="Of DARE. Default: 0.")
@click.option("--out-shard-size", metavar="SIZE", help="Bytes of a file at most: 5B, 300M, 2GB.")
@click.option("--copy-tokenizer/--no-copy-tokenizer", default=True, help="Default: copy it.")
@click.option("--allow-crimes", is_flag=True, help="Merge models of different architectures.")
@click.option("--allow-nan", is_flag=True, help="Write NaN and infinity where they come up.")
@click.option("--allow-unrelated", is_flag=True, help="Merge models without a common origin.")
@click.option("--tensor-intersection", "common", is_flag=True,
              help="Leave out tensors that not all models have.")  # fmt: skip
@click.option("--vocabulary", type=click.Choice(["same", "ignore"]), default="same",
              help="Refuse models that have two tokens under one id, or do not look.")  # fmt: skip
@click.option(
    "--intermediate-dir", metavar="DIR", help="For merges with a name, of several in one file."
)
@click.option("--write-model-card/--no-model-card", "card", default=True, help="Default: write it.")
@click.option("--resume", is_flag=True, help="Keep what is whole, and go on from it.")
def command(  # noqa: PLR0913, PLR0917  (one for each option)
    recipe: str,
    output: str,
    threads: int | None,
    device: str,
    random_seed: int,
    out_shard_size: str | None,
    copy_tokenizer: bool,  # noqa: FBT001  (click's)
    allow_crimes: bool,  # noqa: FBT001
    allow_nan: bool,  # noqa: FBT001
    allow_unrelated: bool,  # noqa: FBT001
    common: bool,  # noqa: FBT001
    vocabulary: str,
    intermediate_dir: str | None,
    card: bool,  # noqa: FBT001
    resume: bool,  # noqa: FBT001
) -> None:
    """Merge models by a RECIPE of mergekit-yaml into the folder OUT.

    Models are folders, files, REV:PATH, or ORG/REPO in the local cache of the Hugging Face Hub. The
    base model, or without one the first model of the recipe, gives the configuration and the
    tokenizer. The same inputs give the same bytes for any number of threads.
    """
    import importlib.util

    if importlib.util.find_spec("yaml") is None:
        raise UsageError("recipes of mergekit need PyYAML: pip install 'tiebreak[weights]'")
    from tiebreak.weights.kernels import computing_on
    from tiebreak.weights.mergekit.binding import check_recipe
    from tiebreak.weights.mergekit.merging import Choices
    from tiebreak.weights.mergekit.schema import read_recipes
    from tiebreak.weights.mergekit.several import steps
    from tiebreak.weights.mergekit.shards import shard_size
    from tiebreak.weights.mergekit.tokens import asked
    from tiebreak.weights.whole import check_free

    choices = Choices(random_seed, allow_nan, allow_unrelated)
    largest = shard_size(out_shard_size) if out_shard_size else None
    options = Options(
        choices,
        threads or 0,
        largest,
        copy_tokenizer,
        allow_crimes,
        common,
        vocabulary,
        resume,
        card,
    )
    check_free(output)
    with open(recipe, "rb") as file:
        text = file.read()
    ordered = steps(read_recipes(recipe), output, intermediate_dir)
    for step in ordered:
        _say(check_recipe(step.recipe))
        asked(step.recipe)
    with computing_on(device):
        for step in ordered:
            if step.folder == output or not _is_made(step, text, resume=resume):
                _run(step, text, options)


def _is_made(step: Step, text: bytes, *, resume: bool) -> bool:
    """Whether a merge that others need is there, by this very recipe."""
    kept = os.path.join(step.folder, _KEPT)
    if not resume or not os.path.isfile(kept):
        return False
    with open(kept, "rb") as file:
        made = file.read() == text
    if made:
        _say([f"{step.folder}: there already, by this recipe"])
    return made


def _run(step: Step, text: bytes, options: Options) -> None:
    from tiebreak.cli.weights.recipe_models import opened_models
    from tiebreak.weights.whole import check_free

    check_free(step.folder)
    if step.recipe.name:
        os.makedirs(os.path.dirname(step.folder), exist_ok=True)
    scratch = os.path.dirname(os.path.abspath(step.folder))
    with opened_models(step.recipe, scratch, options.threads) as opened:
        _say(_checked(step.recipe, opened, options))
        _write(step, text, opened, options)


def _checked(recipe: Recipe, opened: Opened, options: Options) -> Iterator[str]:
    """Refuse models that do not belong together; gives remarks."""
    from tiebreak.weights.mergekit import donor

    if not options.crimes:
        donor.check_architectures(recipe, opened.configs)
    donor.check_quantized(recipe, opened.configs)
    if options.vocabulary == "same" and not (recipe.tokenizer or recipe.tokenizer_source):
        donor.check_tokens(recipe, opened.models)
    yield from donor.check_layers(recipe, opened.models, opened.configs)


def _write(step: Step, text: bytes, opened: Opened, options: Options) -> None:
    from tiebreak.cli.weights.sources import plan_of
    from tiebreak.weights.mergekit.assembly import assemble
    from tiebreak.weights.mergekit.binding import idle_filters
    from tiebreak.weights.mergekit.donor import changes_of, texts_of
    from tiebreak.weights.mergekit.merging import outputs_of
    from tiebreak.weights.mergekit.shards import files_of, index_of
    from tiebreak.weights.whole import How, write_folder

    recipe = step.recipe
    aligned = _aligned(step, opened)
    _say(aligned.notes)
    models = dict(zip(recipe.models, aligned.models, strict=True))
    assembly = assemble(recipe, models, common=options.common)
    _say(f"left out: {name}" for name in assembly.left_out)
    _say(idle_filters(recipe, assembly.names))
    outputs = outputs_of(assembly, models, options.choices)
    donor = recipe.models[0]
    giver = models[donor]
    files = files_of(outputs, giver, options.largest)
    config, changes = opened.configs[donor], changes_of(giver, opened.configs, assembly, outputs)
    texts = texts_of(giver, config, changes, aligned.texts, tokenizer=options.tokenizer)
    texts |= {_KEPT: text} | index_of(files)
    if options.card:
        texts |= _card(recipe, text, opened, aligned.notes, options.choices.seed)
    meter = Begun()
    named = [text.decode("utf-8", "surrogateescape"), recipe.name, *options]
    plan = plan_of(named, (*opened.arguments, *opened.adapters)) if options.resume else ""
    write_folder(
        step.folder.rstrip(os.sep) or step.folder, files, texts, How(options.threads, meter, plan)
    )
    meter.end(f"{step.folder}: {len(assembly.pieces)} tensors by {recipe.method}")


def _aligned(step: Step, opened: Opened) -> Aligned:
    """The models with the rows of the tokenizer that the recipe asks for, and the same matrices."""
    from tiebreak.weights.mergekit.document import refused
    from tiebreak.weights.mergekit.tokens import asked
    from tiebreak.weights.tokenizer.align import align
    from tiebreak.weights.tokenizer.request import Inputs

    recipe = step.recipe
    wanted, names = asked(recipe), [str(model) for model in recipe.models]
    base = None if recipe.base is None else recipe.models.index(recipe.base)
    computed = any(source.model == recipe.base for source in recipe.sources)
    scratch = os.path.dirname(os.path.abspath(step.folder))
    models = list(opened.models.values())
    try:
        return align(Inputs(models, names, base, 0, computed, scratch), wanted.request)
    except UsageError as error:  # the source is one of the models: only the template is left
        raise refused(wanted.chat, str(error)) from error
    except InputError as error:
        raise refused(wanted.place, str(error)) from error


def _card(
    recipe: Recipe, text: bytes, opened: Opened, notes: Sequence[str], seed: int
) -> dict[str, str | bytes]:
    """The model card: with the recipe word for word."""
    from tiebreak.cli.weights.carding import Made, recipe_card_files

    base = None if recipe.base is None else recipe.models.index(recipe.base)
    made = Made(recipe.method, {"random_seed": seed}, text.decode("utf-8", "replace"), "yaml")
    return recipe_card_files(made, (opened.arguments, list(opened.models.values())), base, notes)


def _say(remarks: Iterable[str]) -> None:
    for remark in remarks:
        click.echo(remark, err=True)
