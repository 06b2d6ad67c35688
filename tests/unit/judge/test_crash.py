# SPDX-License-Identifier: GPL-2.0-only
import pytest

from testbed.judge.crash import find_crash

LINES = [
    ("panic", "Kernel panic - not syncing: sysrq triggered crash"),
    ("kasan", "BUG: KASAN: slab-use-after-free in zap_pte_range+0x1/0x2"),
    ("oops", "BUG: unable to handle page fault for address: ffff888000000000"),
    ("oops", "Oops: 0000 [#1] PREEMPT SMP"),
    ("oops", "general protection fault, probably for non-canonical address 0xdead"),
    ("bug", "kernel BUG at mm/memory.c:1234!"),
    ("warn", "WARNING: CPU: 0 PID: 1 at mm/memory.c:12 zap+0x1/0x2"),
    ("lockdep", "WARNING: possible circular locking dependency detected"),
    ("lockdep", "WARNING: suspicious RCU usage"),
    ("bad-page", "BUG: Bad page state in process jemalloc  pfn:12345"),
    ("bad-page", "BUG: Bad rss-counter state mm:00000000 type:MM_ANONPAGES val:1"),
    ("soft-lockup", "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [x:1]"),
    ("rcu-stall", "rcu: INFO: rcu_preempt self-detected stall on CPU"),
    ("hung-task", "INFO: task agent:12 blocked for more than 120 seconds."),
    ("bug", "BUG: sleeping function called from invalid context at mm/x.c:1"),
]


@pytest.mark.parametrize(("kind", "text"), LINES)
def test_each_kind_of_death_is_named(kind, text):
    crash = find_crash(f"[    0.100000] Linux version 6.12\n[   12.345678] {text}\nmore\n")
    assert crash is not None
    assert (crash.kind, crash.title) == (kind, text)


def test_signature_in_the_middle_of_a_line_counts():
    assert find_crash("TB-PHASE 1 start pagetabl[    5.000001] kernel BUG at mm/memory.c:1!").kind == "bug"


def test_signature_with_a_caller_prefix_counts():
    assert find_crash("[    5.000001][   T12] kernel BUG at mm/memory.c:1!").kind == "bug"


def test_first_crash_wins():
    text = "[    1.000000] WARNING: CPU: 0 PID: 1 at a\n[    2.000000] Kernel panic - not syncing: b\n"
    assert find_crash(text).kind == "warn"


def test_healthy_console_holds_no_crash():
    assert find_crash("[    0.000000] Linux version 6.12\n[    1.000000] x86/mm: ok\nTB-PHASE n start a=1\n") is None


def test_line_that_no_printk_stamped_is_no_crash():
    assert find_crash("the program says: Kernel panic - not syncing\n") is None
