# SPDX-License-Identifier: GPL-2.0-only
"""Death and damage in a kernel's console: what it looks like, and its title.

Only the kernel and the agent write to the console; a workload's output goes another way. A signature counts only behind
printk's timestamp, so a line of the agent that quotes one is no crash.
"""

import re
from dataclasses import dataclass

__all__ = ["Crash", "find_crash"]

# Most specific first: the first kind whose pattern matches at a place names it. Sources: lib/bug.c, kernel/panic.c,
# mm/kasan/report.c, mm/page_alloc.c (bad_page), kernel/watchdog.c, kernel/hung_task.c, kernel/rcu/tree_stall.h,
# kernel/locking/lockdep.c, arch/x86/mm/fault.c.
SIGNATURES: tuple[tuple[str, str], ...] = (
    ("kasan", r"BUG: KASAN: .*"),
    ("kfence", r"BUG: KFENCE: .*"),
    ("kcsan", r"BUG: KCSAN: .*"),
    ("soft-lockup", r"watchdog: BUG: soft lockup.*"),
    ("hard-lockup", r"(?:NMI watchdog: )?Watchdog detected hard LOCKUP.*"),
    ("bad-page", r"BUG: Bad (?:page|rss-counter|page map).*"),
    ("oops", r"BUG: (?:unable to handle|kernel NULL pointer).*"),
    ("oops", r"(?:general protection fault|Oops: ).*"),
    ("bug", r"kernel BUG at .*"),
    ("lockdep", r"WARNING: (?:possible (?:circular|recursive|irq)|inconsistent lock state|bad unlock).*"),
    ("lockdep", r"WARNING: (?:suspicious RCU usage|.*lock.*held when returning).*"),
    ("bug", r"BUG: .*"),
    ("warn", r"WARNING: CPU: .*"),
    ("warn", r"WARNING: .*"),
    ("rcu-stall", r"rcu: INFO: rcu\S* (?:self-)?detected (?:expedited )?stalls?.*"),
    ("hung-task", r"INFO: task .* blocked for more than .*"),
    ("panic", r"Kernel panic - not syncing.*"),
)
_STAMP = r"\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? "
_ANY = re.compile("|".join(f"{_STAMP}(?P<k{index}>{pattern})" for index, (_, pattern) in enumerate(SIGNATURES)))


@dataclass(frozen=True)
class Crash:
    """The first signature in a console: its kind and its title (one line)."""

    kind: str
    title: str


def find_crash(console: str) -> Crash | None:
    """Find the first sign of death or damage in ``console``.

    >>> find_crash("[    1.500000] Kernel panic - not syncing: sysrq triggered crash").kind
    'panic'
    >>> find_crash("TB-NOTE BUG: quoted by a program") is None
    True
    """
    match = _ANY.search(console)
    if match is None or match.lastgroup is None:
        return None
    kind, _ = SIGNATURES[int(match.lastgroup[1:])]
    return Crash(kind, match.group(match.lastgroup).strip())
