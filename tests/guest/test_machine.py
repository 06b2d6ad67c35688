# SPDX-License-Identifier: GPL-2.0-only
import dataclasses
import os
import signal
import time

import pytest

from testbed.errors import GuestHung, GuestLost, LaunchFailed, QemuKilled
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine, State
from testbed.run.guard import Guard

BOOT_S = 60


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_guest_boots_to_its_agents_hello_and_leaves_no_qemu(launch, kernel):
    with Machine(launch, Guard()) as machine:
        hello = machine.start(Deadline.after(BOOT_S))
        assert (hello["release"], hello["levels"]) == (kernel.release, 4)
        pid = machine.pid
    assert gone(pid)
    assert machine.state is State.GONE


def test_five_levels_are_five_levels(launch):
    with Machine(dataclasses.replace(launch, levels=5), Guard()) as machine:
        assert machine.start(Deadline.after(BOOT_S))["levels"] == 5


def test_panic_at_boot_is_told_in_two_seconds(launch):
    dying = dataclasses.replace(launch, cmdline=("rdinit=/nothing", "root=/dev/nothing"))
    with Machine(dying, Guard()) as machine, pytest.raises(GuestLost, match=r"panic: Kernel panic - not syncing"):
        try:
            machine.start(Deadline.after(BOOT_S))
        finally:
            written = (dying.folder / "console.log").stat().st_mtime
            assert time.time() - written < 2


def test_guest_that_stands_still_is_a_hang(launch):
    with Machine(launch, Guard()) as machine:
        machine.start(Deadline.after(BOOT_S))
        os.kill(machine.pid, signal.SIGSTOP)
        try:
            with pytest.raises(GuestHung, match=r"the guest's agent sent nothing for 1\.0 s"):
                machine.receive(Deadline.after(1))
        finally:
            os.kill(machine.pid, signal.SIGCONT)


def test_qemu_that_is_killed_is_noticed_at_once(launch):
    with Machine(launch, Guard()) as machine:
        machine.start(Deadline.after(BOOT_S))
        os.kill(machine.pid, signal.SIGKILL)
        began = time.monotonic()
        with pytest.raises(QemuKilled, match=r"ended from outside \(SIGKILL"):
            machine.receive(Deadline.after(30))
        assert time.monotonic() - began < 2


def test_guest_that_powers_off_by_itself_is_no_success(launch):
    with Machine(launch, Guard()) as machine:
        machine.start(Deadline.after(BOOT_S))
        machine.send(("cmd", "poweroff"))
        with pytest.raises(GuestLost, match=r"shutdown: reboot: Power down"):
            machine.receive(Deadline.after(30))


def test_call_in_the_wrong_state_raises_and_does_not_hang(launch):
    machine = Machine(launch, Guard())
    with pytest.raises(RuntimeError, match="the machine is created; this call needs it running"):
        machine.receive(Deadline.after(1))


def test_qemu_that_refuses_its_arguments_is_a_failed_launch(launch):
    broken = dataclasses.replace(launch, kernel=launch.folder / "no-kernel")
    with Machine(broken, Guard()) as machine, pytest.raises(LaunchFailed, match="no-kernel"):
        machine.start(Deadline.after(5))
