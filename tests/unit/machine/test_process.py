# SPDX-License-Identifier: GPL-2.0-only
import os
import signal
import subprocess
import sys
import time

import pytest

from testbed.errors import LaunchFailed
from testbed.machine.process import QemuProcess

PARENT = """
import sys, time
from pathlib import Path
from testbed.machine.process import QemuProcess
process = QemuProcess(["sleep", "1000"], Path(sys.argv[1]))
print(process.pid, flush=True)
time.sleep(1000)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_guest_dies_with_an_orchestrator_that_is_killed(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path / "stderr"], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(pid)
    parent.stdout.close()


def test_process_that_ignores_sigterm_is_ended_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("testbed.machine.process.QUIT_S", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(1000)"
    process = QemuProcess([sys.executable, "-c", deaf], tmp_path / "stderr")
    while not (tmp_path / "stderr").stat().st_size:
        time.sleep(0.01)
    process.end()
    assert process.exit_code == -signal.SIGKILL


def test_program_that_is_not_there_is_a_failed_launch(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LaunchFailed, match="setpriv"):
        QemuProcess(["sleep", "1"], tmp_path / "stderr")
