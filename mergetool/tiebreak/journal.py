"""The journal: every automatic resolution, with enough to review it and to undo it.

It lives in ``<common git dir>/tiebreak/journal``, one file per merged file, named by a digest of
(kind, path, base, ours, theirs): recording the same merge again replaces the same file. An entry is
complete in itself, so writing it is one rename, concurrent writers never meet, and pruning cannot
take content that another entry needs:

    tiebreak-journal 1 <digest of the next line>
    {"path": ..., "base": {"digest": ..., "size": ...}, ..., "decisions": [...], "contents": {...}}
    <the contents, each once, zlib-compressed; "contents" says where by digest>

Terms are digests. Text stores their content with the entry. The terms of a checkpoint (of kind
"tensors") are the names of git's own blobs, which hold it or its LFS pointer, and no content is
stored; a base of size 0 is none. What cannot be recorded must not be done
silently: `Journal.record` raises, and the driver then leaves git's own result.
"""

from __future__ import annotations

import errno
import os
import time
import zlib
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

try:  # hashlib imports OpenSSL, which takes fifteen times as long as this module
    from _blake2 import blake2b
except ImportError:  # pragma: no cover  (an interpreter that is not CPython)
    from hashlib import blake2b

from tiebreak.errors import InputError
from tiebreak.policy import USED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tiebreak.conflict import Resolution

KEEP_DAYS: Final = 60  # as long as rerere keeps what was resolved (gc.rerereResolved)
TEXT: Final = "text"
TENSORS: Final = "tensors"

_MAGIC: Final = "tiebreak-journal 1"
_DAY: Final = 86400.0
_LEVEL: Final = 1  # zlib's fastest: this runs inside a merge
_SHORTEST_ID: Final = 4


class JournalError(InputError):
    """An entry cannot be written or read."""


class Term(NamedTuple):
    """One version of a file: its digest and size. Its content may be kept in the journal or not."""

    digest: str
    size: int


class Decision(NamedTuple):
    """What was done with one conflict of the file, and on what grounds.

    `chosen` is the digest of the text that replaced the conflict; empty where the conflict stayed.
    Of a tensor it is the name of its bytes (`tiebreak.weights.digests`), empty if it was removed.
    The grounds (`generator` to `why`) are the best candidate's, chosen or not; empty without one.
    """

    name: str
    action: str
    generator: str = ""
    stratum: str = ""
    probability: float = 0.0
    lower: float = 0.0
    provable: bool = False
    evidence: str = ""
    why: str = ""
    drops: tuple[str, ...] = ()
    chosen: str = ""

    @property
    def resolved(self) -> bool:
        """Whether the conflict was replaced by a result."""
        return self.action in USED


class Entry(NamedTuple):
    """One merged file. `floor` is what git alone would have left, `result` what was written.

    `operation` says on whose behalf (``merge feature``, ``rebase``, ``solve``); `when` and `undone`
    are seconds since the epoch, `undone` 0 while the result stands.
    """

    key: str
    path: str
    kind: str
    when: float
    operation: str
    base: Term
    ours: Term
    theirs: Term
    floor: Term
    result: Term
    decisions: tuple[Decision, ...]
    undone: float = 0.0

    @property
    def id(self) -> str:
        """The short name that people type."""
        return self.key[:8]

    @property
    def resolved(self) -> int:
        """How many of the file's conflicts were resolved."""
        return sum(decision.resolved for decision in self.decisions)


class Texts(NamedTuple):
    """The five contents of a text entry."""

    base: bytes
    ours: bytes
    theirs: bytes
    floor: bytes
    result: bytes


def digest(content: bytes) -> str:
    """The name of a content: BLAKE2b, 20 bytes, in hex."""
    return blake2b(content, digest_size=20).hexdigest()


def term(content: bytes) -> Term:
    """The term for a content that is at hand."""
    return Term(digest(content), len(content))


def entry_key(kind: str, path: str, base: str, ours: str, theirs: str) -> str:
    """The entry's name: the same merge of the same path has the same one, whoever does it."""
    parts = (kind, path, base, ours, theirs)
    return digest(b"\0".join(os.fsencode(part) for part in parts))


