"""``python -m tiebreak.learn.mergebert.prepare DATA -o OUT.npz``: examples become arrays.

Beside the arrays it writes the vocabulary, ``OUT.vocabulary.json``, learned from the hunks for
training. With ``--vocabulary`` the data are for reporting on a model trained with that one.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click
import numpy as np

from tiebreak.learn.examples import read_all
from tiebreak.learn.mergebert import arrays, coverage
from tiebreak.learn.mergebert.alignment import EQUAL, Column, columns, shortened
from tiebreak.learn.mergebert.arrays import Arrays
from tiebreak.learn.mergebert.labels import choices, conflicts_of, labels_of, split_hunk
from tiebreak.learn.mergebert.primitives import NAMES, OTHER
from tiebreak.learn.mergebert.vocabulary import SPECIAL, encode, train_tokenizer
from tiebreak.learn.split import CALIBRATION, split_of
from tiebreak.text.lexer import SPACE, tokenise
from tiebreak.text.tokens import TokenConflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokenizers import Tokenizer

    from tiebreak.learn.examples import Example
    from tiebreak.learn.mergebert.labels import Parts

    Encode = Callable[[bytes], list[int]]

CLS: Final = SPECIAL.index("[CLS]")
SEP: Final = SPECIAL.index("[SEP]")
LENGTH: Final = 512  # pieces of a sequence (section 5.2)
CONTEXT: Final = 64  # pieces of a sequence that come before, and after, the sub-conflict
NEAR: Final = 600  # bytes of the surroundings that are cut into pieces at all
DEVELOP_EVERY: Final = 8  # one of so many repositories for training is kept to stop in time


class Prepared(NamedTuple):
    """One hunk as training sees it."""

    example: Example
    parts: Parts
    labels: tuple[int, ...] | None

    @property
    def clean(self) -> bool:
        """Whether its tokens merge."""
        return not conflicts_of(self.parts)


def prepared(example: Example) -> Prepared:
    """Merge the tokens of a hunk and look for the labels of its resolution."""
    parts = split_hunk(example.base, example.ours, example.theirs)
    return Prepared(example, parts, labels_of(parts, example.resolution))


def part_of(repo: str, *, report: bool) -> int:
    """What the hunks of a repository are for."""
    if report:
        return arrays.REPORT
    if split_of(repo) == CALIBRATION:
        return arrays.CALIBRATION
    # Another byte of the hash that `split_of` looks at: the two choices are independent.
    second = hashlib.blake2b(repo.encode()).digest()[1]
    return arrays.TRAIN if second % DEVELOP_EVERY else arrays.DEVELOP


def vocabulary_of(hunks: list[Prepared], size: int) -> Tokenizer:
    """The vocabulary of the hunks for training."""
    texts = (
        text
        for hunk in hunks
        if part_of(hunk.example.repo, report=False) == arrays.TRAIN
        for text in _texts(hunk.example)
    )
    return train_tokenizer(texts, size)


def _texts(example: Example) -> tuple[bytes, ...]:
    return example.before, example.base, example.ours, example.theirs, example.after


def encoder_of(tokenizer: Tokenizer) -> Encode:
    """How text becomes pieces: token by token, so that no piece crosses a token's border."""
    pieces = cache(lambda token: tuple(encode(tokenizer, token)))
    return lambda text: [piece for token in tokenise(text, SPACE) for piece in pieces(token)]


def sequences(hunk: Prepared, encode: Encode) -> Iterator[tuple[list[Column], list[Column]]]:
    """The columns of ours and of theirs for each sub-conflict, with surroundings.

    Surroundings are the text around the hunk and the tokens of it that merged cleanly.
    """
    texts = [b"" if isinstance(part, TokenConflict) else part for part in hunk.parts]
    for index, part in enumerate(hunk.parts):
        if isinstance(part, TokenConflict):
            left = b"".join((hunk.example.before, *texts[:index]))[-NEAR:]
            right = b"".join((*texts[index:], hunk.example.after))[:NEAR]
            before, after = encode(left)[-CONTEXT:], encode(right)[:CONTEXT]
            base, *sides = (encode(b"".join(x)) for x in (part.base, part.ours, part.theirs))
            ours, theirs = (columns(side, base) for side in sides)
            yield _framed(before, ours, after), _framed(before, theirs, after)


def _framed(before: list[int], middle: list[Column], after: list[int]) -> list[Column]:
    head = [_same(piece) for piece in (CLS, *before, SEP)]
    tail = [_same(piece) for piece in (SEP, *after)]
    return [*head, *shortened(middle, LENGTH - len(head) - len(tail)), *tail]


def _same(piece: int) -> Column:
    return Column(piece, piece, EQUAL)


def arrays_of(hunks: list[Prepared], tokenizer: Tokenizer, *, report: bool) -> Arrays:
    """All hunks as arrays."""
    encode = encoder_of(tokenizer)
    first, starts, targets = [0], [0], list[int]()
    chosen = list[tuple[int, ...]]()
    columns_of_all = list[np.ndarray]()
    for hunk in hunks:
        conflicts = conflicts_of(hunk.parts)
        chosen += map(choices, conflicts)
        targets += [OTHER] * len(conflicts) if hunk.labels is None else hunk.labels
        first.append(first[-1] + len(conflicts))
        for pair in sequences(hunk, encode):
            for found in pair:
                columns_of_all.append(np.array(found, np.uint16).reshape(-1, 3))
                starts.append(starts[-1] + len(found))
    flat = np.concatenate([np.zeros((0, 3), np.uint16), *columns_of_all])
    return Arrays(
        digests=np.array([hunk.example.digest for hunk in hunks], np.bytes_),
        parts=np.array([part_of(hunk.example.repo, report=report) for hunk in hunks], np.uint8),
        labelled=np.array([hunk.labels is not None for hunk in hunks], np.bool_),
        first=np.array(first, np.int64),
        choices=np.array(chosen, np.uint8).reshape(-1, len(NAMES)),
        targets=np.array(targets, np.uint8),
        starts=np.array(starts, np.int64),
        side=flat[:, 0].copy(),
        base=flat[:, 1].copy(),
        edits=flat[:, 2].astype(np.uint8),
        pieces=np.array(tokenizer.get_vocab_size(), np.int64),
    )


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@click.option("--pieces", default=12_288, show_default=True, help="Size of the vocabulary.")
@click.option("--vocabulary", type=click.Path(exists=True, path_type=Path), help="Of a model.")
def main(data: Path, output: Path, pieces: int, vocabulary: Path | None) -> None:
    """Turn the mined examples of DATA into arrays, and say what the labels can express."""
    from tokenizers import Tokenizer as Stored

    hunks = [prepared(example) for example in read_all(data)]
    click.echo("\n".join(coverage.lines(hunks)))
    tokenizer = Stored.from_file(str(vocabulary)) if vocabulary else vocabulary_of(hunks, pieces)
    made = arrays_of(hunks, tokenizer, report=vocabulary is not None)
    arrays.save(output, made)
    tokenizer.save(str(output.with_suffix(".vocabulary.json")))
    counts = np.bincount(made.parts, minlength=4)
    click.echo(
        f"hunks to train on {counts[0]}, to stop by {counts[1]}, to calibrate on {counts[2]}, "
        f"to report on {counts[3]}\n"
        f"{len(made.targets)} sub-conflicts, {len(made.side)} columns, "
        f"{int(made.pieces)} pieces, {output.stat().st_size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
