# SPDX-License-Identifier: GPL-2.0-only
"""A bisection over shapes of the guest: from the good one to the bad one, one thing at a time."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from testbed.errors import SpecError
from testbed.run.bisect.ground import Candidate, Ground, line_ground
from testbed.run.reproduce.subject import Subject
from testbed.spec import GuestSpec, format_size

__all__ = ["shape_ground"]


def shape_ground(subject: Subject, good: GuestSpec, bad: GuestSpec) -> Ground:
    """Give the ground between two guests: vCPUs by doublings, memory by doublings, levels, then what the image holds.

    Where the workload sets the memory itself, that is the same in all. SpecError where nothing differs.
    """
    shapes = list(_shapes(subject, good, bad))
    if not shapes:
        fixed = "; its workload sets the memory itself" if subject.scenario.memory_bytes is not None else ""
        raise SpecError(f"guests {good.name} and {bad.name} do not differ in what they are to this bug{fixed}")
    candidates = [Candidate("00", f"as {good.name}", replace(subject, guest=_named(good, bad, 0)))]
    for count, (text, shape) in enumerate(shapes, 1):
        candidates.append(Candidate(f"{count:02d}", text, replace(subject, guest=_named(shape, bad, count))))
    return line_ground(f"shapes of the guest from {good.name} to {bad.name}", candidates)


def _named(shape: GuestSpec, after: GuestSpec, count: int) -> GuestSpec:
    return replace(shape, name=f"{after.name}~{count:02d}")


def _shapes(subject: Subject, good: GuestSpec, bad: GuestSpec) -> Iterator[tuple[str, GuestSpec]]:
    now = good
    for vcpus in _between(good.vcpus, bad.vcpus):
        now = replace(now, vcpus=vcpus)
        yield f"{vcpus} vCPU{'s' if vcpus > 1 else ''}", now
    if subject.scenario.memory_bytes is None:
        for memory in _between(good.memory_bytes, bad.memory_bytes, lambda value: value >> 20 << 20):
            now = replace(now, memory_bytes=memory)
            yield f"{format_size(memory)} of memory", now
    if now.levels != bad.levels:
        now = replace(now, levels=bad.levels)
        yield f"{bad.levels} levels of page tables", now
    image = replace(now, packages=bad.packages, selftests=bad.selftests)
    if image != now:
        yield f"the packages or selftests of {bad.name}", image


def _between(start: int, end: int, rounded: Callable[[int], int] = int) -> Iterator[int]:
    """Doublings or halvings from ``start``, which is left out, to ``end``."""
    now = start
    while now != end:
        now = min(end, now * 2) if end > now else max(end, rounded(now // 2))
        yield now
