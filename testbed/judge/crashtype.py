# SPDX-License-Identifier: GPL-2.0-only
"""What a crash is within its kind: which of KASAN's findings, which of lockdep's rules, which panic."""

import re

__all__ = ["crash_type"]

# By kind: the first expression that the kernel's words match names the type; what it captures is the name where none is
# given. Sources: mm/kasan/report.c and report_generic.c, mm/kfence/report.c, kernel/kcsan/report.c, lib/ubsan.c,
# kernel/locking/lockdep.c, mm/oom_kill.c, kernel/exit.c, kernel/panic.c, mm/page_alloc.c, mm/memory.c, kernel/fork.c,
# mm/pgtable-generic.c, arch/x86/mm/fault.c and arch/x86/kernel/traps.c, kernel/rcu/tree_stall.h and tree_exp.h.
_TYPES: dict[str, tuple[tuple[str, str | None], ...]] = {
    "kasan": ((r"BUG: KASAN: ([\w-]+)", None),),
    "kfence": ((r"BUG: KFENCE: ([\w-]+(?: (?:corruption|free))?)", None),),
    "kcsan": ((r"BUG: KCSAN: ([\w-]+)", None),),
    "ubsan": ((r"UBSAN: ([\w-]+)", None),),
    "lockdep": (
        (r"possible circular", "circular"),
        (r"possible recursive", "recursive"),
        (r"irq lock inversion", "irq-inversion"),
        (r"inconsistent lock state", "irq-state"),
        (r"-safe -> \S+-unsafe lock order", "irq-order"),
        (r"suspicious RCU usage", "rcu"),
        (r"held lock freed", "held-freed"),
        (r"lock held when returning|still has locks held", "held-at-exit"),
        (r"bad unlock balance", "unlock-balance"),
        (r"bad contention", "contention"),
        (r"non-static key", "no-key"),
        (r"Nested lock was not", "nest"),
        (r"Invalid wait context", "wait-context"),
    ),
    "panic": (
        (r"deadlocked on memory|[Oo]ut of memory", "oom"),
        (r"Attempted to kill init", "init"),
        (r"stack-protector|corrupted stack end", "stack"),
        (r"Unable to mount root", "no-root"),
    ),
    "bad-page": (
        (r"Bad page state", "state"),
        (r"Bad page map", "map"),
        (r"Bad rss-counter", "rss-counter"),
        (r"non-zero pgtables_bytes", "pgtables-bytes"),
        (r"Corrupted page table", "corrupted-table"),
        (r"bad p\w+ ", "bad-entry"),
    ),
    "oops": (
        (r"kernel NULL pointer", "null-pointer"),
        (r"page fault|paging request", "page-fault"),
        (r"general protection", "general-protection"),
        (r"Oops: ([\w -]+?)(?:,|:)", None),
    ),
    "rcu-stall": ((r"expedited", "expedited"), (r"self-detected", "self"), (r"detected", "others")),
}


def crash_type(kind: str, words: str) -> str:
    """Give the type of a crash, ``kind:what``, from the kernel's words; the kind alone where that says all.

    >>> crash_type("kasan", "BUG: KASAN: slab-use-after-free in zap_pte_range+0x1/0x2")
    'kasan:slab-use-after-free'
    >>> crash_type("panic", "Kernel panic - not syncing: System is deadlocked on memory")
    'panic:oom'
    >>> crash_type("warn", "WARNING: CPU: 0 PID: 1 at mm/memory.c:1 zap_pte_range")
    'warn'
    """
    for pattern, name in _TYPES.get(kind, ()):
        match = re.search(pattern, words)
        if match:
            return f"{kind}:{name or match[1].lower().replace(' ', '-')}"
    return kind
