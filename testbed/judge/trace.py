# SPDX-License-Identifier: GPL-2.0-only
"""The stack in a kernel's report: which functions, in which order, and which of them tell one crash from another."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from testbed.judge.signature import UNSTAMPED, caller, unstamped

__all__ = ["Frame", "fingerprint", "frames", "report_lines"]

# A report is over at the latest after so many lines; lockdep's are the longest.
LONGEST_REPORT = 300
LEAD_IN = 6
FINGERPRINT_FRAMES = 5
_END = re.compile(r"---\[ end (?:trace|Kernel panic)")
_RULE = re.compile(r"={20,}|-{12}\[ cut here \]-{12}")
_FRAME = re.compile(r"(?P<guess>\? )?(?P<function>[\w.]+)\+0x(?P<offset>[0-9a-f]+)/0x(?P<size>[0-9a-f]+)(?: \[\w+\])?")
# Between two frames of one stack: where it changes, and the registers of what was interrupted.
_WITHIN = re.compile(r"<|RIP: |RSP: |R\w\w: |(?:Code|CS|CR2|FS|ORIG_RAX): ")
# A stall's report may show first whom the stall kept from running; what follows is the one that stalls.
_BYSTANDER = re.compile(r"rcu: RCU grace-period kthread stack dump:")
_NEXT_TASK = re.compile(r"CPU: \d+ |NMI backtrace|Sending NMI|rcu: Stack dump where")
_RIP = re.compile(rf"RIP: 0010:(?:{_FRAME.pattern})")
# What the compiler adds to a function's name when it splits or clones it.
_SUFFIX = re.compile(r"\.(?:isra|constprop|part|cold|llvm)(?:\.\d+)?")
# Functions that report a crash, or that stand between it and the interrupt that found it: the same in all of a kind.
_REPORTERS = re.compile(
    r"dump_stack.*|show_(?:stack|regs|trace).*|print_.*|v?panic|nmi_panic|die|die_addr|__die.*|oops_.*|crash_.*"
    r"|kasan_.*|__kasan_.*|__asan_.*|check_(?:slab_allocation|memory_region|region_inline)"
    r"|check_(?:noncircular|prev_add|prevs_add|panic.*)"
    r"|kfence_.*|__kfence_.*|(?:__)?kcsan_.*|__tsan_.*|ubsan_.*|__ubsan_.*|handle_overflow"
    r"|__?warn.*|warn_slowpath.*|report_bug.*|handle_bug|refcount_warn_saturate|__list_(?:add|del)_.*"
    r"|(?:asm_)?(?:exc|sysvec)_.*|__sysvec_.*|(?:do_)?(?:error_trap|int3|trap)|do_user_addr_fault|page_fault_oops"
    r"|__bad_area.*|bad_area.*|fixup_.*|no_context|__might_(?:sleep|resched|fault)|__schedule_bug"
    r"|lockdep_.*|debug_check_.*|mark_(?:lock|usage|held_locks).*|validate_chain|check_wait_context"
    r"|object_err|slab_(?:err|bug|fix)|check_(?:bytes_and_report|object)|__stack_chk_fail|__fortify_.*|usercopy_abort"
    r"|(?:__)?schedule|schedule_(?:timeout|hrtimeout|preempt_disabled).*|sched_show_task"
    r"|wq_watchdog_timer_fn|call_timer_fn|(?:__)?run_timer.*|handle_softirqs"
    r"|valid_state|usage_.*|.*_lock_bug|spin_(?:bug|dump)|bad_page|free_page_is_bad.*"
    r"|watchdog_timer_fn|watchdog_(?:hardlockup|overflow).*|rcu_sched_clock_irq|update_process_times|tick_.*"
    r"|(?:__)?hrtimer_.*|nmi_.*|trigger_.*|arch_trigger_.*|sysrq_handle_.*|check_hung.*|watchdog|rcu_dump_.*|rcu_check_.*"
)
# Those who take and give back locks: what is wrong with a lock is wrong with who uses it.
_LOCKS = re.compile(
    r"(?:__)?lock_(?:acquire|release).*|register_lock_class|(?:do)?_raw_(?:spin|read|write)_.*"
    r"|(?:native_)?queued_(?:spin|read|write)_lock_slowpath|(?:__)?mutex_(?:un)?lock.*|(?:__)?(?:down|up)_(?:read|write).*"
)


@dataclass(frozen=True)
class Frame:
    """A place in a stack: ``offset`` and ``size`` in bytes as printed, ``call`` unless it is where the CPU stood."""

    function: str
    offset: int
    size: int
    call: bool = True

    @property
    def text(self) -> str:
        """As the kernel prints it."""
        return f"{self.function}+{self.offset:#x}/{self.size:#x}"


def report_lines(lines: Sequence[str], at: int) -> list[str]:
    """Give the lines of the report whose signature is in ``lines[at]``, from its reporter's rule to its end.

    Lines of others that came between are among them.
    """
    who = caller(lines[at])
    before = range(at, max(-1, at - LEAD_IN - 1), -1)
    start = next((n for n in before if _RULE.search(lines[n]) and caller(lines[n]) == who), at)
    report = list(lines[start : at + 1])
    for line in islice(lines, at + 1, at + LONGEST_REPORT):
        report.append(line)
        if _END.search(line) and caller(line) == who:
            break
    return report


def frames(report: Sequence[str], who: str = "") -> list[Frame]:
    """Give the frames of a report's first stack, the faulting one first, user addresses left out.

    Guesses (``?``) count where the kernel found nothing else, as when it ran into data. Where lines tell who printed
    them (CONFIG_PRINTK_CALLER), the stack that ``who`` printed comes before others'.

    >>> frames(["[    1.500000] RIP: 0010:zap+0x1/0x20", "[    1.500000]  ? a+0x1/0x2", "[    1.500000]  b+0x3/0x9"])
    [Frame(function='zap', offset=1, size=32, call=False), Frame(function='b', offset=3, size=9, call=True)]
    """
    by_caller: dict[str, list[str]] = {who: []}
    for line in report:
        by_caller.setdefault(caller(line), []).append(unstamped(line).strip())
    # a stall is told by one CPU, and its stack by the one that stalls
    stacks = (_stack(lines) for whose, lines in by_caller.items() if whose != UNSTAMPED)
    return next((stack for stack in stacks if stack), [])


def _stack(lines: Iterable[str]) -> list[Frame]:
    found: list[Frame] = []
    guessed: list[Frame] = []
    at: Frame | None = None
    bystander = False
    for line in lines:
        bystander = _BYSTANDER.match(line) is not None or (bystander and not _NEXT_TASK.match(line))
        if bystander:
            continue
        rip = _RIP.search(line)
        if rip is not None and at is None and not found:
            at = _frame(rip, call=False)
        match = _FRAME.fullmatch(line)
        if match is not None:
            (guessed if match["guess"] else found).append(_frame(match))
        elif (found or guessed) and not _WITHIN.match(line):
            break
    stack = found or guessed
    return [at, *stack] if at else stack


def fingerprint(kind: str, title: str, stack: Sequence[Frame]) -> str:
    """Give what two reports of one bug share: the kind and the first five functions that matter, else the title."""
    return ":".join([kind, *(_telling(stack)[:FINGERPRINT_FRAMES] or [title])])


def _telling(stack: Sequence[Frame]) -> list[str]:
    """Give the functions that matter, the innermost first: none that reports a crash, or takes or gives back a lock."""
    # a recursion counts once, however deep it was
    named = (name for name, _ in groupby(_SUFFIX.sub("", frame.function) for frame in stack))
    return [name for name in named if not (_REPORTERS.fullmatch(name) or _LOCKS.fullmatch(name))]


def _frame(match: re.Match[str], call: bool = True) -> Frame:
    return Frame(match["function"], int(match["offset"], 16), int(match["size"], 16), call)