def text_entry(
    path: str,
    texts: Texts,
    resolutions: Sequence[Resolution[bytes]],
    *,
    operation: str,
    when: float | None = None,
) -> tuple[Entry, dict[str, bytes]]:
    """An entry for a merged text file, and the contents to keep with it, by digest."""
    terms = [term(text) for text in texts]
    contents = {t.digest: text for t, text in zip(terms, texts, strict=True)}
    decisions = []
    for resolution in resolutions:
        decision, chosen = _decision(resolution)
        decisions.append(decision)
        if chosen is not None:
            contents[decision.chosen] = chosen
    base, ours, theirs, floor, result = terms
    key = entry_key(TEXT, path, base.digest, ours.digest, theirs.digest)
    now = time.time() if when is None else when
    entry = Entry(
        key, path, TEXT, now, operation, base, ours, theirs, floor, result, tuple(decisions)
    )
    return entry, contents


def _decision(resolution: Resolution[bytes]) -> tuple[Decision, bytes | None]:
    name, action = resolution.conflict.name, resolution.action
    best = resolution.chosen or next(iter(resolution.ranked), None)
    if best is None:
        return Decision(name, action), None
    candidate, judgement = best
    value = resolution.chosen.candidate.value if resolution.chosen else None
    decision = Decision(
        name,
        action,
        candidate.generator,
        candidate.stratum,
        judgement.probability,
        judgement.lower,
        judgement.provable,
        judgement.evidence,
        candidate.why,
        candidate.drops,
        digest(value) if value is not None else "",
    )
    return decision, value


class Journal:
    """The journal of one repository. Safe for any number of processes at once."""

    __slots__ = ("_complain", "directory")

    directory: str

    def __init__(
        self, common_git_dir: str, complain: Callable[[str], None] = lambda _line: None
    ) -> None:
        """`complain` is told in one line of every entry that is damaged and was skipped."""
        self.directory = os.path.join(common_git_dir, "tiebreak", "journal")
        self._complain = complain

    def record(
        self, entry: Entry, contents: Mapping[str, bytes], *, keep_days: float = KEEP_DAYS
    ) -> Entry:
        """Write an entry and its contents; once a day drop the entries older than `keep_days`.

        Raises `JournalError` when it cannot be written, on which the merge must not be resolved.
        """
        try:
            os.makedirs(self.directory, exist_ok=True)
            _replace(self._file(entry.key), _encode(entry, contents))
        except OSError as error:
            msg = f"cannot record {entry.path} in {self.directory}: {error.strerror}"
            raise JournalError(msg) from error
        self._prune_daily(keep_days)
        return entry

    def writable(self) -> None:
        """Raise `JournalError` where `record` would fail for want of permission."""
        if os.path.isdir(self.directory) and not os.access(self.directory, os.W_OK | os.X_OK):
            msg = f"{self.directory}: {os.strerror(errno.EACCES)}"
            raise JournalError(msg)

    def mark_undone(self, entry: Entry, when: float | None = None) -> Entry:
        """Note that the result was taken back. Recording the merge again clears it."""
        undone = entry._replace(undone=time.time() if when is None else when)
        return self.record(undone, self.contents(entry))

    def entries(self) -> list[Entry]:
        """All entries, the most recent first. Damaged ones are skipped with a line."""
        found = []
        for name in self._names():
            try:
                found.append(_decode_header(name, self._read(name)[0]))
            except JournalError as error:
                self._complain(str(error))
        return sorted(found, key=lambda entry: (-entry.when, entry.path))

    def get(self, key: str) -> Entry | None:
        """The entry of this key, None if there is none or it is damaged."""
        try:
            return _decode_header(key, self._read(key)[0])
        except JournalError:
            return None

    def contents(self, entry: Entry) -> dict[str, bytes]:
        """Everything stored with an entry, by digest. Raises `JournalError` when it is damaged."""
        header, body = self._read(entry.key, body=True)
        return dict(_decode_contents(entry.key, header, body))

    def texts(self, entry: Entry) -> Texts:
        """The five contents of an entry. Raises `JournalError` when one was not stored."""
        stored = self.contents(entry)
        terms = (entry.base, entry.ours, entry.theirs, entry.floor, entry.result)
        try:
            return Texts(*(stored[t.digest] for t in terms))
        except KeyError:
            msg = f"journal entry {entry.id} ({entry.path}) does not hold its contents"
            raise JournalError(msg) from None

    def prune(self, keep_days: float = KEEP_DAYS, now: float | None = None) -> int:
        """Remove the entries written more than `keep_days` ago; says how many."""
        limit = (time.time() if now is None else now) - keep_days * _DAY
        removed = 0
        for name in os.listdir(self.directory) if os.path.isdir(self.directory) else ():
            file = self._file(name)  # or the temporary file of a writer that was killed
            try:
                if name != _STAMP and os.stat(file).st_mtime < limit:
                    os.unlink(file)
                    removed += 1
            except FileNotFoundError:
                continue  # another process prunes too
        return removed

    def _prune_daily(self, keep_days: float) -> None:
        """Prune if that was not done today. Never fails: a full journal still records."""
        stamp = os.path.join(self.directory, _STAMP)
        try:
            if time.time() - os.stat(stamp).st_mtime < _DAY:
                return
        except OSError:
            pass  # never pruned
        try:
            _replace(stamp, b"")
            self.prune(keep_days)
        except OSError:
            pass  # what is too old stays a day longer

    def _file(self, key: str) -> str:
        return os.path.join(self.directory, key)

    def _names(self) -> list[str]:
        try:
            names = os.listdir(self.directory)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            msg = f"{self.directory}: {error.strerror}"
            raise JournalError(msg) from error
        return sorted(name for name in names if name != _STAMP and not name.startswith(_TEMPORARY))

    def _read(self, key: str, *, body: bool = False) -> tuple[bytes, bytes]:
        """The checked header line of an entry, and the contents that follow it where asked for."""
        try:
            with open(self._file(key), "rb") as file:
                magic, header = file.readline(), file.readline()
                contents = file.read() if body else b""
        except OSError as error:
            msg = f"journal entry {key[:8]} cannot be read: {error.strerror}"
            raise JournalError(msg) from error
        if magic != _magic(header):
            msg = f"journal entry {key[:8]} is damaged; skipped"
            raise JournalError(msg)
        return header, contents


