# SPDX-License-Identifier: GPL-2.0-only
"""Post-mortems that cannot have all they want; whole ones come from live guests (tests/deaths)."""

from types import SimpleNamespace

import pytest

from testbed.errors import QmpLost
from testbed.judge.crash import find_crash
from testbed.machine.inspect import registers, sysrq
from testbed.measure.symbols import Symbols
from testbed.run.postmortem import crash_text, hang_text

MAP = "ffffffff81000000 T _stext\nffffffff81000100 t spin_here\nffffffff81000200 T _etext\n"
REGISTERS = "CPU#0\nRIP=ffffffff81000110 RFL=00000246\nCPU#1\nRIP=0000000000401234 RFL=00000246\n"


class Monitor:
    """Answers as it is told, or not at all."""

    def __init__(self, registers: str | None) -> None:
        self.registers = registers

    def execute(self, command: str, arguments: dict, timeout_s: float) -> str:
        if self.registers is None:
            raise QmpLost(f"QMP {command}: no answer for {timeout_s:g} s")
        return self.registers if command == "human-monitor-command" else ""


class Silence:
    closed = False

    def news(self) -> str:
        return ""

    def send(self, text: str) -> None:
        pass


def guest(monitor: Monitor) -> SimpleNamespace:
    return SimpleNamespace(
        registers=lambda: registers(monitor), sysrq=lambda key, wait_s: sysrq(monitor, Silence(), key, wait_s)
    )


def symbols(tmp_path) -> Symbols:
    (tmp_path / "System.map").write_text(MAP)
    return Symbols(tmp_path / "vmlinux")


def test_kernel_that_answers_nothing_is_known_by_its_registers(tmp_path):
    machine = guest(Monitor(REGISTERS))
    text, where = hang_text(machine, symbols(tmp_path), 0.1)
    assert where == "CPU 0 in spin_here+0x10, CPU 1 in user space; the kernel does not answer sysrq"
    assert REGISTERS in text


def test_monitor_that_is_stuck_too_is_no_hang_of_the_guest(tmp_path):
    machine = guest(Monitor(None))
    with pytest.raises(QmpLost, match="no answer for 3 s"):
        hang_text(machine, symbols(tmp_path), 1.0)


def test_kernel_without_its_map_is_known_by_addresses(tmp_path):
    machine = guest(Monitor(REGISTERS))
    _, where = hang_text(machine, Symbols(tmp_path / "gone" / "vmlinux"), 0.1)
    assert where.startswith("CPU 0 in 0xffffffff81000110, CPU 1 in 0x401234")


def test_stack_without_debug_information_is_shown_as_it_was_printed(tmp_path):
    console = "<4>[    1.000000] kernel BUG at mm/x.c:1!\n<4>[    1.000001] RIP: 0010:zap+0x1/0x2\n"
    text = crash_text(find_crash(console), Symbols(tmp_path / "gone" / "vmlinux"))
    assert "  zap+0x1/0x2\n" in text
    assert "(not decoded: " in text


def test_hang_of_a_machine_that_nobody_sees_into_says_so(tmp_path):
    machine = SimpleNamespace(registers=str, sysrq=lambda key, wait_s: "")
    text, where = hang_text(machine, symbols(tmp_path), 0.1)
    assert where == "nobody sees its CPUs; the kernel does not answer sysrq"
    assert "(not of a physical machine)" in text
