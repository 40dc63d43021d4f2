"""One thread for linear algebra: then its bytes depend on nothing but the numbers.

BLAS cuts a product among its own threads, and where it cuts shows in the last bits. What runs side
by side here are the layers, or the tensors.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from tiebreak.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS to the thread that calls it.

    Of some libraries the limit is of the whole process and the main thread's to set, of others that
    of the thread which sets it. So whoever starts threads asks for it, and each of them as well.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    """What is loaded: looking costs as much as decomposing a small matrix."""
    try:
        from threadpoolctl import ThreadpoolController
    except ModuleNotFoundError as error:
        msg = "computing with matrices needs threadpoolctl: pip install 'tiebreak[weights]'"
        raise UsageError(msg) from error
    return ThreadpoolController()
