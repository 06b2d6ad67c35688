# SPDX-License-Identifier: GPL-2.0-only
"""What can still be asked of a guest that stands still: its vCPUs' registers, and its kernel by magic sysrq."""

import re
import time

from testbed.machine.console import Console
from testbed.machine.qemu import CONSOLE
from testbed.machine.qmp import Qmp

__all__ = ["instruction_pointers", "registers", "sysrq"]

REGISTERS_S = 3.0
BREAK_S = 2.0
# How long the kernel may be silent between two lines of an answer before it is taken to be over.
PAUSE_S = 0.5
TICK_S = 0.02


def registers(qmp: Qmp) -> str:
    """Give the registers of all vCPUs as QEMU prints them (HMP ``info registers -a``); QmpLost where QEMU is stuck."""
    return str(qmp.execute("human-monitor-command", {"command-line": "info registers -a"}, REGISTERS_S))


def instruction_pointers(text: str) -> list[int]:
    """Give RIP of each vCPU, in their order, from :func:`registers`."""
    return [int(value, 16) for value in re.findall(r"\bRIP=([0-9a-f]+)", text)]


def sysrq(qmp: Qmp, console: Console, key: str, wait_s: float) -> str:
    """Ask the kernel by a break on its console (QMP ``chardev-send-break``) and the key; give what it answered.

    Empty where the kernel did not answer in ``wait_s`` seconds; QmpLost where QEMU did not.
    """
    console.news()
    qmp.execute("chardev-send-break", {"id": CONSOLE}, BREAK_S)
    console.send(key)
    answer = ""
    end = time.monotonic() + wait_s
    spoke = end
    while time.monotonic() < min(end, spoke + PAUSE_S) and not console.closed:
        news = console.news()
        if news:
            answer += news
            spoke = time.monotonic()
        time.sleep(TICK_S)
    return answer
