# SPDX-License-Identifier: GPL-2.0-only
"""Waits at the entry of kernel functions: how a kernel is asked for them, and whether it has set them.

The kernel has ``kernel/amplify`` applied, where the boot parameter is described.
"""

import re
from collections.abc import Mapping, Sequence

from testbed.errors import MeasureError

__all__ = ["check_points", "points_parameter"]

PARAMETER = "delay_points="
SILENT = "the kernel says nothing of it; it needs CONFIG_DELAY_POINTS"


def points_parameter(udelay: Mapping[str, int]) -> str:
    """Give the kernel parameter that asks for waits of so many microseconds.

    >>> points_parameter({"do_madvise": 200, "exit_mmap": 5})
    'delay_points=do_madvise:200,exit_mmap:5'
    """
    return PARAMETER + ",".join(f"{function}:{usecs}" for function, usecs in udelay.items())


def check_points(cmdline: Sequence[str], console: str) -> None:
    """Raise MeasureError unless the console of a booted kernel tells that all that was asked for is set."""
    asked = [word for option in cmdline if option.startswith(PARAMETER) for word in _points(option)]
    problems = [f"delay point {function} could not be set: {why}" for function, why in _unset(asked, console)]
    if problems:
        raise MeasureError("; ".join(problems))


def _points(option: str) -> list[str]:
    return [point.partition(":")[0] for point in option.removeprefix(PARAMETER).split(",")]


def _unset(functions: Sequence[str], console: str) -> list[tuple[str, str]]:
    said = dict(re.findall(r"\bdelay_points: ([\w.]+): (set|not set: [^\r\n]+)", console))
    return [
        (function, said.get(function, SILENT).removeprefix("not set: "))
        for function in functions
        if said.get(function) != "set"
    ]
