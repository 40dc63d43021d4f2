"""One thread for each product of matrices: then its bytes depend on nothing but the numbers.

BLAS cuts a product among its own threads, and where it cuts shows in the last bits. What runs side
by side here are the layers.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS, in all of the process, to the thread that calls it."""
    with threadpool_limits(1, user_api="blas"):
        yield
