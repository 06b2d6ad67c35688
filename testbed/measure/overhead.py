# SPDX-License-Identifier: GPL-2.0-only
"""What an operation costs in instructions, from what the workload ``overhead`` tells of its batches."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from testbed.errors import MeasureError

__all__ = ["OPERATIONS", "Batch", "Cost", "cost", "read_batches"]

#: What ``guests/workloads/overhead.c`` knows, in the order in which it is measured: the large process comes last.
OPERATIONS = (
    "fault",
    "fault-table",
    "read-zero",
    "read-zero-table",
    "mmap-touch-munmap",
    "mmap-touch-munmap-alone",
    "dontneed-4k-dense",
    "dontneed-64k-dense",
    "dontneed-2m-dense",
    "dontneed-4k-sparse-above",
    "dontneed-4k-sparse-above-far-first",
    "dontneed-4k-sparse-above-again",
    "dontneed-4k-sparse-below",
    "dontneed-4k-sparse-below-far-first",
    "dontneed-4k-sparse-below-again",
    "cycle-1",
    "cycle-16",
    "cycle-17",
    "cycle-64",
    "cycle-1000",
    "stream",
    "exit-big",
    "fork-exit",
    "fork-exec-exit",
)

CLOCK = "clock"
# The loop of known length: dec and jnz.
PER_ITERATION = 2


@dataclass(frozen=True)
class Batch:
    """``ops`` operations in a row, in instructions: ``timed`` themselves, ``deferred`` what was done behind them.

    ``reclaim`` is what a pass of the kernel over the process took afterwards, None where the kernel has none or the
    operation asks for none. ``kept`` are the PTE tables that the operation left, None where it does not count them.
    """

    timed: int
    deferred: int
    ops: int
    reclaim: int | None = None
    kept: int | None = None

    @property
    def instructions(self) -> float:
        """All of it, for one operation."""
        return (self.timed + self.deferred + (self.reclaim or 0)) / self.ops


@dataclass(frozen=True)
class Cost:
    """One operation on one kernel, in instructions an operation.

    ``instructions`` is the mean of the boots' medians; ``reclaim`` is the part of it that a pass took. ``samples`` has
    each batch of each boot. ``repeat_error`` is how far the boots' medians lie apart, as a share of ``instructions``.
    """

    operation: str
    instructions: float
    reclaim: float | None
    kept: int | None
    ops: int
    repeat_error: float
    samples: tuple[tuple[float, ...], ...]


def read_batches(values: Iterable[tuple[str, int]]) -> dict[str, tuple[Batch, ...]]:
    """Sort the values of one boot, keys like ``fault/timed``, by operation; one of each key is told for each batch.

    Raises MeasureError if the guest's clock does not count instructions, or if what was told is not whole.
    """
    told: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for key, value in values:
        operation, slash, what = key.partition("/")
        if not slash:
            raise MeasureError(f"the workload told a value {key!r}; keys are like fault/timed")
        told[operation][what].append(value)
    _check_clock(told.pop(CLOCK, {}))
    return {operation: _batches(operation, lists) for operation, lists in told.items()}


def _check_clock(told: Mapping[str, Sequence[int]]) -> None:
    try:
        (iterations,), (instructions,) = told["iterations"], told["instructions"]
    except (KeyError, ValueError):
        raise MeasureError("the workload did not tell how its clock counts a loop of known length") from None
    if instructions != PER_ITERATION * iterations:
        expected = PER_ITERATION * iterations
        raise MeasureError(f"the guest's TSC does not count instructions: {instructions:,} for a loop of {expected:,}")


def _batches(operation: str, lists: Mapping[str, Sequence[int]]) -> tuple[Batch, ...]:
    number = len(lists.get("ops", ()))
    columns = [lists.get(what, [None] * number) for what in ("pass", "kept")]
    try:
        rows = zip(lists["timed"], lists["deferred"], lists["ops"], *columns, strict=True)
        batches = tuple(Batch(*row) for row in rows)
    except (KeyError, ValueError):
        found = ", ".join(f"{len(values)} x {what}" for what, values in lists.items())
        raise MeasureError(f"{operation}: the workload's values are not whole ({found})") from None
    if any(batch.ops <= 0 for batch in batches):
        raise MeasureError(f"{operation}: a batch of no operation")
    return batches


def cost(operation: str, boots: Sequence[Mapping[str, Sequence[Batch]]]) -> Cost:
    """Put the batches of several boots together; MeasureError where a boot has none of ``operation``."""
    batches = [list(boot.get(operation, ())) for boot in boots]
    if not batches or not all(batches):
        raise MeasureError(f"{operation}: not measured in every boot")
    samples = tuple(tuple(batch.instructions for batch in boot) for boot in batches)
    medians = [statistics.median(boot) for boot in samples]
    instructions = statistics.fmean(medians)
    every = [batch for boot in batches for batch in boot]
    passes = [batch.reclaim / batch.ops for batch in every if batch.reclaim is not None]
    kept = [batch.kept for batch in every if batch.kept is not None]
    return Cost(
        operation=operation,
        instructions=instructions,
        reclaim=statistics.median(passes) if passes else None,
        kept=max(kept, default=None),
        ops=every[0].ops,
        repeat_error=(max(medians) - min(medians)) / instructions,
        samples=samples,
    )
