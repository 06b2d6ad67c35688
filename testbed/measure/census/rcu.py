# SPDX-License-Identifier: GPL-2.0-only
"""Page tables that wait for an RCU grace period: in no tree any more, and not yet free.

Three ways lead there: a batch of many (``tlb_remove_table_rcu`` in mm/mmu_gather.c), a table whose own ``rcu_head``
is queued (``pte_free_defer`` in mm/pgtable-generic.c), and one that is the first of a list (``tlb_remove_tables_rcu``,
where tables are linked by ``pt_index``). All are found on the CPUs' callback lists (kernel/rcu/tree.c).
"""

from collections.abc import Iterator
from struct import unpack

import numpy as np
from drgn import FaultError, Object, Program, cast, container_of
from drgn.helpers.linux.cpumask import for_each_possible_cpu
from drgn.helpers.linux.percpu import per_cpu
from numpy.typing import NDArray

from testbed.measure.census.kernel import Kernel

__all__ = ["pending_tables"]

BATCH_CALLBACK, LIST_CALLBACK = "tlb_remove_table_rcu", "tlb_remove_tables_rcu"
# A list that garbage made endless is left after as many.
MOST = 1 << 18
MOST_IN_BATCH = 4096 // 8


def pending_tables(prog: Program, kernel: Kernel) -> NDArray[np.intp]:
    """Give the frames that callbacks will free, tables or not; callbacks that lead nowhere end the search of a list."""
    end = kernel.vmemmap + kernel.max_pfn * kernel.page.size
    found: list[int] = []
    for head in _callbacks(prog):
        address = head.value_()
        own = kernel.vmemmap <= address < end
        if own:
            found.append((address - kernel.vmemmap) // kernel.page.size)
        try:
            name = prog.symbol(head.func.value_()).name
            if own and name == LIST_CALLBACK:
                found += _linked(prog, kernel, container_of(head, "struct ptdesc", "pt_rcu_head"))
            if own or name != BATCH_CALLBACK:
                continue
            batch = container_of(head, "struct mmu_table_batch", "rcu")
            count = min(batch.nr.value_(), MOST_IN_BATCH)
            pointers = unpack(f"<{count}Q", prog.read(batch.tables.address_of_().value_(), 8 * count))
        except (LookupError, FaultError, OSError):
            continue
        # the low bits of a pointer to a page are for the code that queued it
        found += [(pointer - kernel.vmemmap) // kernel.page.size for pointer in pointers]
    frames = np.array(found, dtype=np.int64)
    return frames[(frames >= 0) & (frames < kernel.max_pfn)].astype(np.intp)


def _linked(prog: Program, kernel: Kernel, first: Object) -> list[int]:
    """Give the frames behind the first one of a list of tables; one that leads astray or in a loop ends somewhere."""
    found: list[int] = []
    link = first.pt_index.value_()
    while link and len(found) < MOST_IN_BATCH:
        found.append((link - kernel.vmemmap) // kernel.page.size)
        try:
            link = Object(prog, "struct ptdesc *", value=link).pt_index.value_()
        except FaultError:
            break
    return found


def _callbacks(prog: Program) -> Iterator[Object]:
    try:
        lists = [per_cpu(prog.variable("rcu_data"), cpu) for cpu in for_each_possible_cpu(prog)]
    except (LookupError, FaultError):
        return  # CONFIG_TINY_RCU has no such lists
    # callbacks of an offloaded CPU (CONFIG_RCU_NOCB_CPU) come to a list of their own first
    for name in ("cblist", "nocb_bypass"):
        for data in lists:
            try:
                yield from _list(getattr(data, name).head.read_())
            except (AttributeError, FaultError):
                continue  # not offloaded, or broken: the list ends here


def _list(head: Object) -> Iterator[Object]:
    for _ in range(MOST):
        if not head:
            return
        yield head
        head = cast("struct callback_head *", head.next.read_())
