# SPDX-License-Identifier: GPL-2.0-only
import pytest

from testbed.judge.crash import find_crash
from testbed.judge.signature import Sighting

LINES = [
    ("panic", "Kernel panic - not syncing: sysrq triggered crash", None),
    (
        "kasan",
        "BUG: KASAN: slab-use-after-free in zap_pte_range+0x1/0x2",
        "BUG: KASAN: slab-use-after-free in zap_pte_range",
    ),
    (
        "oops",
        "BUG: unable to handle page fault for address: ffff888000000000",
        "BUG: unable to handle page fault for address: ADDRESS",
    ),
    ("oops", "Oops: 0000 [#1] PREEMPT SMP", None),
    ("bug", "kernel BUG at mm/memory.c:1234!", "kernel BUG at mm/memory.c:1234"),
    ("page-table-check", "kernel BUG at mm/page_table_check.c:81!", "kernel BUG at mm/page_table_check.c:81"),
    ("warn", "WARNING: CPU: 0 PID: 1 at mm/memory.c:12 zap+0x1/0x2", "WARNING: at mm/memory.c:12 zap"),
    ("lockdep", "WARNING: possible circular locking dependency detected", None),
    ("lockdep", "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected", None),
    ("lockdep", "WARNING: suspicious RCU usage", None),
    ("lockdep", "[ BUG: Invalid wait context ]", "[ BUG: Invalid wait context ]"),
    ("bad-page", "BUG: Bad page state in process jemalloc  pfn:12345", "BUG: Bad page state in process jemalloc"),
    ("bad-page", "BUG: non-zero pgtables_bytes on freeing mm: 4096", None),
    ("bad-page", "mm/pgtable-generic.c:54: bad pmd ffff888001234000(0000000000000001)", None),
    (
        "soft-lockup",
        "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [x:1]",
        "watchdog: BUG: soft lockup - CPU stuck",
    ),
    (
        "hard-lockup",
        "watchdog: Watchdog detected hard LOCKUP on cpu 1",
        "watchdog: Watchdog detected hard LOCKUP on CPU",
    ),
    ("rcu-stall", "rcu: INFO: rcu_preempt self-detected stall on CPU", None),
    ("rcu-stall", "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: {", None),
    ("hung-task", "INFO: task agent:12 blocked for more than 120 seconds.", "INFO: task agent blocked for too long"),
    ("atomic-sleep", "BUG: sleeping function called from invalid context at mm/x.c:1", None),
    ("bug", "BUG: something that no list names", None),
]


@pytest.mark.parametrize(("kind", "text", "title"), LINES)
@pytest.mark.parametrize("stamp", ["[   12.345678] ", "<0>[   12.345678] ", "<4>[   12.345678][   T12] "])
def test_each_kind_of_death_is_named_without_what_differs_between_runs(stamp, kind, text, title):
    crash = find_crash(f"[    0.100000] Linux version 6.12\n{stamp}{text}\nmore\n")
    assert crash is not None
    assert crash.kind == kind
    assert title is None or crash.title == title


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("BUG: KASAN: slab-use-after-free in zap_pte_range+0x1/0x2", "kasan:slab-use-after-free"),
        ("BUG: KFENCE: memory corruption in kfree+0x1/0x2", "kfence:memory-corruption"),
        ("BUG: KCSAN: data-race in a / b", "kcsan:data-race"),
        ("WARNING: possible circular locking dependency detected", "lockdep:circular"),
        ("WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected", "lockdep:irq-order"),
        ("[ BUG: Invalid wait context ]", "lockdep:wait-context"),
        ("Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled", "panic:oom"),
        ("Kernel panic - not syncing: sysrq triggered crash", "panic"),
        (
            "Oops: general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP",
            "oops:general-protection",
        ),
        ("Oops: 0000 [#1] PREEMPT SMP", "oops"),
        ("BUG: non-zero pgtables_bytes on freeing mm: 4096", "bad-page:pgtables-bytes"),
        ("mm/pgtable-generic.c:54: bad pmd ffff888001234000(0000000000000001)", "bad-page:bad-entry"),
        ("rcu: INFO: rcu_preempt self-detected stall on CPU", "rcu-stall:self"),
        ("WARNING: CPU: 0 PID: 1 at mm/memory.c:12 zap+0x1/0x2", "warn"),
    ],
)
def test_type_says_what_the_kind_leaves_open(text, type_):
    crash = find_crash(f"[   12.345678] {text}\n")
    assert crash is not None
    assert crash.type == type_


def test_stack_of_a_stall_is_that_of_who_stalls_not_of_the_thread_that_it_starves():
    lines = [
        "rcu: INFO: rcu_sched self-detected stall on CPU",
        "rcu: RCU grace-period kthread stack dump:",
        "task:rcu_sched state:R  running task stack:0 pid:15",
        "Call Trace:",
        " <TASK>",
        " rcu_gp_fqs_loop+0x1/0x20",
        " </TASK>",
        "CPU: 0 UID: 0 PID: 44 Comm: deaths/0 Not tainted",
        "RIP: 0010:spin_quietly+0x7/0x10",
        "Call Trace:",
        " kthread+0x1/0x20",
    ]
    crash = find_crash("".join(f"<3>[   12.345678][    C0] {line}\n" for line in lines))
    assert crash is not None
    assert crash.fingerprint == "rcu-stall:spin_quietly:kthread"


