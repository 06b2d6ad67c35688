# SPDX-License-Identifier: GPL-2.0-only
"""Every address space of the guest: those of tasks, and those that no task has (any more, or yet).

x86 keeps all top-level tables on ``pgd_list`` (arch/x86/mm/pgtable.c), each with its ``mm``: a list that a process in
the middle of fork or exit is on too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from drgn import FaultError, Object, Program, container_of
from drgn.helpers.linux.list import list_for_each_entry

from testbed.errors import MeasureError

__all__ = ["Space", "read_spaces"]

# A list that garbage made endless is left after as many steps.
MOST = 1 << 18
# Address spaces of the kernel's own (arch/x86/kernel/alternative.c); EFI's counts as the kernel's own tree.
KERNEL_SPACES = ("poking_mm", "text_poke_mm")


# An mm, its pid, a name and the memory cgroup.
Found = tuple[Object, int | None, str, int]


@dataclass(frozen=True)
class Space:
    """One ``mm_struct``: whose it is, where its tree begins, and what the kernel's own account says.

    ``pid`` is None where no task has it; ``cgroup`` is the address of the memory cgroup of that task (0: none).
    ``account`` is ``mm->pgtables_bytes``, ``deposits`` the head of its deposited tables where the kernel keeps them by
    space, not by PMD table.
    """

    mm: int
    pid: int | None
    name: str
    cgroup: int
    pgd: int
    account: int
    mappings: int
    deposits: int = 0


def read_spaces(prog: Program) -> tuple[tuple[Space, ...], int]:
    """Find all address spaces, tasks' first, and how many things on the lists were no such thing (garbage)."""
    spaces: dict[int, Space] = {}
    bad = 0
    try:
        kernel = prog.variable("init_mm").address_of_().value_()
        for source in (_owned, _own, _listed):
            try:
                for mm, pid, name, cgroup in source(prog):
                    if mm.value_() in spaces or mm.value_() == kernel:
                        continue
                    try:
                        spaces[mm.value_()] = _space(mm, pid, name, cgroup)
                    except FaultError:
                        bad += 1
            except FaultError:
                bad += 1  # the list itself leads nowhere; what came before stands
    except (LookupError, OSError) as error:
        raise MeasureError(f"the guest's tasks can't be read: {error}") from error
    return tuple(spaces.values()), bad


def _owned(prog: Program) -> Iterator[Found]:
    memory_id = _memory_id(prog)
    leftover: list[Found] = []
    for task in _tasks(prog):
        mm = task.mm.read_()
        if mm:
            yield mm, task.tgid.value_(), _text(task), _cgroup(task, memory_id)
        else:
            # a process that exits has given up its mm, and its CPU still runs on it
            leftover.append((task.active_mm.read_(), None, f"[{_text(task)}]", 0))
    yield from ((mm, pid, name, cgroup) for mm, pid, name, cgroup in leftover if mm)


def _tasks(prog: Program) -> Iterator[Object]:
    """All processes, and the threads of those whose first thread has ended while others run on.

    By the list of tasks: the tree of pids (``for_each_task``) has no end where a node of it is its own child.
    """
    for leader in _members("struct task_struct", prog.variable("init_task").tasks.address_of_(), "tasks"):
        yield leader
        if not leader.mm:
            threads = leader.signal.thread_head.address_of_()
            yield from _members("struct task_struct", threads, "thread_node")


def _members(kind: str, head: Object, member: str) -> Iterator[Object]:
    """Entries of a list, up to the first that was met before."""
    met: set[int] = set()
    for entry in list_for_each_entry(kind, head, member):
        if entry.value_() in met or len(met) >= MOST:
            return
        met.add(entry.value_())
        yield entry


def _own(prog: Program) -> Iterator[Found]:
    yield from ((mm, None, f"[{name}]", 0) for name in KERNEL_SPACES for mm in _named(prog, name))


def _named(prog: Program, name: str) -> Iterator[Object]:
    try:
        mm = prog.variable(name)
    except LookupError:
        return
    mm = mm if mm.type_.kind.name == "POINTER" else mm.address_of_()
    if mm and mm.pgd:
        yield mm


def _listed(prog: Program) -> Iterator[Found]:
    try:
        head = prog.variable("pgd_list")
    except LookupError:
        return
    for table in _members("struct ptdesc", head.address_of_(), "pt_list"):
        mm = table.pt_mm.read_()
        if mm:
            yield mm, None, "[no task]", 0


def _space(mm: Object, pid: int | None, name: str, cgroup: int) -> Space:
    return Space(
        mm=mm.value_(),
        pid=pid,
        name=name,
        cgroup=cgroup,
        pgd=mm.pgd.value_(),
        account=mm.pgtables_bytes.counter.value_(),
        mappings=mm.mm_mt.ma_root.value_(),
        deposits=_deposits(mm),
    )


def _deposits(mm: Object) -> int:
    try:
        return int(mm.pmd_huge_pte.value_())
    except AttributeError:
        return 0  # CONFIG_SPLIT_PMD_PTLOCKS: each PMD table has its own


def _memory_id(prog: Program) -> int | None:
    try:
        return int(prog.constant("memory_cgrp_id").value_())
    except LookupError:
        return None


def _cgroup(task: Object, memory_id: int | None) -> int:
    if memory_id is None:
        return 0
    try:
        return int(container_of(task.cgroups.subsys[memory_id], "struct mem_cgroup", "css").value_())
    except (FaultError, LookupError):
        return 0


def _text(task: Object) -> str:
    name = str(task.comm.string_().decode(errors="replace"))
    return "".join(letter if letter.isprintable() else "?" for letter in name)  # a terminal would obey the rest
