# SPDX-License-Identifier: GPL-2.0-only
"""Sizes as people write them (``4GiB``), times as people write them (``30s``)."""

import re

from testbed.spec.hints import describe

__all__ = ["format_size", "looks_like_size", "parse_duration", "parse_memory", "parse_size"]

_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_TIMES = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_SIZE = re.compile(r"([0-9]+)(B|KiB|MiB|GiB|TiB)")
_MISWRITTEN_SIZE = re.compile(r"[+-]?([0-9][0-9_]*)(?:\.[0-9]+)?\s*([kmgtp]i?b?|b|bytes?)", re.IGNORECASE)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|min|h)")
_MOST = (1 << 63) - 1  # what a C program takes as a signed 64-bit number


def _right_size(text: str) -> str:
    """Return how the size that was probably meant is written."""
    if (found := _MISWRITTEN_SIZE.fullmatch(text)) and "." not in text:
        letter = found[2][0].upper()
        unit = "B" if letter == "B" else f"{letter}iB"
        if unit in _SIZES:
            return f"{int(found[1])}{unit}"
    return "4GiB"


def looks_like_size(text: str) -> bool:
    """Tell whether this text means a size, be it written in the right way or not."""
    return _MISWRITTEN_SIZE.fullmatch(text) is not None


def parse_size(value: object) -> int:
    """Return bytes: of a text like ``4GiB``, or of a whole number that is bytes already."""
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (found := _SIZE.fullmatch(value)):
        size = int(found[1]) * _SIZES[found[2]]
    elif isinstance(value, str):
        raise ValueError(f"{value!r} is not a size; sizes are written as {_right_size(value)} (B KiB MiB GiB TiB)")
    else:
        raise ValueError(f"{describe(value)} is not a size; sizes are written as 4GiB (B KiB MiB GiB TiB)")
    if not 0 <= size <= _MOST:
        raise ValueError(f"{value} is not a size; sizes go from 0 to {_MOST} bytes")
    return size


def parse_memory(value: object) -> int:
    """Return bytes of a machine's memory, which QEMU takes in whole MiB."""
    size = parse_size(value)
    if size == 0 or size % _SIZES["MiB"]:
        raise ValueError(f"{value} is not a memory size; memory is one or more whole MiB, like 1GiB")
    return size


def format_size(size: int) -> str:
    """Write bytes in the largest unit that holds them exactly; ``parse_size`` undoes it."""
    unit = max((u for u in _SIZES if size % _SIZES[u] == 0), key=_SIZES.__getitem__) if size else "B"
    return f"{size // _SIZES[unit]}{unit}"


def parse_duration(value: object) -> float:
    """Return seconds of a text like ``30s``, ``2min`` or ``500ms``."""
    if not isinstance(value, str) or not (found := _DURATION.fullmatch(value)):
        shown = repr(value) if isinstance(value, str) else describe(value)
        raise ValueError(f"{shown} is not a time; times are written as 30s (ms s min h)")
    seconds = float(found[1]) * _TIMES[found[2]]
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{value!r} is not a time; a time is longer than nothing, like 30s")
    return seconds