_STAMP: Final = "pruned"
_TEMPORARY: Final = ".new-"


def matching(entries: Sequence[Entry], prefix: str) -> list[Entry]:
    """The entries whose id starts with `prefix`: at least four characters, as for git's objects."""
    if len(prefix) < _SHORTEST_ID:
        return []
    return [entry for entry in entries if entry.key.startswith(prefix.lower())]


def _replace(path: str, content: bytes) -> None:
    """Write a file by renaming a complete one over it.

    Not synced to disk: after a power failure a truncated entry is skipped by its digest, and the
    three inputs are still git's own objects.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f"{_TEMPORARY}{name[:16]}-{os.getpid()}-{time.time_ns():x}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _magic(header: bytes) -> bytes:
    return f"{_MAGIC} {digest(header)}\n".encode()


def _encode(entry: Entry, contents: Mapping[str, bytes]) -> bytes:
    import json

    body = []
    where: dict[str, tuple[int, int]] = {}
    start = 0
    for name, content in contents.items():
        packed = zlib.compress(content, _LEVEL)
        where[name] = (start, len(packed))
        start += len(packed)
        body.append(packed)
    fields = _jsonable(entry) | {"contents": where}
    # Paths that are not UTF-8 hold surrogates, which only the ASCII form of JSON can carry.
    header = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
    return b"".join([_magic(header), header, *body])


def _jsonable(entry: Entry) -> dict[str, object]:
    fields = entry._asdict()
    for name in _TERMS:
        fields[name] = fields[name]._asdict()
    fields["decisions"] = [_without_defaults(decision) for decision in entry.decisions]
    return fields


def _without_defaults(decision: Decision) -> dict[str, object]:
    """What goes without saying is left out: a checkpoint has one for every changed tensor."""
    usual = Decision._field_defaults
    fields = decision._asdict()
    return {n: v for n, v in fields.items() if n not in usual or v != usual[n]}


_TERMS: Final = ("base", "ours", "theirs", "floor", "result")


def _decode_header(key: str, header: bytes) -> Entry:
    import json

    try:
        fields = json.loads(header)
        del fields["contents"]
        for name in _TERMS:
            fields[name] = Term(**fields[name])
        fields["decisions"] = tuple(
            Decision(**decision | {"drops": tuple(decision.get("drops", ()))})
            for decision in fields["decisions"]
        )
        return Entry(**fields)
    except (ValueError, KeyError, TypeError) as error:
        msg = f"journal entry {key[:8]} was written by another version of tiebreak; skipped"
        raise JournalError(msg) from error


def _decode_contents(key: str, header: bytes, body: bytes) -> Iterator[tuple[str, bytes]]:
    import json

    for name, (start, length) in json.loads(header)["contents"].items():
        try:
            content = zlib.decompress(body[start : start + length])
        except zlib.error:
            content = b""
        if digest(content) != name:
            msg = f"journal entry {key[:8]} is damaged: a content of it is lost"
            raise JournalError(msg)
        yield name, content
