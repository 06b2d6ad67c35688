# SPDX-License-Identifier: GPL-2.0-only
"""Whether all channels tell the same number of page tables at one stopped instant, to the page.

What is compared with what: a process's VmPTE with the tables that the walk found in its tree and behind its huge pages
(three levels: ``mm->pgtables_bytes`` leaves out PGD and P4D tables); NR_PAGETABLE with the memmap's count of pages of
type table (no PGD and, before 6.16, no P4D tables; the kernel's own PMD and PUD tables are in both); the memmap with
what the walk reached, and what waits for RCU; a memory cgroup's figure with the pages charged to it. memory.stat may
lag behind that figure by what the CPUs have not folded in, which is read as well.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.measure.census import Census

__all__ = ["differences"]

TABLE_KB = 4


def differences(
    counters: Mapping[str, Any], console: Mapping[str, int], census: Census | None, pid: int | None
) -> list[str]:
    """Say of each two channels that differ which they are and by what; empty where all agree."""
    found = []
    if not console:
        found.append("the serial console never showed this phase's line")
    found += [
        f"{key}: console {value} kB, data channel {counters.get(key)} kB"
        for key, value in console.items()
        if counters.get(key) != value
    ]
    if census is not None:
        found += internal(census)
        found += _inside(counters, census, pid)
    return found


def internal(census: Census) -> Iterator[str]:
    """Compare what is known from outside alone."""
    accounts = census.accounts
    for space, tables in zip(census.spaces, census.owned().tolist(), strict=True):
        walked, account = tables * TABLE_KB, space.account // 1024
        if walked != account:
            yield f"{_name(space.pid, space.name)}: walk {walked} kB, mm->pgtables_bytes {account} kB"
    if accounts.typed != accounts.nr_pagetable:
        typed, counted = accounts.typed * TABLE_KB, accounts.nr_pagetable * TABLE_KB
        yield f"page tables: memmap {typed} kB, NR_PAGETABLE {counted} kB"
    if accounts.unreached:
        yield f"{accounts.unreached * TABLE_KB} kB of page tables belong to no address space and wait for no RCU"
    for cgroup, tables in accounts.cgroups.items():
        if tables.own is not None and tables.charged != tables.own:
            charged, own = tables.charged * TABLE_KB, tables.own * TABLE_KB
            yield f"memory cgroup {cgroup:#x}: memmap {charged} kB, its own figure {own} kB"
    bad = sum(level["bad"] for level in census.counts().values())
    if bad or census.garbage:
        yield f"{bad} entries lead to no table, {census.garbage} things on the kernel's lists are none"


def _inside(counters: Mapping[str, Any], census: Census, pid: int | None) -> Iterator[str]:
    """Compare with what the guest says of itself."""
    typed = census.accounts.nr_pagetable * TABLE_KB
    if typed != counters["pagetables_kb"]:
        yield f"page tables: QMP {typed} kB, data channel {counters['pagetables_kb']} kB"
    space = next((space for space in census.spaces if space.pid == pid), None)
    if space is None:
        yield f"process {pid} has no address space any more"
        return
    if space.account // 1024 != counters["vmpte_kb"]:
        yield f"VmPTE: QMP {space.account // 1024} kB, data channel {counters['vmpte_kb']} kB"
    tables = census.accounts.cgroups.get(space.cgroup)
    if tables is not None and tables.own is not None and tables.shown is not None:
        # read before the CPUs' shares were folded in, memory.stat may lag behind by just these
        own, shown, said = tables.own * TABLE_KB, tables.shown * TABLE_KB, counters["cgroup_pagetables_kb"]
        if said not in (own, shown):
            yield f"memory.stat: QMP {own} kB ({shown} kB before the CPUs' shares), data channel {said} kB"


def _name(pid: int | None, name: str) -> str:
    return f"process {pid} ({name})" if pid is not None else name
