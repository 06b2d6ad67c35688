# SPDX-License-Identifier: GPL-2.0-only
"""Tasks that the scheduler need not understand.

It unpacks what a task is made of, and logs it: it would have to have the same testbed as everybody else, and its time
is what a large run is short of. So a task is one function that comes by value, and a parcel of bytes.
"""

import pickle
import zlib
from collections.abc import Callable
from typing import Any

__all__ = ["opened", "parcel"]


def parcel(function: Callable[..., Any], *arguments: Any) -> bytes:
    """Give what :func:`opened` takes: a function that workers can import, and its first arguments."""
    return zlib.compress(pickle.dumps((function, arguments)), 1)


def opened(packed: bytes, *more: Any) -> Any:
    """Call what is in the parcel, with ``more`` behind the arguments there."""
    # nothing of this module is there where it runs
    import pickle
    import zlib

    function, arguments = pickle.loads(zlib.decompress(packed))
    return function(*arguments, *more)


# Dask sends a function of the main program by value, any other by its name.
opened.__module__ = "__main__"
