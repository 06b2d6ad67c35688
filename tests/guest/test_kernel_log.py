# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's log as read out of the guest's memory, held against its console."""

from dataclasses import replace

from testbed.judge.signature import has_level
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine
from testbed.measure.outside import Examiner
from testbed.run.guard import Guard


def test_log_in_memory_holds_every_line_of_the_console_and_what_was_not_printed(launch, kernel):
    # a kernel that is content with its host's clocks prints nothing at the usual level
    talkative = replace(launch, cmdline=(*launch.cmdline, "loglevel=7"))
    with Machine(talkative, Guard()) as machine:
        machine.start(Deadline.after(60))
        log = Examiner(launch.examine_socket, kernel.vmlinux).log().splitlines()
        printed = [line for line in machine.console_text.splitlines() if has_level(line)]
    assert printed
    assert set(printed) <= set(log)
    assert any("Linux version" in line for line in log)


def test_kernel_owns_its_own_words_and_no_others(launch, kernel):
    with Machine(launch, Guard()) as machine:
        machine.start(Deadline.after(60))
        examiner = Examiner(launch.examine_socket, kernel.vmlinux)
        last = examiner.log().splitlines()[-1]
        clock_s = float(last.partition("[")[2].partition("]")[0])
        assert examiner.said(clock_s)
        assert not examiner.said(clock_s + 1000)
