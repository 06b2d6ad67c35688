# SPDX-License-Identifier: GPL-2.0-only
"""In processes of their own, as a test runner has handlers too."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from terminal import as_from_a_terminal

PROGRAM = """
import sys, time
from testbed.run.signals import interruptible
out = open(sys.argv[1], "w", buffering=1)
with interruptible():
    try:
        print("ready", file=out)
        time.sleep(60)
    except KeyboardInterrupt:
        print("ends in order", file=out)
        time.sleep(0.5)
        print("to a terminal that may be gone", flush=True)
        print("ended", file=out)
"""


def start(path, **how) -> subprocess.Popen:
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, path], **{"preexec_fn": as_from_a_terminal, **how})
    end = time.monotonic() + 20
    while not (path.is_file() and "ready" in path.read_text()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return program


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_block_in_order_and_a_second_one_does_not_cut_that_short(number, tmp_path):
    program = start(tmp_path / "out", stdout=subprocess.DEVNULL)
    program.send_signal(number)
    time.sleep(0.2)
    program.send_signal(number)
    assert program.wait(10) == 0
    assert (tmp_path / "out").read_text().splitlines() == ["ready", "ends in order", "ended"]


def test_terminal_that_is_closed_takes_no_exception_along(tmp_path):
    ours, theirs = pty.openpty()
    program = start(tmp_path / "out", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.close(ours)  # nobody holds the terminal any more: to write there is an I/O error
    program.send_signal(signal.SIGHUP)
    assert program.wait(10) == 0
    assert (tmp_path / "out").read_text().splitlines()[-1] == "ended"


def test_hangup_that_nohup_ignores_stays_ignored(tmp_path):
    program = start(
        tmp_path / "out", stdout=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    program.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert program.poll() is None
    program.terminate()
    assert program.wait(10) == 0
