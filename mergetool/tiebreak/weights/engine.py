"""Writes checkpoints: streaming, in threads, the same bytes for any number of them.

The content of every output is either bytes that are copied from where they lie, or computed in
chunks that are cut at the same places whatever the number of threads; a worker holds one chunk, or
one tensor of a method that needs the whole of it.
Files are written beside their place, synced and renamed, so that neither an error, nor Ctrl-C, nor
a crash leaves half a checkpoint under its name.
"""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeVar

from tiebreak.errors import InputError
from tiebreak.weights.blas import one_thread
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.methods.method import CHUNK, in_turn
from tiebreak.weights.safetensors import TensorInfo, lay_out, write_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tiebreak.weights.methods.method import Content, Each, Fill

T = TypeVar("T")

LARGE: Final = 64 << 20  # bytes: several threads work on such a tensor
BATCH: Final = 4 << 20  # bytes of small tensors that one task writes
COPIED: Final = 1 << 20  # bytes


class Output(NamedTuple):
    """A tensor to write: its bytes, or a function that prepares them (see `Method.prepare`).

    With `whole` it is prepared in memory at once, so by one thread, whatever its size.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: memoryview | Callable[[Each], Content]
    whole: bool = False


class File(NamedTuple):
    """A file to write: its tensors in order, and its metadata."""

    path: str
    tensors: Sequence[Output]
    metadata: Mapping[str, str] | None


class _Task(NamedTuple):
    """One tensor and where its bytes go."""

    descriptor: int
    position: int
    size: int
    output: Output

    @property
    def shared(self) -> bool:
        """Whether several threads work on it."""
        return self.size >= LARGE and not self.output.whole


def write_checkpoint(
    path: str,
    tensors: Sequence[Output],
    metadata: Mapping[str, str] | None,
    threads: int = 0,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write one file, replacing what is there. See `write_files`."""
    temporary = f"{path}.tiebreak-{os.getpid()}"
    try:
        write_files([File(temporary, tensors, metadata)], threads, progress)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path) or os.curdir)


def write_files(
    files: Sequence[File],
    threads: int = 0,
    progress: Callable[[int], None] | None = None,
    finished: Callable[[str], None] | None = None,
) -> None:
    """Write new files and sync them. 0 threads: one for each processor.

    `progress` is called, in any thread but never in two, with the bytes of output that are done,
    `finished` with the path of a file that is whole and synced.
    What was written before an error stays: whoever calls knows the folder that has to go.
    """
    laid_out = [lay_out((t.name, t.dtype, t.shape) for t in file.tensors) for file in files]
    headers = [write_header(i, f.metadata) for i, f in zip(laid_out, files, strict=True)]
    for file, infos in zip(files, laid_out, strict=True):
        _check_room(file, infos, sum(i[-1].end for i in laid_out if i))
    whole = any(output.whole for file in files for output in file.tensors)
    with (
        one_thread() if whole else nullcontext(),
        _Workers(threads or os.cpu_count() or 1, progress, finished) as workers,
    ):
        for file, infos, header in zip(files, laid_out, headers, strict=True):
            workers.write(file, infos, header)
        workers.finish()


@contextmanager
def pooled(threads: int = 0) -> Iterator[Each]:
    """`Each` with threads, for what is looked at before anything is written."""
    with _Workers(threads or os.cpu_count() or 1, None) as workers:
        yield workers.each


