# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own log, read out of the guest's memory: what the kernel said, whatever was written to its console.

Records made by user space (/dev/kmsg) carry a facility other than 0, and what a program writes to the terminal is not
there at all. Source: ``struct printk_info`` in kernel/printk/printk_ringbuffer.h, read by drgn.
"""

from drgn import FaultError, Program
from drgn.helpers.linux.printk import PrintkRecord, get_printk_records

from testbed.errors import MeasureError

__all__ = ["kernel_log", "kernel_said"]

NS = 1_000_000_000
# The console shows microseconds, the ring buffer holds nanoseconds.
SAME_S = 2e-6


def kernel_said(prog: Program, clock_s: float) -> bool:
    """Tell whether the kernel itself logged anything at that second of its clock, to the microsecond.

    The text is not compared: where the buffer wraps, drgn gives it cut. True also where the buffer no longer reaches
    back so far. Raises MeasureError where it cannot be read.
    """
    records = _records(prog)
    if not records or clock_s < records[0].timestamp / NS - SAME_S:
        return True
    return any(record.facility == 0 and abs(record.timestamp / NS - clock_s) < SAME_S for record in records)


def kernel_log(prog: Program) -> str:
    """Give all that the kernel itself has logged, in the form of its console, printed there or not yet.

    Raises MeasureError where it cannot be read.
    """
    return "".join(f"{line}\n" for record in _records(prog) if record.facility == 0 for line in _lines(record))


def _records(prog: Program) -> list[PrintkRecord]:
    try:
        return get_printk_records(prog)
    except (LookupError, FaultError, ValueError, OSError) as error:
        raise MeasureError(f"the kernel's log over QMP: {error}") from error


def _lines(record: PrintkRecord) -> list[str]:
    """Give a record as ``console_msg_format=syslog`` shows it (``info_print_prefix`` in kernel/printk/printk.c)."""
    seconds, rest = divmod(record.timestamp, NS)
    task, cpu = record.caller_tid, record.caller_cpu
    caller = f"T{task}" if task is not None else f"C{cpu}" if cpu is not None else ""
    stamp = f"<{record.level}>[{seconds:5d}.{rest // 1000:06d}]" + (f"[{caller:>6}]" if caller else "")
    return [f"{stamp} {line}" for line in record.text.decode(errors="replace").split("\n")]
