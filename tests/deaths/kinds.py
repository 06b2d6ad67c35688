# SPDX-License-Identifier: GPL-2.0-only
"""Every kind of death that a guest of ours can be made to die, and what looks like one; for tests and recorders.

``says`` is looked for in a line of the serial console, behind printk's stamp; None where the console must stay silent.

A kernel that dies in an exception like int3 or #DF (printk defers there, as in an NMI), or while another CPU holds the
console, prints its last words only after the panic notifiers. A QEMU that stops the guest at pvpanic's, which is one of
them (``-action panic=pause``), never hears those of breakpoint, double-fault, exhaust-stack and panic-in-flood.
"""

import signal
from dataclasses import dataclass

__all__ = ["DEBUG", "KINDS", "PLAIN", "Kind"]

PLAIN = "deaths-6.12"
DEBUG = "deaths-6.12+debug"
ONE = "minimal"
TWO = "minimal-smp"


@dataclass(frozen=True)
class Kind:
    """One way to die: ``how`` goes to the workload ``die``, ``expect`` is the verdict that is right.

    ``strike`` is the signal that QEMU gets from the host when the console says ``says``, ``memory`` bytes of RAM in
    place of the scenario's, ``initramfs`` contents in place of the guest's.
    """

    name: str
    how: str
    kernel: str
    guest: str
    expect: str
    says: str | None
    strike: signal.Signals | None = None
    memory: int | None = None
    initramfs: bytes | None = None


def _kernel(
    how: str, says: str, kernel: str = PLAIN, guest: str = ONE, expect: str = "crash", name: str | None = None
) -> Kind:
    """Give a kind that the kernel itself speaks of; its name is the trigger's unless two kinds share it."""
    return Kind(name or how.partition(":")[2].lower().replace("_", "-") or how, how, kernel, guest, expect, says)


def _other(how: str, expect: str, says: str | None = None, guest: str = ONE) -> Kind:
    """Give a kind of user space's."""
    return Kind(how.replace(":", "-"), how, PLAIN, guest, expect, says)


STARTED = r"TB-PHASE \w+ start "
OOPS = r"BUG: kernel NULL pointer dereference, address: [0-9a-f]{16}"
FAULT = r"BUG: unable to handle page fault for address: [0-9a-f]{16}"
SOFT = r"watchdog: BUG: soft lockup - CPU#\d stuck for \d+s! \[die:\d+\]"
HARD = r"watchdog: Watchdog detected hard LOCKUP on cpu \d"
WARN = r"WARNING: CPU: \d PID: \d+ at "

