# SPDX-License-Identifier: GPL-2.0-only
"""What death and damage look like on a kernel's console, a line at a time.

A signature counts only right behind printk's stamp. With ``console_msg_format=syslog`` (which our guests have) the
stamp starts with ``<facility * 8 + level>``: the kernel's own facility is 0, what user space writes to /dev/kmsg gets 1
or more (``devkmsg_write`` in kernel/printk/printk.c), so a program cannot sign as the kernel there.
"""

import re
from dataclasses import dataclass

__all__ = ["UNSTAMPED", "Sighting", "caller", "find_sighting", "has_level", "unstamped"]

# "<4>[   12.345678] ", or without the level; CONFIG_PRINTK_CALLER adds "[   T12] "
_CLOCK = r"\[ *\d+\.\d{6}\](?:\[ *(?P<caller>[TC]\d+)\])? "
_LEVEL = r"<[0-7]>"
STAMP = rf"(?:{_LEVEL}|(?<!\d>)){_CLOCK}"

# Most specific first: the first kind whose pattern matches at a place names it. Sources: kernel/panic.c, lib/bug.c,
# mm/kasan/report.c, mm/kfence/report.c, kernel/watchdog.c, kernel/hung_task.c, kernel/rcu/tree_stall.h and tree_exp.h,
# kernel/locking/lockdep.c, mm/page_alloc.c (bad_page), mm/memory.c (print_bad_pte), kernel/fork.c (check_mm),
# mm/slub.c, mm/page_poison.c, mm/page_table_check.c, mm/pgtable-generic.c (pmd_clear_bad), arch/x86/mm/fault.c and
# arch/x86/kernel/traps.c; kernel/reboot.c.
SIGNATURES: tuple[tuple[str, str], ...] = (
    ("kasan", r"BUG: KASAN: .*"),
    ("kfence", r"BUG: KFENCE: .*"),
    ("kcsan", r"BUG: KCSAN: .*"),
    ("ubsan", r"UBSAN: .*"),
    ("soft-lockup", r"(?:watchdog: )?BUG: soft lockup.*"),
    ("hard-lockup", r"(?:NMI )?(?:watchdog: )?(?:CPU\d+: )?Watchdog detected hard LOCKUP.*"),
    ("workqueue-lockup", r"BUG: workqueue lockup.*"),
    ("bad-page", r"BUG: (?:Bad (?:page|rss-counter)|non-zero pgtables_bytes).*"),
    ("bad-page", r"\S+: Corrupted page table at address .*"),
    ("bad-page", r"\S+\.[ch]:\d+: bad p(?:te|md|ud|4d|gd) .*"),
    ("slub", r"BUG \S+ \((?:Not tainted|Tainted)[^)]*\): .*"),
    ("page-poison", r"pagealloc: (?:memory corruption|single bit error).*"),
    ("page-table-check", r"kernel BUG at mm/page_table_check\.c.*"),
    ("stack-overflow", r"BUG: .*stack guard page was hit.*"),
    ("double-fault", r"(?:traps: )?PANIC: double fault.*"),
    ("oops", r"BUG: (?:unable to handle|kernel NULL pointer).*"),
    ("oops", r"(?:general protection fault|Oops: ).*"),
    ("bug", r"kernel BUG at .*"),
    ("atomic-sleep", r"BUG: (?:sleeping function called from|scheduling while atomic|assuming atomic).*"),
    ("lockdep", r"\[ BUG: .*"),
    ("lockdep", r"WARNING: (?:possible (?:circular|recursive|irq)|inconsistent lock|bad (?:unlock|contention)).*"),
    ("lockdep", r"WARNING: (?:suspicious RCU usage|held lock freed|Nested lock was not|chain_key collision).*"),
    ("lockdep", r"WARNING: (?:\S+-safe -> \S+-unsafe lock order|lock held when returning|.* still has locks held).*"),
    ("lockdep", r"INFO: trying to register non-static key.*"),
    ("spinlock", r"BUG: (?:spin|rw)lock .*"),
    ("bug", r"BUG: .*"),
    ("warn", r"WARNING: .*"),
    ("rcu-stall", r"(?:rcu: )?INFO: rcu\S* (?:self-)?detected (?:expedited )?stalls?.*"),
    ("hung-task", r"INFO: task .* blocked (?:for more than|in I/O wait for).*"),
    ("panic", r"Kernel panic - not syncing.*"),
    ("shutdown", r"reboot: (?:System halted|Power down|Restarting system|machine restart).*"),
)
_DEATH = "|".join(f"(?P<k{i}>{pattern})" for i, (_, pattern) in enumerate(SIGNATURES))
_ANY = re.compile(f"(?P<stamp>{STAMP})(?:{_DEATH})")
_LEVELLED = re.compile(f"(?P<stamp>{_LEVEL}{_CLOCK})(?:{_DEATH})")
_STAMP = re.compile(STAMP)
UNSTAMPED = "unstamped"
_HAS_LEVEL = re.compile(rf"<\d+>{_CLOCK}")


@dataclass(frozen=True)
class Sighting:
    """A signature: its kind, the kernel's words (one line, without the stamp), and the seconds of printk's clock."""

    kind: str
    words: str
    clock_s: float


def find_sighting(line: str, levelled: bool = False) -> Sighting | None:
    """Find the first signature in one line of a console; with ``levelled``, only behind a stamp that has a level.

    >>> find_sighting("<0>[    1.500000] Kernel panic - not syncing: sysrq triggered crash").kind
    'panic'
    >>> find_sighting("<12>[    1.500000] Kernel panic - not syncing: said by a program to /dev/kmsg") is None
    True
    """
    match = (_LEVELLED if levelled else _ANY).search(line)
    if match is None or match.lastgroup is None:
        return None
    kind, _ = SIGNATURES[int(match.lastgroup[1:])]
    clock = match.group("stamp").rpartition(".")
    seconds = f"{clock[0].rpartition('[')[2]}.{clock[2][:6]}"
    return Sighting(kind, match.group(match.lastgroup).strip(), float(seconds))


def has_level(line: str) -> bool:
    """Tell whether a line has a stamp with a level, as all of that console's kernel lines then have."""
    return _HAS_LEVEL.match(line) is not None


def caller(line: str) -> str:
    """Give the task or CPU that printed a line (``T77``, ``C1``), "" where it does not say, UNSTAMPED for no kernel's.

    >>> caller("<4>[    1.500000][   T77]  zap_pte_range+0x1/0x2")
    'T77'
    """
    match = _STAMP.search(line)
    return match["caller"] or "" if match else UNSTAMPED


def unstamped(line: str) -> str:
    """Give a console line without printk's stamp and what stands before it; a line without one as it is."""
    match = _STAMP.search(line)
    return line[match.end() :] if match else line
