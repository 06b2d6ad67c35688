# SPDX-License-Identifier: GPL-2.0-only
import dataclasses
import shlex
from pathlib import Path

import pytest

from testbed.machine.qemu import Icount, Launch, command_line, qemu_argv

LAUNCH = Launch("tcg", Path("/k/bzImage"), Path("/g/initramfs"), 1 << 30, 2, 4, Path("/run/cell"), Path("/tmp/tb-1"))


def test_kvm_and_tcg_differ_in_accel_and_cpu_alone():
    tcg = qemu_argv(LAUNCH)
    kvm = qemu_argv(dataclasses.replace(LAUNCH, accel="kvm"))
    differing = [tcg[index - 1] for index in range(len(tcg)) if tcg[index] != kvm[index]]
    assert differing == ["-accel", "-cpu"]


def test_page_table_levels_are_the_guests_not_the_cpu_models():
    assert "max,la57=off" in qemu_argv(LAUNCH)
    assert "max,la57=on" in qemu_argv(dataclasses.replace(LAUNCH, levels=5))


def test_guest_that_counts_instructions_knows_no_time_or_chance_of_the_hosts():
    counting = qemu_argv(dataclasses.replace(LAUNCH, icount=Icount(0, sealed=True)))
    at = counting.index("-icount")
    assert counting[at : at + 6] == [
        "-icount",
        "shift=0,sleep=off",
        "-rtc",
        "base=2026-01-01,clock=vm",
        "-seed",
        "1",
    ]
    assert counting[:at] + counting[at + 6 :] == qemu_argv(LAUNCH)


def test_kvm_counts_no_instructions():
    with pytest.raises(ValueError, match="TCG alone counts instructions"):
        dataclasses.replace(LAUNCH, accel="kvm", icount=Icount(0, sealed=True))


def test_guest_whose_instructions_take_longer_still_lives_with_the_hosts_time_and_chance():
    argv = qemu_argv(dataclasses.replace(LAUNCH, icount=Icount(4)))
    at = argv.index("-icount")
    assert argv[at + 1] == "shift=4,sleep=on"
    assert argv[:at] + argv[at + 2 :] == qemu_argv(LAUNCH)


@pytest.mark.parametrize("shift", [-1, 11])
def test_shift_that_qemu_refuses_is_refused_at_once(shift):
    with pytest.raises(ValueError, match="shifts from 0 to 10"):
        Icount(shift)


def test_no_network_device():
    assert "-nodefaults" in qemu_argv(LAUNCH)
    assert not {"-net", "-netdev", "-nic"} & set(qemu_argv(LAUNCH))


def test_comma_in_a_path_stays_in_the_path():
    argv = qemu_argv(dataclasses.replace(LAUNCH, folder=Path("/a,b")))
    assert any("logfile=/a,,b/console.log" in word for word in argv)


def test_line_to_paste_runs_at_once_with_its_console_on_the_terminal():
    words = shlex.split(command_line(LAUNCH))
    assert "-S" not in words
    assert "stdio,id=console,signal=off" in words
    assert not [word for word in words if "/tmp/tb-1" in word or "/run/cell" in word]
