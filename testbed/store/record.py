# SPDX-License-Identifier: GPL-2.0-only
"""The result record: one line of ``results.jsonl`` (design.md section 5)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["CellResult"]


@dataclass(frozen=True)
class CellResult:
    """All that is known of one finished cell; ``record`` gives it the stored form.

    ``crash`` (kind, title, fingerprint, frames) is there when the kernel's console told of one, ``subtests`` (outcome
    by name) when the cell ran a test that tells them. ``host`` is where it ran; hosts with the same ``id`` are alike
    in speed. ``first`` (verdict, reason) is how the cell ended before it was run a second time. ``costs`` (a mapping
    by operation, ``instructions`` an operation in each) is there when the cell is a bench. ``shown`` (``shown``: true,
    false or null where that could not be judged, and ``sign``, a line for a person) when it is an attempt at a bug.
    ``vmcore`` (``file``, ``bytes``, ``plain_bytes``, ``seconds``; or ``missing``, which says why) is there when the
    guest died and its memory was to be kept. ``amplified`` is there when something made the bug likelier: ``vcpus``,
    ``host_cpus``, ``udelay`` and ``icount`` as far as they were asked for, and ``shift``, the attempt's own.
    """

    run: str
    cell: str
    kernel: Mapping[str, Any]
    guest: Mapping[str, Any]
    scenario: Mapping[str, Any]
    accel: Mapping[str, Any]
    verdict: str
    reason: str
    wall_s: float
    start_s: float | None
    exit: Mapping[str, Any] | None
    phases: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, int]
    crash: Mapping[str, Any] | None
    subtests: Mapping[str, str] | None = None
    host: Mapping[str, Any] | None = None
    first: Mapping[str, str] | None = None
    costs: Mapping[str, Mapping[str, Any]] | None = None
    shown: Mapping[str, Any] | None = None
    vmcore: Mapping[str, Any] | None = None
    amplified: Mapping[str, Any] | None = None

    def record(self) -> dict[str, Any]:
        """Give the JSON object, ``schema`` first."""
        return {"schema": 1, **asdict(self)}
