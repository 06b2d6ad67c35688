# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own figures of page-table memory, read from outside and exact: per-CPU shares are added up.

NR_PAGETABLE: ``mod_node_page_state`` (mm/vmstat.c). A memory cgroup's: ``memcg_rstat_updated`` and
``mem_cgroup_css_rstat_flush`` (mm/memcontrol.c).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from drgn import FaultError, Object, ObjectNotFoundError, Program, TypeKind
from drgn.helpers.linux.cpumask import for_each_possible_cpu
from drgn.helpers.linux.list import list_empty
from drgn.helpers.linux.percpu import per_cpu_ptr

from testbed.errors import MeasureError
from testbed.measure.census.memmap import Memmap

__all__ = ["CgroupTables", "cgroup_tables", "nr_pagetable"]

# MEMCG_DATA_KMEM and its mask (enum page_memcg_data_flags in include/linux/memcontrol.h)
KMEM = 2
FLAGS = 7


def nr_pagetable(prog: Program) -> int:
    """NR_PAGETABLE of all nodes in pages, with the per-CPU shares that are not folded in yet."""
    try:
        item = prog.constant("NR_PAGETABLE").value_()
        pages = prog.variable("vm_node_stat")[item].counter.value_()
        for node in _nodes(prog):
            for cpu in for_each_possible_cpu(prog):
                pages += per_cpu_ptr(node.per_cpu_nodestats, cpu).vm_node_stat_diff[item].value_()
    except (LookupError, FaultError, OSError) as error:
        raise MeasureError(f"NR_PAGETABLE can't be read: {error}") from error
    return int(pages)


@dataclass(frozen=True)
class CgroupTables:
    """One memory cgroup's page tables in pages.

    ``charged`` are those that the memmap says it pays for, ``own`` its own figure with what its CPUs have not folded in
    yet, ``shown`` what its memory.stat shows till they do. The figures are None where the kernel keeps none, and for a
    cgroup with children: one that is removed leaves its parent its charge (``memcg_reparent_objcgs``), not its count.
    """

    charged: int
    own: int | None
    shown: int | None


def cgroup_tables(prog: Program, memmap: Memmap) -> dict[int, CgroupTables]:
    """Give each memory cgroup (its address) that tables are charged to."""
    return {cgroup: _figures(prog, cgroup, pages) for cgroup, pages in _charged(prog, memmap).items() if cgroup}


def _figures(prog: Program, cgroup: int, pages: int) -> CgroupTables:
    try:
        memcg = Object(prog, "struct mem_cgroup *", value=cgroup)
        if not list_empty(memcg.css.children.address_of_()):
            return CgroupTables(pages, None, None)
        index = prog.variable("mem_cgroup_stats_index")[prog.constant("NR_PAGETABLE")].value_()
        own = memcg.vmstats.state_local[index].value_()
        shown = memcg.vmstats.state[index].value_()
        for cpu in for_each_possible_cpu(prog):
            share = per_cpu_ptr(memcg.vmstats_percpu, cpu)
            own += share.state[index].value_() - share.state_prev[index].value_()
    except (LookupError, AttributeError, FaultError):
        return CgroupTables(pages, None, None)
    return CgroupTables(pages, int(own), int(shown))


def _charged(prog: Program, memmap: Memmap) -> dict[int, int]:
    """Count the tables of the memmap by the memory cgroup that they are charged to; 0 is none."""
    values, counts = np.unique(memmap.memcg, return_counts=True)
    tables: Counter[int] = Counter()
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        tables[_cgroup_of(prog, value)] += count
    return dict(tables)


def _cgroup_of(prog: Program, data: int) -> int:
    pointer = data & ~FLAGS
    if not data & KMEM or not pointer:
        return pointer
    try:
        return int(Object(prog, "struct obj_cgroup *", value=pointer).memcg.value_())
    except (LookupError, FaultError):
        return 0


def _nodes(prog: Program) -> Iterator[Object]:
    try:
        nodes = prog.variable("node_data")  # CONFIG_NUMA
    except ObjectNotFoundError:
        yield prog.variable("contig_page_data")
        return
    if nodes.type_.kind is TypeKind.ARRAY:
        yield from (node for node in nodes if node)