def test_signature_in_the_middle_of_a_line_counts():
    assert find_crash("TB-PHASE 1 start pagetabl[    5.000001] kernel BUG at mm/memory.c:1!").kind == "bug"
    assert find_crash("TB-PHASE 1 start pagetabl<1>[    5.000001] kernel BUG at mm/memory.c:1!").kind == "bug"


def test_first_crash_wins():
    text = "[    1.000000] WARNING: CPU: 0 PID: 1 at a\n[    2.000000] Kernel panic - not syncing: b\n"
    assert find_crash(text).kind == "warn"


def test_healthy_console_holds_no_crash():
    assert find_crash("[    0.000000] Linux version 6.12\n[    1.000000] x86/mm: ok\nTB-PHASE n start a=1\n") is None


@pytest.mark.parametrize(
    "line",
    [
        "the program says: Kernel panic - not syncing",
        "<12>[    1.000000] Kernel panic - not syncing: written to /dev/kmsg",
        "<4>[    1.000000] ODEBUG: BUG: in another subsystem's words",
        "<6>[    1.000000] Spectre V2 : WARNING: Unprivileged eBPF is enabled",
    ],
)
def test_words_that_the_kernel_did_not_say_are_no_crash(line):
    assert find_crash(f"<5>[    0.000000] Linux version 6.12\n{line}\n") is None


def test_console_that_shows_levels_shows_them_on_every_line_of_the_kernel():
    assert find_crash("<5>[    0.000000] Linux\n[    1.000000] Kernel panic - not syncing: by a program\n") is None


def test_what_the_kernels_log_denies_is_passed_over():
    console = "<0>[    1.000000] Kernel panic - not syncing: lie\n<0>[    2.000000] kernel BUG at mm/x.c:1!\n"
    lie = Sighting("panic", "Kernel panic - not syncing: lie", 1.0)
    assert find_crash(console, {lie}).kind == "bug"


REPORT = """\
TB-PHASE n start pagetables_kb=1
<4>[    2.000000] ------------[ cut here ]------------
<4>[    2.000001] refcount_t: underflow; use-after-free.
<4>[    2.000002] WARNING: CPU: 1 PID: 77 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110
<4>[    2.000003] CPU: 1 UID: 0 PID: 77 Comm: die Not tainted 6.12.117 #1
<4>[    2.000004] RIP: 0010:refcount_warn_saturate+0xba/0x110
<4>[    2.000005] Call Trace:
<4>[    2.000006]  <TASK>
<4>[    2.000007]  ? __warn+0x7f/0x120
<4>[    2.000008]  put_table.isra.0+0x33/0x40
TB-PHASE n peak pagetables_kb=2
<4>[    2.000009]  zap_pte_range+0x9c/0x300
<4>[    2.000010]  </TASK>
<4>[    2.000011] ---[ end trace 0000000000000000 ]---
<4>[    9.000000] later
"""


def test_report_has_its_message_its_stack_and_its_end():
    crash = find_crash(REPORT)
    said = "refcount_t: underflow; use-after-free"
    assert crash.title == f"WARNING: at lib/refcount.c:28 refcount_warn_saturate: {said}"
    assert [frame.function for frame in crash.stack] == ["refcount_warn_saturate", "put_table.isra.0", "zap_pte_range"]
    assert crash.report[0].endswith("[ cut here ]------------")
    assert crash.report[-1].startswith("<4>[    2.000011] ---[ end trace")


def test_fingerprint_leaves_out_what_reports_and_what_the_compiler_added():
    assert find_crash(REPORT).fingerprint == "warn:put_table:zap_pte_range"


def test_fingerprint_is_the_same_for_another_cpu_time_and_offset():
    other = REPORT.replace("    2.0", "   77.1").replace("CPU: 1 PID: 77", "CPU: 0 PID: 5").replace("+0x9c/", "+0x11/")
    assert find_crash(other).fingerprint == find_crash(REPORT).fingerprint


def test_crash_without_a_stack_is_known_by_its_title():
    crash = find_crash("<0>[    1.000000] Kernel panic - not syncing: No working init found.\n")
    assert crash.fingerprint == "panic:Kernel panic - not syncing: No working init found"


def test_two_cpus_that_report_at_once_are_told_apart():
    mine = [line.replace("] ", "][   T77] ", 1) for line in REPORT.splitlines()[1:-1] if line.startswith("<")]
    theirs = [line.replace("[   T77]", "[   T78]").replace("put_table", "get_table") for line in mine]
    both = "\n".join(line for pair in zip(mine, theirs, strict=True) for line in pair)
    crash = find_crash(both)
    assert [frame.function for frame in crash.stack] == ["refcount_warn_saturate", "put_table.isra.0", "zap_pte_range"]