def sync_folder(folder: str) -> None:
    """Make a rename in the folder outlast a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_room(file: File, infos: Sequence[TensorInfo], needed: int) -> None:
    """Nothing is written when it cannot fit, or would not be what the header says."""
    folder = os.path.dirname(file.path) or os.curdir
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise InputError(f"{folder}: nothing can be written there: {error.strerror}") from error
    if needed > free:
        raise InputError(f"{file.path}: {needed:,} bytes are needed, {free:,} are free there")
    for output, info in zip(file.tensors, infos, strict=True):
        if isinstance(output.content, memoryview) and output.content.nbytes != info.nbytes:
            found = f"{output.content.nbytes} bytes for {info.dtype} {list(info.shape)}"
            raise InputError(f"{file.path}: tensor {output.name!r}: {found}")


class _Workers:
    """A pool of threads, and what they have to finish."""

    def __init__(
        self,
        threads: int,
        progress: Callable[[int], None] | None,
        finished: Callable[[str], None] | None = None,
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tiebreak")
        self._syncing = ThreadPoolExecutor(1, thread_name_prefix="tiebreak-sync")
        self._pending: list[Future[None]] = []
        self._descriptors: list[int] = []
        self._progress, self._finished = progress, finished
        self._lock = threading.Lock()
        self._local = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for pool in (self._pool, self._syncing):
            pool.shutdown(wait=True, cancel_futures=True)
        for descriptor in self._descriptors:
            os.close(descriptor)

    def write(self, file: File, infos: Sequence[TensorInfo], header: bytes) -> None:
        """Begin to write a file. Large tensors are prepared by this thread, with the others."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(file.path, flags, 0o666)
        self._descriptors.append(descriptor)
        os.pwrite(descriptor, header, 0)
        os.ftruncate(descriptor, len(header) + (infos[-1].end if infos else 0))
        tasks = [
            _Task(descriptor, len(header) + info.start, info.nbytes, output)
            for output, info in zip(file.tensors, infos, strict=True)
        ]
        begun = len(self._pending)
        for batch in _batches(task for task in tasks if not task.shared):
            self._pending.append(self._pool.submit(self._run, batch))
        for task in tasks:
            if task.shared:
                self._begin_large(task)
        writing = tuple(self._pending[begun:])
        self._pending.append(self._syncing.submit(self._sync, file.path, descriptor, writing))

    def finish(self) -> None:
        """Wait for all; raise what the first that failed raised."""
        for future in self._pending:
            future.result()

    def _begin_large(self, task: _Task) -> None:
        content = task.output.content
        ready = content if isinstance(content, memoryview) else content(self.each)
        if isinstance(ready, memoryview):
            self._pending.append(self._pool.submit(self._copy, task, ready))
            return
        for start, stop in _chunks(task.output):
            self._pending.append(self._pool.submit(self._fill, task, ready, start, stop))

    def each(self, function: Callable[[int, int], T], count: int, /) -> list[T]:
        """`Each` with the threads of the pool; called by the main thread only."""
        starts = range(0, count, CHUNK)
        begun = [self._pool.submit(function, at, min(at + CHUNK, count)) for at in starts]
        return [future.result() for future in begun]

    def _run(self, tasks: Sequence[_Task]) -> None:
        for task in tasks:
            self._run_one(task)

    def _run_one(self, task: _Task) -> None:
        """Nothing of a tensor is left in memory when the next one begins."""
        content = task.output.content
        ready = content if isinstance(content, memoryview) else content(in_turn)
        if isinstance(ready, memoryview):
            self._copy(task, ready)
            return
        for start, stop in _chunks(task.output):
            self._fill(task, ready, start, stop)

    def _fill(self, task: _Task, fill: Fill, start: int, stop: int) -> None:
        width = DTYPES[task.output.dtype].bits // 8
        out = self._room((stop - start) * width)
        fill(start, stop, out)
        _write(task.descriptor, out, task.position + start * width)
        self._done(len(out))

    def _copy(self, task: _Task, content: memoryview) -> None:
        for start in range(0, len(content), COPIED):
            piece = content[start : start + COPIED]
            _write(task.descriptor, piece, task.position + start)
            self._done(len(piece))

    def _room(self, size: int) -> memoryview:
        """This thread's own memory, used again for every chunk."""
        room: memoryview | None = getattr(self._local, "room", None)
        if room is None or len(room) < size:
            room = self._local.room = memoryview(bytearray(size))
        return room[:size]

    def _sync(self, path: str, descriptor: int, writing: Sequence[Future[None]]) -> None:
        for future in writing:
            future.result()
        os.fsync(descriptor)
        if self._finished is not None:
            self._finished(path)

    def _done(self, size: int) -> None:
        if self._progress is not None:
            with self._lock:
                self._progress(size)


def _batches(tasks: Iterator[_Task]) -> Iterator[list[_Task]]:
    """Neighbours together, so that thousands of small tensors are not thousands of tasks."""
    batch: list[_Task] = []
    size = 0
    for task in tasks:
        batch.append(task)
        size += task.size
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _chunks(output: Output) -> list[tuple[int, int]]:
    count = 1
    for length in output.shape:
        count *= length
    return in_turn(lambda start, stop: (start, stop), count)


def _write(descriptor: int, data: memoryview, position: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, position)
        data, position = data[written:], position + written
