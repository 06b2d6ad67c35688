# SPDX-License-Identifier: GPL-2.0-only
"""What is learnt of a cell while it runs."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testbed.measure.outside import Examiner

__all__ = ["Notes"]


@dataclass
class Notes:
    """What is learnt while a cell runs; ``heard`` is when the agent's last message came (``time.monotonic``).

    ``examiner`` sees the guest from outside; None where that can't be, or is not wanted. ``pid`` is the workload's.
    ``frames`` are the page frames in which PTE tables of its cgroup lay at any phase so far. ``vmcore`` tells what was
    kept of a dead guest's memory, None where nobody asked for it or nobody died. ``leaders`` has the process of each
    thread of a dead guest.
    """

    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    exit: dict[str, Any] | None = None
    words: str = ""
    start_s: float | None = None
    tainted: int = 0
    heard: float = 0.0
    examiner: Examiner | None = None
    pid: int | None = None
    frames: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    vmcore: dict[str, object] | None = None
    leaders: Mapping[int, int] = field(default_factory=dict)
