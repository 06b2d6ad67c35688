# SPDX-License-Identifier: GPL-2.0-only
"""Page tables of a guest seen from outside: drgn reads the stopped guest's memory over a QMP socket of its own.

Structures are found by name in vmlinux's DWARF, never by kernel version.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drgn import FaultError, Object, ObjectNotFoundError, Program
from drgn.helpers.linux.cpumask import for_each_possible_cpu
from drgn.helpers.linux.mm import virt_to_phys
from drgn.helpers.linux.percpu import per_cpu_ptr
from drgn.helpers.linux.pid import find_task

from testbed.errors import MeasureError
from testbed.measure.kernellog import kernel_log, kernel_said

__all__ = ["Examiner", "Tables"]

# x86-64 entry bits and fields: Intel SDM vol. 3A, "4-level paging and 5-level paging"
PRESENT = np.uint64(1 << 0)
PAGE_SIZE_BIT = np.uint64(1 << 7)
ADDRESS = np.uint64(0x000F_FFFF_FFFF_F000)
TABLE_BYTES = 4096
ENTRIES = TABLE_BYTES // 8
# The upper half of the top level maps the kernel, shared by all processes.
USER_ENTRIES = ENTRIES // 2
FOUR_LEVEL_SHIFT = 39


@dataclass(frozen=True)
class Tables:
    """Page tables that hang in one process's tree, by level, without the PGD.

    ``account_kb`` is the kernel's own figure (``mm->pgtables_bytes``), which leaves out P4D tables.
    """

    pte: int
    pmd: int
    pud: int
    p4d: int
    account_kb: int


class Examiner:
    """A drgn session on one guest. Every method needs the guest's vCPUs stopped to be exact."""

    def __init__(self, socket: Path, vmlinux: Path) -> None:
        """Attach to QEMU's monitor at ``socket``; MeasureError when drgn cannot."""
        self._prog = Program()
        try:
            self._prog.set_qemu_qmp(str(socket))
            self._prog.load_debug_info([str(vmlinux)])
        except (OSError, ValueError, LookupError, RuntimeError) as error:
            raise MeasureError(f"drgn cannot examine the guest over QMP: {error}") from error

    def pagetable_kb(self) -> int:
        """NR_PAGETABLE of all nodes in kB, with the per-CPU shares that are not folded in yet.

        Source: ``mod_node_page_state`` and ``refresh_cpu_vm_stats`` (mm/vmstat.c).
        """
        prog = self._prog
        try:
            item = prog.constant("NR_PAGETABLE").value_()
            pages = prog["vm_node_stat"][item].counter.value_()
            for node in self._nodes():
                for cpu in for_each_possible_cpu(prog):
                    pages += per_cpu_ptr(node.per_cpu_nodestats, cpu).vm_node_stat_diff[item].value_()
        except (LookupError, FaultError, OSError) as error:
            raise MeasureError(f"NR_PAGETABLE over QMP: {error}") from error
        return int(pages) * TABLE_BYTES // 1024

    def said(self, clock_s: float) -> bool:
        """Tell whether the kernel itself logged anything at that second of its clock (see :mod:`.kernellog`)."""
        return kernel_said(self._prog, clock_s)

    def log(self) -> str:
        """Give all that the kernel has logged, printed on its console or not yet."""
        return kernel_log(self._prog)

    def _nodes(self) -> Iterator[Object]:
        try:
            nodes = self._prog["node_data"]  # CONFIG_NUMA
        except ObjectNotFoundError:
            yield self._prog["contig_page_data"]
            return
        yield from (node for node in nodes if node)

    def tables(self, pid: int) -> Tables:
        """Walk the page tables of process ``pid`` and count them by level (down to the entries of PMD tables)."""
        try:
            mm = find_task(self._prog, pid).mm
            if not mm:
                raise MeasureError(f"process {pid} has no address space any more")
            tables = [virt_to_phys(mm.pgd.read_()).value_()]
            counts = []
            user = USER_ENTRIES
            for _ in range(self._levels() - 1):
                tables = [child for table in tables for child in self._children(table, user)]
                counts.append(len(tables))
                user = ENTRIES
            account = mm.pgtables_bytes.counter.value_() // 1024
        except (LookupError, FaultError, OSError) as error:
            raise MeasureError(f"page tables of process {pid} over QMP: {error}") from error
        pte, pmd, pud, p4d = [*reversed(counts), 0][:4]
        return Tables(pte=pte, pmd=pmd, pud=pud, p4d=p4d, account_kb=int(account))

    def _levels(self) -> int:
        try:
            shift = self._prog["pgdir_shift"].value_()  # CONFIG_X86_5LEVEL; 48 where five levels are in use
        except ObjectNotFoundError:
            shift = FOUR_LEVEL_SHIFT
        return 4 if shift == FOUR_LEVEL_SHIFT else 5

    def _children(self, table: int, entries: int) -> list[int]:
        """Physical addresses of the tables that the first ``entries`` entries of ``table`` point to."""
        data = np.frombuffer(self._prog.read(table, entries * 8, physical=True), dtype=np.uint64)
        used = data[(data & (PRESENT | PAGE_SIZE_BIT)) == PRESENT]
        addresses: list[int] = (used & ADDRESS).tolist()
        return addresses