KINDS: tuple[Kind, ...] = (
    # panics, bugs, warnings
    _kernel("lkdtm:PANIC", r"Kernel panic - not syncing: dumptest"),
    _kernel("sysrq:c", r"Kernel panic - not syncing: sysrq triggered crash", name="sysrq-c"),
    _kernel("lkdtm:PANIC_STOP_IRQOFF", r"Kernel panic - not syncing: panic stop irqoff test", guest=TWO),
    _kernel("kernel:panic-irq", r"Kernel panic - not syncing: deaths: a panic in an interrupt"),
    _kernel(
        "kernel:panic-in-flood", r"Kernel panic - not syncing: deaths: a panic while another CPU prints", guest=TWO
    ),
    _kernel("kill-init", r"Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"),
    _kernel("oom-deadlock", r"Kernel panic - not syncing: System is deadlocked on memory"),
    _kernel("lkdtm:BUG", r"kernel BUG at drivers/misc/lkdtm/bugs\.c:\d+!"),
    _kernel("lkdtm:WARNING", WARN + r"drivers/misc/lkdtm/bugs\.c:\d+ lkdtm_WARNING\+"),
    _kernel("lkdtm:WARNING_MESSAGE", WARN + r"drivers/misc/lkdtm/bugs\.c:\d+ lkdtm_WARNING_MESSAGE\+"),
    _kernel("kernel:warn-irq", WARN + r"lib/test_deaths\.c:\d+ do_warn\+"),
    _kernel("kernel:warn-all-cpus", WARN + r"lib/test_deaths\.c:\d+ warn_here\+", guest=TWO),
    _kernel("lkdtm:REFCOUNT_DEC_NEGATIVE", r"refcount_t: decrement hit 0; leaking memory\."),
    # exceptions
    _kernel("lkdtm:EXCEPTION", OOPS),
    _kernel("oops-survive", OOPS),
    _kernel("kernel:oops-irq", OOPS),
    _kernel("lkdtm:ACCESS_NULL", OOPS),
    _kernel("lkdtm:ACCESS_USERSPACE", FAULT),
    _kernel("lkdtm:WRITE_RO", FAULT),
    _kernel("lkdtm:WRITE_KERN", FAULT),
    _kernel("lkdtm:EXEC_DATA", r"kernel tried to execute NX-protected page - exploit attempt\?"),
    _kernel("lkdtm:EXEC_NULL", OOPS),
    _kernel("lkdtm:EXEC_USERSPACE", r"unable to execute userspace code \(SMEP\?\)"),
    _kernel("kernel:general-protection", r"Oops: general protection fault, probably for non-canonical address 0x8"),
    _kernel("kernel:divide-error", r"Oops: divide error: 0000 \[#1\]"),
    _kernel("kernel:breakpoint", r"Oops: int3: 0000 \[#1\]"),
    _kernel("kernel:double-fault", r"Oops: double fault: 0000 \[#1\]"),
    # stacks
    _kernel("lkdtm:EXHAUST_STACK", r"BUG: TASK stack guard page was hit at [0-9a-f]{16}"),
    _kernel("lkdtm:STACK_GUARD_PAGE_LEADING", r"BUG: TASK stack guard page was hit at [0-9a-f]{16}"),
    _kernel(
        "lkdtm:CORRUPT_STACK_STRONG", r"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in:"
    ),
    _kernel("kernel:stack-end", r"Kernel panic - not syncing: corrupted stack end detected inside scheduler"),
    # heap, without KASAN
    _kernel("lkdtm:CORRUPT_LIST_ADD", r"list_add corruption\. "),
    _kernel("lkdtm:CORRUPT_LIST_DEL", r"list_del corruption\. "),
    _kernel("lkdtm:KFENCE_READ_AFTER_FREE", r"BUG: KFENCE: use-after-free read in lkdtm_KFENCE_READ_AFTER_FREE\+"),
    _kernel("lkdtm:SLAB_FREE_DOUBLE", r"kernel BUG at mm/slub\.c:\d+!"),
    _kernel("lkdtm:SLAB_FREE_CROSS", r"cache_from_obj: Wrong slab cache\."),
    _kernel("lkdtm:SLAB_FREE_PAGE", WARN + r"mm/slub\.c:\d+ kmem_cache_free\+"),
    _kernel("kernel:slub-poison", r"BUG deaths \(Not tainted\): Object corrupt"),
    _kernel("kernel:slub-redzone", r"BUG deaths \(Not tainted\): Object corrupt"),
    _kernel("lkdtm:USERCOPY_SLAB_SIZE_TO", r"usercopy: Kernel memory exposure attempt detected from SLUB object"),
    _kernel("lkdtm:FORTIFY_MEM_OBJECT", r"memcpy: detected buffer overflow"),
    _kernel("lkdtm:ARRAY_BOUNDS", r"UBSAN: array-index-out-of-bounds in drivers/misc/lkdtm/bugs\.c:\d+:\d+"),
    # whoever stands still
    _kernel("lkdtm:SOFTLOCKUP", SOFT),
    _kernel("lkdtm:LOOP", SOFT),
    _kernel("lkdtm:SPINLOCKUP", SOFT + r"|rcu: INFO: rcu_sched detected stalls on CPUs/tasks:"),
    _kernel("lkdtm:HARDLOCKUP", HARD, guest=TWO),
    Kind("hardlockup-alone", "lkdtm:HARDLOCKUP", PLAIN, ONE, "hang", None),
    Kind("silent-loop", "kernel:silent-loop", PLAIN, ONE, "hang", None),
    _kernel("lkdtm:SMP_CALL_LOCKUP", r"watchdog: BUG: soft lockup - |" + HARD, guest=TWO),
    _kernel("lkdtm:HUNG_TASK", r"INFO: task die:\d+ blocked for more than \d+ seconds\."),
    _kernel("kernel:rcu-stall", r"rcu: INFO: rcu_sched self-detected stall on CPU", guest=TWO),
    _kernel("kernel:rcu-stall-expedited", r"rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks:", guest=TWO),
    _kernel("kernel:workqueue-lockup", r"BUG: workqueue lockup - pool cpus=0 "),
    # scheduler and locks
    _kernel("kernel:schedule-atomic", r"BUG: scheduling while atomic: die/\d+/0x"),
    _kernel("kernel:workqueue-leak", r"BUG: workqueue leaked atomic, lock or RCU: kworker/"),
    _kernel("kernel:sleep-atomic", r"BUG: sleeping function called from invalid context at lib/test_deaths\.c", DEBUG),
    _kernel("kernel:lock-circular", r"WARNING: possible circular locking dependency detected", DEBUG),
    _kernel("kernel:lock-recursive", r"WARNING: possible recursive locking detected", DEBUG),
    _kernel("kernel:lock-irq-state", r"WARNING: inconsistent lock state", DEBUG),
    _kernel("kernel:lock-irq-inversion", r"WARNING: possible irq lock inversion dependency detected", DEBUG),
    _kernel("kernel:lock-irq-unsafe", r"WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected", DEBUG),
    _kernel("kernel:lock-held", r"WARNING: lock held when returning to user space!", DEBUG),
    _kernel("kernel:lock-not-held", r"WARNING: bad unlock balance detected!", DEBUG),
    _kernel("kernel:lock-freed", r"WARNING: held lock freed!", DEBUG),
    _kernel("kernel:lock-uninitialised", r"INFO: trying to register non-static key\.", DEBUG),
    _kernel("kernel:rcu-suspicious", r"WARNING: suspicious RCU usage", DEBUG),
    _kernel(
        "lkdtm:SPINLOCKUP",
        r"BUG: spinlock recursion on CPU#0, die/\d+|BUG: scheduling while atomic: die/",
        DEBUG,
        name="spinlock-recursion",
    ),
    # KASAN
    _kernel("kernel:kasan-use-after-free", r"BUG: KASAN: slab-use-after-free in |BUG: KFENCE: use-after-free ", DEBUG),
    _kernel(
        "kernel:kasan-out-of-bounds", r"BUG: KASAN: slab-out-of-bounds in |BUG: KFENCE: memory corruption in ", DEBUG
    ),
    _kernel("kernel:kasan-stack", r"BUG: KASAN: stack-out-of-bounds in kasan_stack\+", DEBUG),
    _kernel("kernel:kasan-vmalloc", r"BUG: KASAN: vmalloc-out-of-bounds in kasan_vmalloc\+", DEBUG),
    _kernel("kernel:kasan-double-free", r"BUG: KASAN: double-free in |BUG: KFENCE: invalid free in ", DEBUG),
    _kernel("kernel:kasan-null", r"KASAN: null-ptr-deref in range \[0x0000000000000008-0x000000000000000f\]", DEBUG),
    # pages and page tables
    _kernel("kernel:bad-page-map", r"BUG: Bad page map in process die  pte:[0-9a-f]+ pmd:[0-9a-f]+"),
    _kernel("kernel:corrupted-page-table", r"die: Corrupted page table at address [0-9a-f]+"),
    _kernel("kernel:bad-pmd", r"mm/pgtable-generic\.c:\d+: bad pmd [0-9a-f]{16}\("),
    _kernel("kernel:bad-rss", r"BUG: Bad rss-counter state mm:[0-9a-f]{16} type:MM_ANONPAGES val:1"),
    _kernel("kernel:pgtables-leak", r"BUG: non-zero pgtables_bytes on freeing mm: 4096"),
    _kernel("kernel:bad-page-state", r"BUG: Bad page state in process die  pfn:[0-9a-f]+", DEBUG),
    _kernel("kernel:vm-bug-on-page", r"page dumped because: VM_BUG_ON_PAGE\(", DEBUG),
    _kernel("kernel:page-table-check", r"kernel BUG at mm/page_table_check\.c:\d+!", DEBUG),
    # the guest goes, without a fault
    _other("poweroff", "crash", r"reboot: Power down"),
    _other("reboot", "crash", r"reboot: Restarting system"),
    _other("halt", "crash", r"reboot: System halted"),
    Kind("triple-fault", "kernel:triple-fault", PLAIN, ONE, "crash", None),
    _other("sysrq:b", "crash", r"sysrq: Resetting"),
    # user space goes, or stands still
    _other("oom", "fail", r"Out of memory: Killed process \d+ \(die\)"),
    _other("oom-cgroup", "fail", r"Memory cgroup out of memory: Killed process \d+ \(die\)"),
    _other("sysrq:f", "fail", r"Out of memory: Killed process \d+ \(die\)"),
    _other("segv", "fail"),
    _other("exit:3", "fail"),
    _other("spin", "hang"),
    _other("sleep", "hang"),
    _other("freeze-agent", "hang"),
    _other("stop-agent", "hang"),
    # QEMU is struck by the host
    Kind("qemu-killed", "sleep", PLAIN, ONE, "error", STARTED, signal.SIGKILL),
    Kind("qemu-terminated", "sleep", PLAIN, ONE, "error", STARTED, signal.SIGTERM),
    Kind("qemu-aborted", "sleep", PLAIN, ONE, "crash", STARTED, signal.SIGABRT),
    Kind("qemu-stopped", "sleep", PLAIN, ONE, "error", STARTED, signal.SIGSTOP),
    Kind("truncated-oops", "lkdtm:EXCEPTION", PLAIN, ONE, "crash", OOPS, signal.SIGKILL),
    # before the agent's first word
    Kind("reset-early", "sleep", PLAIN, ONE, "crash", None, memory=24 << 20),
    Kind("panic-no-root", "sleep", PLAIN, ONE, "crash", r"Kernel panic - not syncing: VFS: ", initramfs=b"no archive"),
    # nobody dies
    _other("oom-child", "fail", r"Out of memory: Killed process \d+ \(die\)"),
    _kernel("kernel:page-alloc-failure", r"die: page allocation failure: order:10, mode:", expect="done"),
    _kernel("kernel:kmsg-flood", r"deaths: line 4999 of 5000 that mean nothing", expect="done"),
    _other("sysrq:t", "done", r"sysrq: Show State"),
    _other("sysrq:l", "done", r"sysrq: Show backtrace of all active CPUs", guest=TWO),
    _other("sysrq:w", "done", r"sysrq: Show Blocked State"),
    _other("sysrq:m", "done", r"sysrq: Show Memory"),
    _other("mute-console", "error"),
    _other("noise", "done"),
    _other("say:stdout", "done"),
    _other("say:stderr", "done"),
    _other("say:kmsg", "done", r"Kernel panic - not syncing: fake"),
    _other("say:console", "done", r"Kernel panic - not syncing: fake"),
    # a console in disorder, and a death behind it
    _other("noise+panic", "crash", r"Kernel panic - not syncing: dumptest"),
    _other("midline+panic", "crash", r"Kernel panic - not syncing: dumptest"),
)
